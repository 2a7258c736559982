"""How a refusal reaches the client: the app's own handler, a redirect or a page for a browser, or JSON."""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from flask_gosession.errors import AnsweredError, AuthError, CSRFFailed
from flask_gosession.web.login_view import is_login_view, to_login, view_for
from flask_gosession.web.state import EXTENSION, State
from flask_gosession.web.transport import is_navigation
from flask_gosession.web.visit import realm_of

log: logging.Logger = logging.getLogger("flask_gosession")


def register(app: Flask) -> None:
    """Let *app* answer the errors of this package, and no others.

    The first that has an answer gives it: `GoSession.error_handler`, the redirect to the login view, a handler that the
    app or the blueprint has registered for the status or the class, and last our own body.
    """
    by_status_or_class = app.handle_http_exception

    def handle(error: HTTPException) -> Any:
        first = answer_first(error) if isinstance(error, AnsweredError) else None
        return by_status_or_class(error) if first is None else first

    # Flask asks for handlers of a status before those of a class, and a blueprint's before an app's: no registration
    # comes before all of them.
    app.handle_http_exception = handle  # type: ignore[method-assign,assignment]  # Any is an answer
    app.register_error_handler(AnsweredError, own_answer)


def answer_first(error: AnsweredError) -> Any:
    """Return the answer of the realm's own handler, or a redirect to the login view; None if there is neither."""
    state = _state_for(error)
    if isinstance(error, CSRFFailed):
        log.warning("%s %s was refused as forged (CSRF): %s", request.method, request.path, error.why)
    handler = state.handlers.get(error.error) or state.handlers.get(None)
    if handler is not None:
        return current_app.ensure_sync(handler)(error)
    view = view_for(state.config, request)
    if isinstance(error, AuthError) and error.code == 401 and view and _may_be_sent(state):
        return to_login(error, view, state.config)
    return None


def own_answer(error: AnsweredError) -> Response:
    """Return our own body: a page for a browser that shows it, and JSON for all others."""
    return page(error) if wants_page() else error_response(error, _state_for(error).config.error_format)


def page(error: AnsweredError) -> Response:
    """Return *error* as a bare page, like Flask's own error pages."""
    return Response(HTTPException.get_body(error), status=error.code, headers=error.headers, mimetype="text/html")


def error_response(error: AnsweredError, error_format: str = "json") -> Response:
    """Return *error* as JSON, or as problem+json (RFC 9457)."""
    if error_format == "json":
        return Response(json.dumps(error.data), status=error.code, headers=error.headers, mimetype="application/json")
    problem = {"type": "about:blank", "title": error.text, "status": error.code, "detail": error.message, **error.data}
    return Response(json.dumps(problem), status=error.code, headers=error.headers, mimetype="application/problem+json")


def wants_page() -> bool:
    """Whether the client is a browser that shows the answer; scripts, and clients that accept anything, get JSON."""
    if not is_navigation(request) or request.is_json or request.headers.get("X-Requested-With") == "XMLHttpRequest":
        return False
    # No browser asks for JSON by name; a client that does gets it, even if HTML would be as welcome.
    named = {kind.lower(): quality for kind, quality in request.accept_mimetypes}
    return named.get("text/html", 0) > named.get("application/json", 0)


def _may_be_sent(state: State) -> bool:
    """Whether a redirect to the login view helps: not a script, and not a browser that asks for just that page."""
    return wants_page() and not (is_login_view(state.config, request) and request.method in ("GET", "HEAD"))


def _state_for(error: AnsweredError) -> State:
    states: dict[str, State] = current_app.extensions[EXTENSION]
    return states.get(error.realm or realm_of(request) or "default") or next(iter(states.values()))
