"""Keeps one session's tokens for many threads: which thread refreshes, what an answer means, where tokens may go.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from flask_gosession.client.tokens import (
    ClientError,
    MemoryTokenStore,
    RefreshUnavailable,
    SessionOver,
    Tokens,
    TokenStore,
)
from flask_gosession.keyed_lock import KeyedLock

STALE = frozenset({"token_expired", "token_rotated"})
ENDED = frozenset({"session_ended", "session_expired", "session_idle", "token_reused", "banned", "user_not_found"})
LEAST_PAUSE = 1.0
"""Seconds between two early refreshes, after one that failed."""
LONGEST_PAUSE = 60.0
LONGEST_WAIT = 30.0
"""Seconds that one thread or task waits for another's refresh."""
_PORTS = {"http": 80, "https": 443}
_TURNS = KeyedLock()
"""One lock for each refresher, free in a forked process, and for greenlets while a store of tokens waits."""


class Answer(NamedTuple):
    """The refresh endpoint's answer: its status, its JSON object ({} for anything else) and Retry-After in seconds."""

    status: int
    body: Mapping[str, Any]
    retry_after: float = 0


class Advice(Enum):
    """What to do about a 401."""

    PASS = "pass"  # noqa: S105
    RETRY = "retry"
    REFRESH = "refresh"


class Flight:
    """One refresh under way: its leader asks the server, the others wait for ``landed``."""

    def __init__(self, stale: Tokens) -> None:
        self.stale = stale
        self.process: int = os.getpid()
        self.landed: Future[ClientError | None] = Future()
        self.landed.set_running_or_notify_cancel()  # a task that gives up waiting does not cancel it for the others

    def error(self) -> ClientError | None:
        """Return what went wrong, or None if there are newer tokens; call it after the wait."""
        if not self.landed.done():
            return RefreshUnavailable("The refresh took too long; the tokens are kept.")
        return self.landed.result()


class TokenRefresher:
    """The tokens of one session, for one origin; may be shared between threads. Its only I/O is that of its store."""

    def __init__(
        self,
        tokens: Tokens | Mapping[str, Any] | TokenStore,
        base_url: str,
        refresh_path: str,
        clock: Callable[[], float],
    ) -> None:
        self.refresh_url: str = urljoin(base_url, refresh_path)
        self._origin = _origin(base_url)
        if self._origin != _origin(self.refresh_url):
            raise ValueError("refresh_path leads to another origin than base_url")
        self._clock = clock
        self._store = _as_store(tokens, clock())
        self._flight: Flight | None = None
        self._not_before = 0.0

    def __repr__(self) -> str:
        return f"TokenRefresher(refresh_url={self.refresh_url!r})"

    @property
    def tokens(self) -> Tokens | None:
        """The tokens held now, read from the store each time; None when there is no session."""
        return self._store.load()

    def sign_in(self, answer: Mapping[str, Any]) -> None:
        """Hold the tokens of a login *answer* from now on. Raises ValueError for anything else."""
        with _TURNS.hold(self):
            self._store.save(Tokens.from_answer(answer, self._clock()))

    def covers(self, url: str) -> bool:
        """Return whether *url* is of the one origin that may see the tokens."""
        try:
            return _origin(url) == self._origin
        except ValueError:
            return False

    def due(self) -> Tokens | None:
        """Return the tokens to refresh before the next request, or None."""
        tokens, now = self.tokens, self._clock()
        return tokens if tokens and tokens.due(now) and now >= self._not_before else None

    def advise(self, sent: Tokens, body: Mapping[str, Any]) -> Advice:
        """Return what a 401 with *body*, the answer to a request sent with *sent*, asks for; forget what has ended."""
        error, held = body.get("error"), self.tokens
        if held is not None and held.access != sent.access:
            return Advice.RETRY
        if error in ENDED:
            self._forget(sent)
        return Advice.REFRESH if error in STALE and sent.refresh else Advice.PASS

    def refresh_next(self, stale: Tokens) -> None:
        """Make the next request refresh *stale* before it is sent."""
        with _TURNS.hold(self):
            if self._holds(stale):
                self._store.save(replace(stale, refresh_at=self._clock()))

    def board(self, stale: Tokens) -> tuple[Flight, bool] | None:
        """Return the refresh of *stale* and whether the caller leads it; None if there are newer tokens already.

        A leader must `land` it or `abandon` it; the others wait until ``landed`` and ask for its `error`.
        """
        with _TURNS.hold(self):
            held = self.tokens
            if held is not None and held.access != stale.access:
                return None
            # The leader of one that was copied by a fork stayed behind.
            if self._flight is not None and self._flight.process == os.getpid():
                return self._flight, False
            self._flight = Flight(stale)
            return self._flight, True

    def land(self, flight: Flight, answer: Answer) -> ClientError | None:
        """Take the server's *answer*, wake all who wait, and return what is wrong, if anything."""
        with _TURNS.hold(self):
            return self._finish(flight, self._settle(flight.stale, answer))

    def abandon(self, flight: Flight) -> None:
        """Give up a refresh that got no answer; has no effect on one that has landed."""
        with _TURNS.hold(self):
            if self._flight is flight:
                self._pause(0)
                self._finish(flight, RefreshUnavailable("The refresh got no answer; the tokens are kept."))

    def _finish(self, flight: Flight, error: ClientError | None) -> ClientError | None:
        self._flight = None
        flight.landed.set_result(error)
        return error

    def _settle(self, stale: Tokens, answer: Answer) -> ClientError | None:
        refused = answer.status == 401 and answer.body.get("error")
        fresh = self._fresh(answer.body) if answer.status == 200 else None
        if fresh is None and not refused:
            self._pause(answer.retry_after)
            return RefreshUnavailable(f"The refresh was answered {answer.status}; the tokens are kept.")
        # Another process, a sign-in or a sign-out may have been faster: then this answer is out of date.
        if self._holds(stale):
            self._store.save(fresh)
        if self.tokens is not None:
            return None
        return SessionOver(answer.body if refused else {"error": "session_ended", "reason": "logged_out"})

    def _fresh(self, body: Mapping[str, Any]) -> Tokens | None:
        try:
            return Tokens.from_answer(body, self._clock())
        except ValueError:
            return None

    def _holds(self, tokens: Tokens) -> bool:
        held = self.tokens
        return held is not None and held.access == tokens.access

    def _forget(self, ended: Tokens) -> None:
        with _TURNS.hold(self):
            if self._holds(ended):
                self._store.save(None)

    def _pause(self, asked: float) -> None:
        self._not_before = self._clock() + min(max(LEAST_PAUSE, asked), LONGEST_PAUSE)


def _as_store(tokens: Tokens | Mapping[str, Any] | TokenStore, now: float) -> TokenStore:
    if isinstance(tokens, Mapping):
        return MemoryTokenStore(Tokens.from_answer(tokens, now))
    return MemoryTokenStore(tokens) if isinstance(tokens, Tokens) else tokens


def _origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port. Raises ValueError if one of them is missing."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError("an absolute http or https address is needed")
    return scheme, parts.hostname, parts.port or _PORTS[scheme]


def json_object(parse: Callable[[], object]) -> Mapping[str, Any]:
    """Return the JSON object that *parse* gives, {} for anything else."""
    try:
        value = parse()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def seconds(retry_after: str | None) -> float:
    """Return a Retry-After in seconds; 0 for none, and for a date."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
