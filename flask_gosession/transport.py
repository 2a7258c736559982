"""Where tokens travel: read from header, JSON body, query or cookie, with the proof that a cookie was meant."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from flask import Request

from flask_gosession import ids
from flask_gosession.config import Config
from flask_gosession.cookies import CookieJar
from flask_gosession.errors import CSRFFailed, TokenMalformed
from flask_gosession.tokens.types import Claims, TokenType

EXTRACTOR = "extractor"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_Reader = Callable[[Request, TokenType], "str | None"]

_BEARER = re.compile(r"bearer +([^\s,]+)", re.IGNORECASE)


class Presented(NamedTuple):
    """A token as a request brought it, and where."""

    token: str
    location: str

    def __repr__(self) -> str:
        return f"Presented(location={self.location!r})"


class Extractor(Protocol):
    """Finds a token in a request, or says that there is none; raises TokenMalformed for what cannot be one.

    It is called with the request and the type of the token, and may be a coroutine function.
    """

    def __call__(self, request: Request, kind: TokenType, /) -> str | Awaitable[str | None] | None:
        """Return the token of that kind."""
        ...


class Transport:
    """Reads tokens from requests.

    What a client says on purpose beats what a browser adds by itself: header, JSON body, query, cookie, in this order
    and whatever the order in the configuration. The first that is there counts, also when it is wrong.
    """

    def __init__(
        self, config: Config, jar: CookieJar, csrf_keys: Sequence[bytes], extractor: _Reader | None = None
    ) -> None:
        self._config = config
        self.jar = jar
        self._csrf_keys = tuple(csrf_keys)
        readers: dict[str, _Reader] = {
            "header": _from_header,
            "json": self._from_json,
            "query": self._from_query,
            "cookie": self._from_cookie,
        }
        self._readers = {EXTRACTOR: extractor, **readers} if extractor else readers
        self.locations = tuple(name for name in self._readers if name in (EXTRACTOR, *config.token_locations))
        """The configured locations in the order in which they count; an extractor is always one of them."""

    def read(self, request: Request, kind: TokenType, locations: Collection[str] | None = None) -> Presented | None:
        """Return the token that *request* brings, from the configured or the given *locations*."""
        allowed = self.locations if locations is None else locations
        for location, reader in self._readers.items():
            if location in allowed:
                token = reader(request, kind)
                if token is not None:
                    return Presented(token, location)
        return None

    def csrf_value(self, sid: bytes) -> str:
        """Return the CSRF value of a session: bound to it, and worth nothing in another."""
        return _csrf_value(self._csrf_keys[0], sid)

    def require_meant(self, request: Request, presented: Presented, claims: Claims) -> None:
        """Raise CSRFFailed unless the page itself meant to send the cookie; other transports need no proof."""
        if presented.location != "cookie" or not self._config.csrf or request.method in SAFE_METHODS:
            return
        self.require_own_origin(request)
        value = request.headers.get(self._config.csrf_header) or request.form.get(self._config.csrf_field, "")
        given = value.encode("utf-8", "replace")
        if not any(hmac.compare_digest(given, _csrf_value(key, claims.sid).encode()) for key in self._csrf_keys):
            raise CSRFFailed

    def require_own_origin(self, request: Request) -> None:
        """Raise CSRFFailed when the browser says that another site sent an unsafe request."""
        if request.method in SAFE_METHODS:
            return
        origin = request.headers.get("Origin")
        if origin is not None and origin in self._config.csrf_trusted_origins:
            return
        if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
            raise CSRFFailed
        if origin is not None and not _is_own(origin, request):
            raise CSRFFailed

    def _from_cookie(self, request: Request, kind: TokenType) -> str | None:
        cookie = self.jar.access if kind is TokenType.ACCESS else self.jar.refresh
        return request.cookies.get(cookie.name) or None

    def _from_query(self, request: Request, kind: TokenType) -> str | None:
        return request.args.get(self._config.query_name) or None if kind is TokenType.ACCESS else None

    def _from_json(self, request: Request, kind: TokenType) -> str | None:
        name = self._config.json_name if kind is TokenType.ACCESS else "refresh_token"
        body = json_of(request)
        token = body.get(name) if isinstance(body, Mapping) else None
        if token is not None and not isinstance(token, str):
            raise TokenMalformed
        return token or None


def json_of(request: Request) -> Any:
    """Return the JSON body of *request*; None when there is none that can be read."""
    try:
        return request.get_json(silent=True) if request.is_json else None
    except RecursionError:  # a body of brackets
        return None


def _csrf_value(key: bytes, sid: bytes) -> str:
    return ids.to_text(hmac.digest(key, sid, "sha256"))


def _from_header(request: Request, _kind: TokenType) -> str | None:
    value = request.headers.get("Authorization")
    if value is None or value[:6].lower() != "bearer":
        return None
    match = _BEARER.fullmatch(value)
    if match is None:
        raise TokenMalformed
    return match[1]


def _is_own(origin: str, request: Request) -> bool:
    """Whether *origin* is this host; a proxy may have taken off TLS, but nothing puts it on."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.netloc == request.host and (parts.scheme == "https" or parts.scheme == request.scheme)
