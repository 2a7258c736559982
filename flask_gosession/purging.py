"""Clears stores that do not forget by themselves: now and then, in the background, a bounded batch at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask_gosession.errors import StoreError
from flask_gosession.stores.at_fork import in_child
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
        self._renew_lock()
        in_child(self._renew_lock)

    def nudge(self) -> threading.Thread | None:
        """Begin a purge if one is due and none is under way, and return at once: the thread, for who wants to wait."""
        busy = self._busy
        if not self._is_due() or not busy.acquire(blocking=False):
            return None
        if not self._is_due():  # somebody else was faster
            busy.release()
            return None
        self._due = self._clock() + self._interval
        return self._start(busy)

    def _is_due(self) -> bool:
        return self._interval > 0 and self._clock() >= self._due

    def _start(self, busy: threading.Lock) -> threading.Thread | None:
        thread = threading.Thread(target=self._purge, args=(busy,), name="gosession-purge", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads; no reason to fail the request that asked
            busy.release()
            log.warning("no thread could be started to purge the session store; it will be tried again later")
            return None
        return thread

    def _purge(self, busy: threading.Lock) -> None:
        try:
            purged = purge_all(self._store, self._clock())
            log.debug("purged %d ended records", purged)
        except StoreError:
            log.warning("the session store could not be purged; it will be tried again later")
        finally:
            busy.release()

    def _renew_lock(self) -> None:
        self._busy = threading.Lock()
