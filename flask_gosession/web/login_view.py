"""Where a browser is sent to sign in, and the message shown there."""

from __future__ import annotations

import difflib
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, Request, current_app, flash, redirect, request, url_for
from werkzeug.urls import iri_to_uri

from flask_gosession.config import PREFIX, Config
from flask_gosession.errors import AuthError, ConfigError
from flask_gosession.web.redirects import safe_next


def view_for(config: Config, request: Request) -> str | None:
    """Return the login view of the innermost blueprint that has one, or the realm's."""
    for name in request.blueprints:
        if name in config.login_views:
            return config.login_views[name]
    return config.login_view


def is_login_view(config: Config, request: Request) -> bool:
    """Whether *request* asks for one of the realm's login views: that page must not ask for a login itself."""
    here = {request.endpoint, request.script_root + request.path}
    return not here.isdisjoint({config.login_view, *config.login_views.values()} - {None})


def to_login(error: AuthError, view: str, config: Config) -> Any:
    """Send a browser to the login view, with the way back and the reason."""
    message = _message(error, config.login_message)
    if message and current_app.secret_key:
        flash(message, config.login_message_category)
    page = view if _is_address(view) else url_for(view)
    way_back = _way_back()
    if urlsplit(page).netloc not in ("", request.host):  # a path alone would mean nothing on another host
        way_back = request.host_url.rstrip("/") + way_back
    response = redirect(f"{page}{'&' if '?' in page else '?'}{urlencode({'next': way_back})}", 303)
    response.headers["Cache-Control"] = "no-store"
    return response


def require_views(app: Flask, config: Config) -> None:
    """Raise ConfigError for a login view that is not an endpoint of *app*, now that all are registered."""
    named = {"LOGIN_VIEW": config.login_view}
    named |= {f"LOGIN_VIEWS[{name!r}]": view for name, view in config.login_views.items()}
    problems = [
        f"{PREFIX}{setting} = {view!r} {problem}"
        for setting, view in named.items()
        if view is not None and not _is_address(view) and (problem := _problem(app, view))
    ]
    if problems:
        raise ConfigError(*problems)


def _problem(app: Flask, endpoint: str) -> str | None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint == endpoint]
    if not rules:
        near = [name for name in app.view_functions if name.rpartition(".")[2] == endpoint]
        near = near or difflib.get_close_matches(endpoint, app.view_functions, 1)
        hint = f'; did you mean "{near[0]}"?' if near else "; a path begins with /."
        return f"is not an endpoint of this app{hint}"
    if app.url_default_functions or any(rule.arguments <= set(rule.defaults or ()) for rule in rules):
        return None
    return "is an endpoint whose address needs arguments, so no browser can be sent there."


def _is_address(view: str) -> bool:
    return "/" in view


def _message(error: AuthError, configured: Any) -> str:
    """Return the message for the person; a function may translate it, and lazy text is translated when shown."""
    if configured is None:
        return error.message
    if callable(configured):
        configured = current_app.ensure_sync(configured)(error)
    return str(configured or "")


def _way_back() -> str:
    try:
        if request.method in ("GET", "HEAD"):
            here = urlsplit(iri_to_uri(request.url))
            return safe_next(f"{here.path}?{here.query}" if here.query else here.path)
        referrer = urlsplit(request.referrer or "")
    except ValueError:  # a Host or Referer that is not an address, or not a name in IDNA
        return "/"
    return safe_next(referrer.path) if referrer.netloc == request.host else "/"
