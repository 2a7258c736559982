"""The cookies of one realm: one builder sets and unsets them, so that the attributes always agree."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, NamedTuple

import msgspec
from flask import Request, Response, has_request_context, request
from msgspec.structs import replace

from flask_gosession.config import PREFIX, Config
from flask_gosession.errors import TokenInvalid
from flask_gosession.tokens.types import TokenPair

log: logging.Logger = logging.getLogger("flask_gosession")

LARGEST = 4096
"""Bytes of name and value together; browsers drop larger cookies without a word (RFC 6265bis section 5.5)."""


_NAME = r"(?![\d.]+$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*"
"""A host name, not an address."""

_MOST = 4
"""How many domains and how many paths are tried at most; an answer's headers must not grow without bounds."""


class Cookie(msgspec.Struct, frozen=True):
    """The attributes of one cookie."""

    name: str
    path: str
    httponly: bool
    samesite: Literal["Lax", "Strict", "None"]


class OwnToken(NamedTuple):
    """The access token of an impersonator's own session, and until when a browser keeps it; None: until it closes."""

    token: str
    until: int | None

    def __repr__(self) -> str:
        return f"OwnToken(until={self.until!r})"


class CookiesDoubled(TokenInvalid):
    """Two cookies of one name that differ; *cookie* says which."""

    def __init__(self, cookie: Cookie) -> None:
        super().__init__("The browser sent two cookies of one name; please sign in again.")
        self.cookie = cookie


class CookieJar:
    """Builds the cookies: access and refresh token, and the CSRF value and the state that a page may read.

    During an impersonation, a fifth one keeps the access token of the actor's own session.
    """

    def __init__(self, config: Config, *, secure: bool) -> None:
        host = config.cookie_preset == "host"
        prefix, refresh_prefix = ("__Host-", "__Secure-") if host else ("", "")
        named, path = config.cookie_name_of, config.cookie_path
        same, refresh_same = config.cookie_samesite, config.cookie_refresh_samesite
        self.access: Cookie = Cookie(f"{prefix}{named('access')}", path, httponly=True, samesite=same)  # type: ignore[arg-type]  # read by one_of
        self.refresh: Cookie = Cookie(
            f"{refresh_prefix}{named('refresh')}",
            config.url_prefix,
            httponly=True,
            samesite=refresh_same,  # type: ignore[arg-type]  # read by one_of
        )
        self.csrf: Cookie = Cookie(f"{prefix}{named('csrf')}", path, httponly=False, samesite=same)  # type: ignore[arg-type]  # read by one_of
        self.state: Cookie = Cookie(f"{prefix}{named('state')}", path, httponly=False, samesite=same)  # type: ignore[arg-type]  # read by one_of
        self.actor: Cookie = Cookie(f"{prefix}{named('actor')}", path, httponly=True, samesite=refresh_same)  # type: ignore[arg-type]  # read by one_of
        self._domain = config.cookie_domain
        self._secure = secure
        self._warned = False

    def follow(self, url_prefix: str) -> None:
        """Set the path of the refresh cookie to that of the endpoints that need it; a variable part ends the path."""
        fixed, variable, _ = url_prefix.partition("<")
        path = fixed.rpartition("/")[0] if variable else fixed
        self.refresh = replace(self.refresh, path=path or "/")

    def check_size(self, pair: TokenPair) -> None:
        """Raise ValueError when a token does not fit into a cookie."""
        for cookie, value in ((self.access, pair.access_token), (self.refresh, pair.refresh_token or "")):
            if len(cookie.name) + len(value) > LARGEST:
                raise ValueError(f"the token is too large for a cookie of {LARGEST} bytes: put less into its claims")

    def set_pair(self, response: Response, pair: TokenPair, csrf: str, now: float) -> None:
        """Give the browser the tokens of a login or refresh."""
        if self._secure and not self._warned and has_request_context() and not request.is_secure:
            self._warn_of_plain_http()
        self._set(response, self.access, pair.access_token, _until(pair), now)
        if pair.refresh_token is not None:
            self._set(response, self.refresh, pair.refresh_token, _until(pair), now)
        self._set(response, self.csrf, csrf, _until(pair), now)
        self._set(response, self.state, _state(pair, now), _until(pair), now)

    def set_access(self, response: Response, pair: TokenPair, now: float) -> None:
        """Give the browser a renewed access token of its session."""
        self._set(response, self.access, pair.access_token, _until(pair), now)
        self._set(response, self.state, _state(pair, now), _until(pair), now)

    def unset(self, response: Response) -> None:
        """Delete the cookies of the browser's session."""
        for cookie in self:
            if cookie is not self.actor:
                self._unset(response, cookie)

    def set_actor(self, response: Response, own: OwnToken, now: float) -> None:
        """Let the browser keep the actor's own token."""
        self._set(response, self.actor, own.token, own.until, now)

    def unset_actor(self, response: Response) -> None:
        """Delete that token from the browser."""
        self._unset(response, self.actor)

    def take_back(self, response: Response) -> None:
        """Remove from *response* all headers that set or unset these cookies."""
        own = tuple(f"{cookie.name}=" for cookie in self)
        others = [line for line in response.headers.getlist("Set-Cookie") if not line.startswith(own)]
        response.headers.setlist("Set-Cookie", others)

    def value_of(self, cookie: Cookie, request: Request) -> str | None:
        """Return the value of *cookie*; raises CookiesDoubled for two of that name that differ.

        One of them comes from another path or a sibling host, and nobody can tell which.
        """
        values = request.cookies.getlist(cookie.name)
        if len(values) > 1 and len(set(values)) > 1:
            raise CookiesDoubled(cookie)
        return values[0] or None if values else None

    def unset_everywhere(self, response: Response, cookie: Cookie) -> None:
        """Delete every cookie of that name, of any path and domain that reach the current request."""
        paths = {*_paths(request.script_root + request.path), self._path_of(cookie)}
        for domain, path in product(_domains(request.host), sorted(paths)):
            response.delete_cookie(cookie.name, path=path, domain=domain, secure=self._secure)

    def __iter__(self) -> Iterator[Cookie]:
        return iter((self.access, self.refresh, self.csrf, self.state, self.actor))

    def _warn_of_plain_http(self) -> None:
        self._warned = True
        log.warning(
            "cookies that are Secure were set over plain HTTP, and a browser may drop them: its user stays a guest. "
            "Use HTTPS, and ProxyFix behind a proxy; to develop, set %sCOOKIE_SECURE to False, or run with --debug.",
            PREFIX,
        )

    def _unset(self, response: Response, cookie: Cookie) -> None:
        response.delete_cookie(cookie.name, **self._attributes(cookie))

    def _set(self, response: Response, cookie: Cookie, value: str, until: int | None, now: float) -> None:
        seconds = None if until is None else max(0, until - int(now))
        response.set_cookie(cookie.name, value, max_age=seconds, **self._attributes(cookie))

    def _attributes(self, cookie: Cookie) -> dict[str, Any]:
        """Return by what a browser knows the cookie: it is unset by what it was set with."""
        return {
            "path": self._path_of(cookie),
            "domain": self._domain,
            "secure": self._secure,
            "httponly": cookie.httponly,
            "samesite": cookie.samesite,
        }

    def _path_of(self, cookie: Cookie) -> str:
        """Return the path as a browser sees it: in an app mounted below a path, that path comes first."""
        mounted = cookie is self.refresh and has_request_context()
        return request.script_root + cookie.path if mounted else cookie.path


def _until(pair: TokenPair) -> int | None:
    """Return until when the browser keeps the cookies; None: until it closes."""
    return pair.session_expires_at if pair.remember else None


def _domains(host: str) -> list[str | None]:
    """Return the domains by which a cookie reaches *host*: the host alone, and its parents as far as the site goes."""
    name = host.partition(":")[0]
    labels = name.split(".") if re.fullmatch(_NAME, name) else [name]
    return [None, *(".".join(labels[first:]) for first in range(len(labels) - 1))][:_MOST]


def _paths(path: str) -> list[str]:
    """Return the paths by which a cookie reaches *path*, the shortest first."""
    parts = path.strip("/").split("/")
    return ["/", *("/" + "/".join(parts[: length + 1]) for length in range(len(parts)) if parts[0])][:_MOST]


def _state(pair: TokenPair, now: float) -> str:
    """Return what a page may know: when the access token and the session end, and the server's time."""
    return f"{int(now) + pair.expires_in}.{pair.session_expires_at}.{int(now)}"
