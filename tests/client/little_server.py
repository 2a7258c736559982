"""A real threaded HTTP server that keeps one session by the contract of the endpoints."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from servers import served
from werkzeug.wrappers import Request, Response

START = 1_700_000_000


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def _jwt(claims: dict[str, Any]) -> str:
    parts: tuple[dict[str, Any], ...] = ({"typ": "at+jwt"}, claims, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


class LittleServer:
    """One session: pages under ``/``, ``POST /auth/refresh``; what it was asked is in ``seen``."""

    url: str

    def __init__(self, clock: Clock, life: int = 900, session: int = 86400) -> None:
        self.clock, self.life, self.end = clock, life, int(clock.now) + session
        self.lock = threading.Lock()
        self.seen: list[tuple[str, str | None, bytes]] = []
        self.refreshes = self.gen = 0
        self.ended: dict[str, Any] | None = None
        self.refresh_answer: Response | None = None
        self.before_refresh: Callable[[], object] | None = None
        self.stale_answers: list[Response] = []
        self.redirect_to = ""
        self.login()

    def login(self) -> dict[str, Any]:
        self.gen += 1
        now = int(self.clock.now)
        self.exp = min(now + self.life, self.end)
        self.access = _jwt({"sub": "alice", "gen": self.gen, "iat": now, "exp": self.exp})
        return self.pair()

    def pair(self) -> dict[str, Any]:
        left = self.exp - int(self.clock.now)
        return {
            "access_token": self.access,
            "token_type": "Bearer",
            "expires_in": left,
            "refresh_after": max(left - max(30, left // 10), left // 2),
            "session_expires_at": self.end,
            "refresh_token": f"refresh-{self.gen}",
            "refresh_expires_in": self.end - int(self.clock.now),
        }

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.seen]

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        body = request.get_data()
        with self.lock:
            self.seen.append((request.path, request.headers.get("Authorization"), body))
            answer = self.refresh(request) if request.path == "/auth/refresh" else self.page(request)
        return answer(environ, start_response)

    def page(self, request: Request) -> Response:
        if request.path == "/away":
            return Response(status=302, headers={"Location": self.redirect_to})
        if self.stale_answers:
            return self.stale_answers.pop()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            return denied("token_missing")
        if self.ended:
            return denied("session_ended", **self.ended)
        if token != self.access:
            return denied("token_rotated")
        return denied("token_expired") if self.clock.now >= self.exp else Response('{"ok": true}')

    def refresh(self, request: Request) -> Response:
        self.refreshes += 1
        answer = self.refresh_answer
        if self.before_refresh is not None:
            self.before_refresh()
        if answer is not None:
            return answer
        if self.ended:
            return denied("session_ended", **self.ended)
        if request.method != "POST" or request.headers.get("Authorization") != f"Bearer refresh-{self.gen}":
            return denied("token_rotated")
        return Response(json.dumps(self.login()), mimetype="application/json")


def denied(error: str, **more: Any) -> Response:
    body = {"error": error, "message": "No.", "reason": None, **more}
    return Response(json.dumps(body), status=401, mimetype="application/json")


def unavailable() -> Response:
    return Response('{"error": "store_unavailable"}', status=503, headers={"Retry-After": "1"})


@contextmanager
def serving(app: LittleServer) -> Iterator[LittleServer]:
    with served(app) as app.url:
        yield app
