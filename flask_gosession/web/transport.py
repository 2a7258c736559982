"""Where tokens travel: read from the header, the JSON body, the query or a cookie."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec
from flask import Request

from flask_gosession.config import Config
from flask_gosession.discreet import Discreet
from flask_gosession.errors import TokenMalformed
from flask_gosession.tokens.types import TokenType
from flask_gosession.web.cookies import CookieJar

EXTRACTOR = "extractor"

_Reader = Callable[[Request, TokenType], "str | None"]


class Presented(Discreet, msgspec.Struct, frozen=True):
    """A token that came with a request, and where it was."""

    _shown = ("location",)

    token: str
    location: str


class Extractor(Protocol):
    """Finds a token in a request, or returns None; raises TokenMalformed for anything that cannot be a token.

    It is called with the request and the type of the token, and may be a coroutine function.
    """

    def __call__(self, request: Request, kind: TokenType, /) -> str | Awaitable[str | None] | None:
        """Return the token of that kind."""
        ...


class Transport:
    """Reads tokens from requests.

    What a client sends on purpose beats what a browser adds by itself: header, JSON body, query, cookie, in this order
    whatever the order in the configuration. The first one present counts, even if it is wrong.
    """

    def __init__(self, config: Config, jar: CookieJar, extractor: _Reader | None = None) -> None:
        self._config = config
        self.jar = jar
        readers: dict[str, _Reader] = {
            "header": _from_header,
            "json": self._from_json,
            "query": self._from_query,
            "cookie": self._from_cookie,
        }
        self._readers = {EXTRACTOR: extractor, **readers} if extractor else readers
        self.locations: tuple[str, ...] = tuple(
            name for name in self._readers if name in (EXTRACTOR, *config.token_locations)
        )
        """The configured locations in the order in which they count; an extractor is always one of them."""
        self._configured = self._readers_of(self.locations)

    def read(self, request: Request, kind: TokenType, locations: tuple[str, ...] | None = None) -> Presented | None:
        """Return the token in *request*, from the configured or the given *locations*."""
        readers = self._configured if locations is None else self._readers_of(locations)
        for location, reader in readers:
            token = reader(request, kind)
            if token is not None:
                return Presented(token, location)
        return None

    def _readers_of(self, locations: tuple[str, ...]) -> list[tuple[str, _Reader]]:
        return [(name, reader) for name, reader in self._readers.items() if name in locations]

    def _from_cookie(self, request: Request, kind: TokenType) -> str | None:
        cookie = self.jar.access if kind is TokenType.ACCESS else self.jar.refresh
        return self.jar.value_of(cookie, request)

    def _from_query(self, request: Request, kind: TokenType) -> str | None:
        return query_value(request, self._config.query_name) or None if kind is TokenType.ACCESS else None

    def _from_json(self, request: Request, kind: TokenType) -> str | None:
        name = self._config.json_name if kind is TokenType.ACCESS else "refresh_token"
        body = json_of(request)
        token = body.get(name) if isinstance(body, Mapping) else None
        if token is not None and not isinstance(token, str):
            raise TokenMalformed
        return token or None


def query_value(request: Request, name: str) -> str | None:
    """Return the value of *name* in the query; None if the query has bytes that no URL may have."""
    try:
        return request.args.get(name)
    except UnicodeDecodeError:  # werkzeug's: it expects what a server has let through to be percent-encoded
        return None


def is_navigation(request: Request) -> bool:
    """Whether the browser will show the answer as a page, rather than hand it to a script; older ones do not say."""
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def json_of(request: Request) -> Any:
    """Return the JSON body of *request*; None if there is none, or it cannot be read."""
    try:
        return request.get_json(silent=True) if request.is_json else None
    except RecursionError:  # a body of brackets
        return None


def _from_header(request: Request, _kind: TokenType) -> str | None:
    value: str = request.environ.get("HTTP_AUTHORIZATION", "")
    if value[:6].lower() != "bearer":
        return None
    if value[6:7] != " ":
        raise TokenMalformed
    # Whatever comes after the spaces (RFC 6750 section 2.1), the codec refuses all but exactly one token.
    return value[7:].lstrip(" ")
