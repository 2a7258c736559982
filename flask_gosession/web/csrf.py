"""CSRF protection: a value bound to the session, or the origin that browsers report."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Request

from flask_gosession import ids
from flask_gosession.config import Config
from flask_gosession.errors import CSRFFailed
from flask_gosession.tokens.types import Claims
from flask_gosession.web import flask_wtf

log: logging.Logger = logging.getLogger("flask_gosession")

FORMER_HEADER, FORMER_FIELD = "X-CSRF-Token", "csrf_token"
"""Names that pages opened before an upgrade still send. Deprecated: the next release no longer accepts them."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class CSRFGuard:
    """Protects the cookies of one realm from requests that other sites make a browser send.

    The first of *keys* makes new values; the others, from ``SECRET_KEY_FALLBACKS``, still check old ones.
    """

    def __init__(self, config: Config, keys: Sequence[bytes]) -> None:
        self.enabled: bool = bool(config.csrf)
        self._config = config
        self._keys = tuple(keys)
        self._told = False

    def value_for(self, sid: bytes) -> str:
        """Return the CSRF value of a session: bound to it, and useless in any other."""
        return _value(self._keys[0], sid)

    def asks(self, request: Request) -> bool:
        """Whether a cookie that comes with *request* takes proof that a page meant to send it."""
        return self.enabled and request.method not in SAFE_METHODS

    def require_proof(self, request: Request, claims: Claims) -> None:
        """Raise CSRFFailed unless the page meant to send the cookie that held *claims*. Safe methods always pass."""
        if not self.asks(request):
            return
        self.require_own_origin(request)
        if self._config.csrf == "origin" or self._has_value(request, claims.sid) or flask_wtf.has_verified():
            return
        raise CSRFFailed(
            why=f"neither the header {self._config.csrf_header} nor the form field {self._config.csrf_field} has the "
            "value of this session, which gosession.csrf_token() and the readable cookie have"
        )

    def require_own_origin(self, request: Request) -> None:
        """Raise CSRFFailed when the browser says that another site sent an unsafe request.

        Clients that are not browsers do not say, and pass: no other site can make them send anything.
        """
        if request.method in SAFE_METHODS:
            return
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
        if origin is not None and origin in self._config.csrf_trusted_origins:
            return
        if site not in {"same-origin", "none"}:
            raise CSRFFailed(why=f"Sec-Fetch-Site is {site[:40]!r}, and the origin {_shown(origin)} is not trusted")
        if origin is not None and not _is_own(origin, request):
            raise CSRFFailed(
                why=f"the origin {_shown(origin)} is neither trusted nor {request.scheme}://{_shown(request.host)}; "
                "behind a proxy, ProxyFix has to know the name and the scheme that browsers use"
            )

    def _has_value(self, request: Request, sid: bytes) -> bool:
        if self._is_value(_given(request, self._config.csrf_header, self._config.csrf_field), sid):
            return True
        is_former = self._is_value(_given(request, FORMER_HEADER, FORMER_FIELD), sid)
        if is_former and not self._told:
            self._told = True
            log.warning(
                "deprecated: a CSRF value came as %s or %s, which the next release no longer accepts; send %s or %s",
                *(FORMER_HEADER, FORMER_FIELD, self._config.csrf_header, self._config.csrf_field),
            )
        return is_former

    def _is_value(self, given: bytes, sid: bytes) -> bool:
        return any(hmac.compare_digest(given, _value(key, sid).encode()) for key in self._keys)


def _given(request: Request, header: str, field: str) -> bytes:
    value = request.headers.get(header) or request.form.get(field, "")
    return value.encode("utf-8", "replace")


def _value(key: bytes, sid: bytes) -> str:
    return ids.to_text(hmac.digest(key, sid, "sha256"))


def _shown(value: str | None) -> str:
    """Show what a client has sent in one line of the log."""
    return repr(value if value is None else value[:100])


def _is_own(origin: str, request: Request) -> bool:
    """Whether *origin* is this host; a proxy may have terminated TLS, but nothing adds it."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.netloc == request.host and (parts.scheme == "https" or parts.scheme == request.scheme)
