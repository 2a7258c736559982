"""A circuit breaker around a store: while it is down, requests are refused at once instead of waiting in a row."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores import at_fork
from flask_gosession.stores.base import Record, Store, StoreFull, Swap

P = ParamSpec("P")
T = TypeVar("T")

FAILURES = 3
COSTLY = 0.4
"""Seconds that failures in a row may have cost before there are three of them: two timeouts are all that one request
may wait for."""
SHORTEST_REST = 0.3
LONGEST_REST = 0.9


class BrokenCircuit(StoreUnavailable):
    """The store failed again and again just now; it was not asked."""


class BreakerStore:
    """Passes everything on to *store*; after failures in a row it asks only now and then, one request at a time.

    Three failures are enough, or two that were timeouts.

    The rest between two probes is drawn anew each time (0.3 to 0.9 seconds), so that many workers do not come back
    together. Calls run side by side and a healthy one takes no lock, which is why this is not pybreaker: that one
    holds its lock through every call.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[], float] = lambda: random.uniform(SHORTEST_REST, LONGEST_REST),  # noqa: S311 - jitter
    ) -> None:
        self.store = store
        self.shared = store.shared
        self._clock = clock
        self._rest = rest
        self._renew_lock()
        at_fork.in_child(self._renew_lock)
        self._failures = 0
        self._cost = 0.0
        self._broken = False
        self._next_probe = 0.0

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*."""
        return self._call(self.store.load, subject)

    def swap(
        self, subject: str, etag: bytes | None, new: Record | None, expires_at: float, *, announce: bool = False
    ) -> Swap:
        """Put or delete, if nobody else has written."""
        return self._call(self.store.swap, subject, etag, new, expires_at, announce=announce)

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects; for operators, who may wait."""
        return self.store.subjects()

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete what may be forgotten."""
        return self._call(self.store.purge, now, limit)

    def ping(self) -> None:
        """Return when the store answers; always asks."""
        self.store.ping()

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def _call(self, work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        if self._broken:
            self._claim_probe()
        began = self._clock()
        try:
            result = work(*args, **options)
        except StoreFull:
            raise
        except StoreUnavailable:
            self._note_failure(self._clock() - began)
            raise
        if self._failures:
            self._failures, self._cost, self._broken = 0, 0.0, False
        return result

    def _claim_probe(self) -> None:
        """Let one caller through when a probe is due; raise BrokenCircuit for all others."""
        now = self._clock()
        with self._lock:
            if now < self._next_probe:
                raise BrokenCircuit
            self._next_probe = now + self._rest()

    def _note_failure(self, seconds: float) -> None:
        with self._lock:
            self._failures += 1
            self._cost += seconds
            self._broken = self._failures >= FAILURES or self._cost >= COSTLY
            self._next_probe = self._clock() + self._rest()
