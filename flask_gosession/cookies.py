"""The cookies of one realm: one builder sets and unsets them, so that the attributes always agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from flask import Response, has_request_context, request

from flask_gosession.config import Config
from flask_gosession.tokens.types import TokenPair

LARGEST = 4096
"""Bytes of name and value together; browsers drop larger cookies without a word (RFC 6265bis section 5.5)."""


@dataclass(frozen=True)
class Cookie:
    """The attributes of one cookie."""

    name: str
    path: str
    httponly: bool
    samesite: Literal["Lax", "Strict", "None"]


class CookieJar:
    """Builds the four cookies: access and refresh token, and the CSRF value and the state that a page may read."""

    def __init__(self, config: Config, *, secure: bool) -> None:
        host = config.cookie_preset == "host"
        prefix, refresh_prefix = ("__Host-", "__Secure-") if host else ("", "")
        base, path = config.cookie_name, config.cookie_path
        same, refresh_same = config.cookie_samesite, config.cookie_refresh_samesite
        self.access = Cookie(f"{prefix}{base}_access", path, httponly=True, samesite=same)  # type: ignore[arg-type]  # read by one_of
        self.refresh = Cookie(
            f"{refresh_prefix}{base}_refresh",
            config.url_prefix,
            httponly=True,
            samesite=refresh_same,  # type: ignore[arg-type]  # read by one_of
        )
        self.csrf = Cookie(f"{prefix}{base}_csrf", path, httponly=False, samesite=same)  # type: ignore[arg-type]  # read by one_of
        self.state = Cookie(f"{prefix}{base}_state", path, httponly=False, samesite=same)  # type: ignore[arg-type]  # read by one_of
        self._domain = config.cookie_domain
        self._secure = secure

    def follow(self, url_prefix: str) -> None:
        """Let the refresh cookie go where the endpoints that need it stand; a variable part ends its path."""
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
        self._set(response, self.access, pair.access_token, pair, now)
        if pair.refresh_token is not None:
            self._set(response, self.refresh, pair.refresh_token, pair, now)
        self._set(response, self.csrf, csrf, pair, now)
        self._set(response, self.state, _state(pair, now), pair, now)

    def set_access(self, response: Response, pair: TokenPair, now: float) -> None:
        """Give the browser a renewed access token of the session it has."""
        self._set(response, self.access, pair.access_token, pair, now)
        self._set(response, self.state, _state(pair, now), pair, now)

    def unset(self, response: Response) -> None:
        """Take all cookies from the browser."""
        for cookie in self:
            response.delete_cookie(
                cookie.name,
                path=self._path_of(cookie),
                domain=self._domain,
                secure=self._secure,
                httponly=cookie.httponly,
                samesite=cookie.samesite,
            )

    def __iter__(self) -> Iterator[Cookie]:
        return iter((self.access, self.refresh, self.csrf, self.state))

    def _set(self, response: Response, cookie: Cookie, value: str, pair: TokenPair, now: float) -> None:
        response.set_cookie(
            cookie.name,
            value,
            max_age=max(0, pair.session_expires_at - int(now)) if pair.remember else None,
            path=self._path_of(cookie),
            domain=self._domain,
            secure=self._secure,
            httponly=cookie.httponly,
            samesite=cookie.samesite,
        )

    def _path_of(self, cookie: Cookie) -> str:
        """Return the path as a browser sees it: in an app that is mounted below a path, its endpoints are, too."""
        mounted = cookie is self.refresh and has_request_context()
        return request.script_root + cookie.path if mounted else cookie.path


def _state(pair: TokenPair, now: float) -> str:
    """Return what a page may know: when the access token and the session end, and the server's time."""
    return f"{int(now) + pair.expires_in}.{pair.session_expires_at}.{int(now)}"
