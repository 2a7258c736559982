"""A requests ``AuthBase`` that refreshes before the token expires, once for all threads that share it.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from functools import partial
from typing import Any

import requests
from requests.auth import AuthBase

from flask_gosession.client.refresher import LONGEST_WAIT, Advice, Answer, TokenRefresher, json_object, seconds
from flask_gosession.client.tokens import ClientError, RefreshUnavailable, SessionOver, Tokens, TokenStore


class RequestsAuth(AuthBase):
    """Signs requests to *base_url*'s origin; share one between the threads that share a session.

    *tokens* is the JSON of a login, `Tokens`, or a `TokenStore`. *session* makes the refreshes, if they need its
    proxies or certificates; *timeout* is theirs, in seconds. A request may raise SessionOver when the server refuses
    to refresh, and RefreshUnavailable when it cannot be asked; the tokens are then kept.
    """

    def __init__(
        self,
        tokens: Tokens | Mapping[str, Any] | TokenStore,
        *,
        base_url: str,
        refresh_path: str = "/auth/refresh",
        session: requests.Session | None = None,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keeper: TokenRefresher = TokenRefresher(tokens, base_url, refresh_path, clock)
        self._post = requests.post if session is None else session.post
        self._timeout = timeout

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign *request*, after a refresh if one is due."""
        if "Authorization" in request.headers or not self.keeper.covers(request.url or ""):
            return request
        stale = self.keeper.due()
        error = self._refresh(stale) if stale else None
        if isinstance(error, SessionOver):
            raise error
        sent = self._sign(request)
        if sent is not None:
            request.register_hook("response", partial(self._answered, sent, _rewinder(request.body)))
        return request

    def _answered(
        self,
        sent: Tokens,
        rewind: Callable[[], object] | None,
        response: requests.Response,
        **sending: Any,
    ) -> requests.Response:
        """Return *response*, or the answer to a second attempt if a newer token may help."""
        if response.status_code != 401 or not self._ours(response.request, sent):
            return response
        advice = self.keeper.advise(sent, json_object(response.json))
        error = self._refresh(sent) if advice is Advice.REFRESH else None
        if error is not None:
            response.close()
            raise error
        if advice is Advice.PASS or rewind is None:
            return response
        rewind()
        return self._send_again(response, sending)

    def _ours(self, request: requests.PreparedRequest, sent: Tokens) -> bool:
        """Return whether *request* is the signed one, rather than a redirected one."""
        signed = request.headers.get("Authorization") == f"Bearer {sent.access}"
        return signed and self.keeper.covers(request.url or "")

    def _send_again(self, response: requests.Response, sending: Mapping[str, Any]) -> requests.Response:
        response.close()
        request = response.request.copy()
        self._sign(request)
        again: requests.Response = response.connection.send(request, **sending)
        again.history.append(response)
        again.request = request
        return again

    def _sign(self, request: requests.PreparedRequest) -> Tokens | None:
        tokens = self.keeper.tokens
        if tokens is not None:
            request.headers["Authorization"] = f"Bearer {tokens.access}"
        return tokens

    def _refresh(self, stale: Tokens) -> ClientError | None:
        boarded = self.keeper.board(stale)
        if boarded is None:
            return None
        flight, leading = boarded
        if not leading:
            wait([flight.landed], LONGEST_WAIT)
            return flight.error()
        try:
            return self.keeper.land(flight, self._ask(stale))
        except requests.RequestException as error:
            unavailable = RefreshUnavailable("The refresh got no answer; the tokens are kept.")
            unavailable.__cause__ = error
            return unavailable
        finally:
            self.keeper.abandon(flight)

    def _ask(self, stale: Tokens) -> Answer:
        bearer = _Bearer(stale.refresh or "")
        with self._post(self.keeper.refresh_url, auth=bearer, timeout=self._timeout, allow_redirects=False) as response:
            after = seconds(response.headers.get("Retry-After"))
            return Answer(response.status_code, json_object(response.json), after)


class _Bearer(AuthBase):
    """Replaces a session's own auth, and .netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _rewinder(body: Any) -> Callable[[], object] | None:
    """Return a function that makes *body* ready to be sent again; None if that is impossible."""
    if body is None or isinstance(body, str | bytes):
        return lambda: None
    try:
        return partial(body.seek, body.tell())
    except (AttributeError, OSError):
        return None
