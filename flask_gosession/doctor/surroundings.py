"""The app's environment: the number of processes, a proxy in front, other extensions."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from flask import has_request_context, request
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_gosession.config import PREFIX
from flask_gosession.engine.scanning import addresses
from flask_gosession.errors import StoreError
from flask_gosession.findings import Finding
from flask_gosession.stores.breaker import behind_breaker
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.web.state import State

PLATFORMS: Mapping[str, str] = {
    "DYNO": "Heroku",
    "K_SERVICE": "Cloud Run",
    "FLY_APP_NAME": "Fly.io",
    "RENDER": "Render",
    "WEBSITE_SITE_NAME": "Azure App Service",
    "RAILWAY_ENVIRONMENT": "Railway",
}
"""Environment variables of platforms that always put a proxy in front."""

ENOUGH = 10
"""How many sessions must come from one private address before it is taken for a proxy's."""
LOOKED_AT = 200

PROXY_FIX = "app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)"


def check_surroundings(state: State, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Check processes, proxies and other extensions."""
    yield from _memory(state, environ)
    yield from _proxy(state, environ)
    for clash in _CLASHES:
        yield from clash(state)


def workers(environ: Mapping[str, str]) -> int:
    """Return how many worker processes serve the app, as far as the environment tells; 1 if it does not."""
    uwsgi = sys.modules.get("uwsgi")
    asked = re.search(r"(?:-w|--workers)[ =]?(\d+)", environ.get("GUNICORN_CMD_ARGS", ""))
    known = (getattr(uwsgi, "numproc", 1), asked and asked[1], environ.get("WEB_CONCURRENCY"))
    return max(int(number) for number in (*known, 1) if number and str(number).isdecimal())


def _memory(state: State, environ: Mapping[str, str]) -> Iterator[Finding]:
    if not isinstance(behind_breaker(state.manager.store), MemoryStore):
        return
    count, development = workers(environ), state.app.debug or state.app.testing
    fix = f'{PREFIX}STORE = "redis://localhost"  # or "sqlite:////var/lib/app/sessions.db" on one machine'
    if count > 1:
        what = f"{count} worker processes have a memory each, and sessions are kept there."
        why = "A session is known to the worker that made it, and to no other: people are signed out at random."
        yield Finding("store.workers", "error", what, why, fix)
    elif not development:
        what = "Sessions are kept in the memory of the process."
        why = "A restart signs everybody out and lifts all bans, and a second worker would not know them."
        yield Finding("store.memory", "warning", what, why, fix)


def _proxy(state: State, environ: Mapping[str, str]) -> Iterator[Finding]:
    evidence = None if _has_proxy_fix(state.app.wsgi_app) else _evidence(state, environ)
    if evidence is not None:
        yield Finding(
            "proxy.fix",
            "warning",
            f"{evidence}, and there is no ProxyFix.",
            "Sessions show the proxy's address instead of the person's, and HTTPS and host names are not recognised.",
            PROXY_FIX,
        )


def _has_proxy_fix(wsgi_app: Any) -> bool:
    """Whether ProxyFix is one of the layers around the app."""
    for _ in range(20):
        if wsgi_app is None or isinstance(wsgi_app, ProxyFix):
            break
        wsgi_app = getattr(wsgi_app, "app", None) or getattr(wsgi_app, "wsgi_app", None)
    return wsgi_app is not None


def _evidence(state: State, environ: Mapping[str, str]) -> str | None:
    """Return the evidence for a proxy in front, as the start of a sentence."""
    if has_request_context() and "X-Forwarded-For" in request.headers:
        return "A proxy has sent this request"
    for variable, platform in PLATFORMS.items():
        if environ.get(variable):
            return f"{platform} puts a proxy in front of the app"
    try:
        found = list(islice(addresses(state.manager.store, state.manager.clock()), LOOKED_AT))
    except StoreError:
        return None
    return _one_private_address(found)


def _one_private_address(found: Sequence[str]) -> str | None:
    if len(found) < ENOUGH or len(set(found)) > 1:
        return None
    try:
        address = ipaddress.ip_address(found[0])
    except ValueError:
        return None
    return f"All of {len(found)} sessions come from {address}" if address.is_private else None


def _flask_login(state: State) -> Iterator[Finding]:
    if type(getattr(state.app, "login_manager", None)).__module__.startswith("flask_login"):
        yield _clash(
            "flask_login",
            "Flask-Login is set up for this app, too.",
            "Both put current_user into templates, and its login_required does not know our sessions.",
            "Import login_required and current_user from flask_gosession alone, and remove LoginManager.",
        )


def _flask_jwt_extended(state: State) -> Iterator[Finding]:
    extension = state.app.extensions.get("flask-jwt-extended")
    if extension is not None and not _is_adapter(extension):
        yield _clash(
            "flask_jwt_extended",
            "Flask-JWT-Extended is set up for this app, too.",
            "Both read the Authorization header: a token of one is refused by routes of the other.",
            'JWT_HEADER_TYPE = "JWT"  # or JWT_TOKEN_LOCATION = ["cookies"], until its routes are moved',
        )


def _flask_wtf(state: State) -> Iterator[Finding]:
    extension = state.app.extensions.get("csrf")
    if type(extension).__module__.startswith("flask_wtf"):
        yield _clash(
            "flask_wtf",
            "CSRFProtect of Flask-WTF guards this app, too.",
            "It refuses API calls with a bearer token, which need no CSRF value. Our own endpoints are exempt from it.",
            "csrf.exempt(api)  # the blueprint whose views are called with bearer tokens",
        )


def _flask_cors(state: State) -> Iterator[Finding]:
    config = state.app.config
    origins = config.get("CORS_ORIGINS", "*" if "CORS_SUPPORTS_CREDENTIALS" in config else None)
    if "cookie" in state.config.token_locations and config.get("CORS_SUPPORTS_CREDENTIALS") and "*" in (origins or ()):
        yield Finding(
            "extensions.flask_cors",
            "error",
            "Flask-CORS lets every site send cookies and read the answers.",
            "Any page that a signed-in person visits can read what they can read.",
            'CORS_ORIGINS = ["https://your.site"]',
        )


def _is_adapter(extension: Any) -> bool:
    """Whether it is one of `flask_gosession.adapters`, whose sessions are ours."""
    return any(base.__module__.startswith("flask_gosession.") for base in type(extension).__mro__)


def _clash(name: str, what: str, why: str, fix: str) -> Finding:
    return Finding(f"extensions.{name}", "warning", what, why, fix)


_Clash = Callable[[State], Iterator[Finding]]
_CLASHES: tuple[_Clash, ...] = (
    _flask_login,
    _flask_jwt_extended,
    _flask_wtf,
    _flask_cors,
)
