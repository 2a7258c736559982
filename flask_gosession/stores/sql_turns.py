"""Turns for the writers of one process: SQLite lets them in by lot, and of sixteen in a row some never get in."""

from __future__ import annotations

import threading
from collections import deque

from sqlalchemy.exc import TimeoutError as TookTooLong

PATIENCE = 0.25
"""Seconds to wait for a turn, unless told otherwise."""


class Turns:
    """A context that one thread of the process is in at a time, in the order in which they came."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        """Wait for a turn. Raises SQLAlchemy's TimeoutError after *patience* seconds: nothing was done then."""
        called = threading.Event()
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            self._waiting.append(called)
        if not called.wait(self.patience):
            self._give_up(called)

    def __exit__(self, *_exception: object) -> None:
        """Hand the turn to whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False

    def _give_up(self, called: threading.Event) -> None:
        with self._lock:
            # Who was called at the last moment has the turn.
            if called in self._waiting:
                self._waiting.remove(called)
                raise TookTooLong("the other writers of this process took too long")
