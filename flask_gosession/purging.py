"""Clears stores that do not forget by themselves: now and then, in the background, a bounded batch at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask_gosession.errors import StoreError
from flask_gosession.stores.base import Store

log = logging.getLogger("flask_gosession")

BATCH = 1000
MOST_BATCHES = 100


def purge_all(store: Store, now: float, *, batch: int = BATCH, most_batches: int = MOST_BATCHES) -> int:
    """Delete what may be forgotten, in batches of *batch* records; return how many. Raises StoreUnavailable."""
    total = 0
    for _ in range(most_batches):
        purged = store.purge(now, batch)
        total += purged
        if purged < batch:
            break
    return total


class Purger:
    """Purges a store every *interval* seconds (0 = never), when it is asked and in a thread of its own."""

    def __init__(self, store: Store, interval: float, clock: Callable[[], float]) -> None:
        self._store = store
        self._interval = interval
        self._clock = clock
        self._due = clock() + interval
        self._lock = threading.Lock()

    def nudge(self) -> threading.Thread | None:
        """Begin a purge if one is due, and return at once; the thread, for those who want to wait for it."""
        if not self._interval or self._clock() < self._due or not self._lock.acquire(blocking=False):
            return None
        try:
            if self._clock() < self._due:
                return None
            self._due = self._clock() + self._interval
        finally:
            self._lock.release()
        thread = threading.Thread(target=self._purge, name="gosession-purge", daemon=True)
        thread.start()
        return thread

    def _purge(self) -> None:
        try:
            purged = purge_all(self._store, self._clock())
        except StoreError:
            log.warning("the session store could not be purged; it will be tried again later")
            return
        log.debug("purged %d ended records", purged)
