"""Purges stores that do not expire records by themselves: periodically, in the background, in bounded batches."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable

from flask_gosession.at_fork import in_child
from flask_gosession.errors import StoreError
from flask_gosession.stores.base import Store

log: logging.Logger = logging.getLogger("flask_gosession")

BATCH = 100_000


def purge_all(store: Store, now: float, *, batch: int = BATCH, most_batches: int = 1) -> int:
    """Delete what may be forgotten, in batches of *batch* records; return how many. Raises StoreUnavailable.

    One batch is one pass through a folder or a table, and the store deletes it in steps short enough not to block
    others.
    """
    total = 0
    for _ in range(most_batches):
        purged = store.purge(now, batch)
        total += purged
        if purged < batch:
            break
    return total


class Purger:
    """Purges a store every *interval* seconds (0 = never), when called, in a thread of its own.

    The first purge of a process is due after a random part of the interval: so workers that live shorter than that run
    as many purges together as long-lived ones, and a restart of all does not make them purge at the same time.
    """

    def __init__(
        self, store: Store, interval: float, clock: Callable[[], float], rng: Callable[[], float] = random.random
    ) -> None:
        """Take the first purge's part of the interval (0 to 1) from *rng*."""
        self._store = store
        self._interval = interval
        self._clock = clock
        self._rng = rng
        self._due: float = math.inf
        self._begin()
        in_child(self._begin)

    def purge_if_due(self) -> threading.Thread | None:
        """Start a purge if one is due and none is running; return its thread at once, for callers that wait."""
        if self._clock() < self._due:
            return None
        busy = self._busy
        if not busy.acquire(blocking=False):
            return None
        if self._clock() < self._due:  # another thread was faster
            busy.release()
            return None
        self._due = self._clock() + self._interval
        return self._start(busy)

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

    def _begin(self) -> None:
        self._busy = threading.Lock()
        self._due = self._clock() + self._interval * self._rng() if self._interval > 0 else math.inf
