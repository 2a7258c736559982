"""A clock that stands still until it is told to move."""

from __future__ import annotations

import threading
import time


class FakeClock:
    """Call it for the time in Unix seconds; it starts at the real time, because cookies and servers live there.

    Safe to use from many threads.
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Return the time."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Move forward by *seconds* and return the new time. Raises ValueError for a step back."""
        if seconds < 0:
            raise ValueError("this clock only moves forward")
        with self._lock:
            self._now += seconds
            return self._now
