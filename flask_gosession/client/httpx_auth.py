"""An ``httpx.Auth`` that refreshes before the token expires, once for all threads and tasks of a client.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from concurrent.futures import wait
from typing import Any

import httpx

from flask_gosession.client.refresher import LONGEST_WAIT, Advice, Answer, Flight, TokenRefresher, json_object, seconds
from flask_gosession.client.tokens import ClientError, SessionOver, Tokens, TokenStore

Script = Generator["httpx.Request | Flight", "httpx.Response | None", None]


class HTTPXAuth(httpx.Auth):
    """Signs requests to *base_url*'s origin; share one between the threads, or the tasks, that share a session.

    *tokens* is the JSON of a login, `Tokens`, or a `TokenStore`. A request may raise SessionOver when the server
    refuses to refresh, and RefreshUnavailable or httpx's own error when it cannot be asked; the tokens are then kept.
    Async clients need asyncio.
    """

    def __init__(
        self,
        tokens: Tokens | Mapping[str, Any] | TokenStore,
        *,
        base_url: str,
        refresh_path: str = "/auth/refresh",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keeper: TokenRefresher = TokenRefresher(tokens, base_url, refresh_path, clock)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Drive the script, waiting with the thread."""
        script = self._script(request)
        response: httpx.Response | None = None
        try:
            while True:
                step = script.send(response)
                response = None
                if isinstance(step, Flight):
                    wait([step.landed], LONGEST_WAIT)
                    continue
                answer = yield step
                if _to_be_read(answer, step, request):
                    answer.read()
                response = answer
        except StopIteration:
            return
        finally:
            script.close()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Drive the script, waiting with the task."""
        script = self._script(request)
        response: httpx.Response | None = None
        try:
            while True:
                step = script.send(response)
                response = None
                if isinstance(step, Flight):
                    await asyncio.wait([asyncio.wrap_future(step.landed)], timeout=LONGEST_WAIT)
                    continue
                answer = yield step
                if _to_be_read(answer, step, request):
                    await answer.aread()
                response = answer
        except StopIteration:
            return
        finally:
            script.close()

    def _script(self, request: httpx.Request) -> Script:
        """Yield what to send and what to wait for, for the sync and async drivers."""
        if "Authorization" in request.headers or not self.keeper.covers(str(request.url)):
            yield request
            return
        stale = self.keeper.due()
        error = (yield from self._refresh(stale, request)) if stale else None
        if isinstance(error, SessionOver):
            raise error
        sent = self._sign(request)
        response = yield request
        if sent is None or response is None or not self._refused(response):
            return
        yield from self._answer_401(request, sent, response)

    def _answer_401(self, request: httpx.Request, sent: Tokens, response: httpx.Response) -> Script:
        advice = self.keeper.advise(sent, json_object(response.json))
        if advice is Advice.PASS:
            return
        if not isinstance(request.stream, httpx.ByteStream):
            # httpx returns the last answer: a refresh now would replace this 401.
            self.keeper.refresh_next(sent)
            return
        error = (yield from self._refresh(sent, request)) if advice is Advice.REFRESH else None
        if error is not None:
            raise error
        self._sign(request)
        yield request

    def _refresh(
        self, stale: Tokens, request: httpx.Request
    ) -> Generator[httpx.Request | Flight, httpx.Response | None, ClientError | None]:
        boarded = self.keeper.board(stale)
        if boarded is None:
            return None
        flight, leading = boarded
        if not leading:
            yield flight
            return flight.error()
        try:
            response = yield self._refresh_request(stale, request)
            return self.keeper.land(flight, self._answer(response))
        finally:
            self.keeper.abandon(flight)

    def _refresh_request(self, stale: Tokens, request: httpx.Request) -> httpx.Request:
        extensions = {name: value for name, value in request.extensions.items() if name == "timeout"}
        headers = {"Authorization": f"Bearer {stale.refresh}"}
        return httpx.Request("POST", self.keeper.refresh_url, headers=headers, extensions=extensions)

    def _answer(self, response: httpx.Response | None) -> Answer:
        if response is None or not self.keeper.covers(str(response.url)):
            return Answer(0, {})
        after = seconds(response.headers.get("Retry-After"))
        return Answer(response.status_code, json_object(response.json), after)

    def _sign(self, request: httpx.Request) -> Tokens | None:
        tokens = self.keeper.tokens
        if tokens is not None:
            request.headers["Authorization"] = f"Bearer {tokens.access}"
        return tokens

    def _refused(self, response: httpx.Response) -> bool:
        return response.status_code == 401 and self.keeper.covers(str(response.url))


def _to_be_read(response: httpx.Response, step: httpx.Request, request: httpx.Request) -> bool:
    """Return whether the script reads the body; other bodies may be streams for the caller."""
    return step is not request or response.status_code == 401
