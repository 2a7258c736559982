"""How a refusal reaches the client: the app's own handler, a redirect for a browser, or JSON."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, current_app, flash, redirect, request, url_for
from werkzeug.urls import iri_to_uri

from flask_gosession.context import EXTENSION, State, realm_of
from flask_gosession.errors import AnsweredError, AuthError
from flask_gosession.redirects import safe_next


def answer(error: AnsweredError) -> Any:
    """Return what the client gets for *error*; registered for all errors of this package that have an answer."""
    state = _state_for(error)
    handler = state.handlers.get(error.error) or state.handlers.get(None)
    if handler is not None:
        return current_app.ensure_sync(handler)(error)
    login_view = state.config.login_view
    if isinstance(error, AuthError) and error.code == 401 and login_view and _may_be_sent(login_view):
        return _to_login(error, login_view)
    return error_response(error, state.config.error_format)


def register(app: Flask) -> None:
    """Let *app* answer the errors of this package, and only those."""
    app.register_error_handler(AnsweredError, answer)


def error_response(error: AnsweredError, error_format: str = "json") -> Response:
    """Return *error* as JSON, or as problem+json (RFC 9457)."""
    if error_format == "json":
        return Response(json.dumps(error.data), status=error.code, headers=error.headers, mimetype="application/json")
    problem = {"type": "about:blank", "title": error.text, "status": error.code, "detail": error.message, **error.data}
    return Response(json.dumps(problem), status=error.code, headers=error.headers, mimetype="application/problem+json")


def wants_page() -> bool:
    """Whether the client is a browser that shows what it gets: a script, or who takes anything, wants JSON."""
    if request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return False
    if request.is_json or request.headers.get("X-Requested-With") == "XMLHttpRequest":
        return False
    # No browser asks for JSON by name; who does gets it, also where HTML would be as welcome.
    named = {kind.lower(): quality for kind, quality in request.accept_mimetypes}
    return named.get("text/html", 0) > named.get("application/json", 0)


def _may_be_sent(login_view: str) -> bool:
    """Whether a redirect to *login_view* helps: not a script, and not a browser that asks for just that page."""
    return wants_page() and not (request.endpoint == login_view and request.method in ("GET", "HEAD"))


def _to_login(error: AuthError, login_view: str) -> Any:
    """Send a browser to the login view, with the way back and the reason."""
    if current_app.secret_key:
        flash(error.message, "gosession")
    query = urlencode({"next": _way_back()})
    page = url_for(login_view)
    response = redirect(f"{page}{'&' if '?' in page else '?'}{query}", 303)
    response.headers["Cache-Control"] = "no-store"
    return response


def _way_back() -> str:
    try:
        if request.method in ("GET", "HEAD"):
            here = urlsplit(iri_to_uri(request.url))
            return safe_next(f"{here.path}?{here.query}" if here.query else here.path)
        referrer = urlsplit(request.referrer or "")
    except ValueError:  # a Host or Referer that is no address, or no name in IDNA
        return "/"
    return safe_next(referrer.path) if referrer.netloc == request.host else "/"


def _state_for(error: AnsweredError) -> State:
    states: dict[str, State] = current_app.extensions[EXTENSION]
    return states.get(error.realm or realm_of(request) or "default") or next(iter(states.values()))
