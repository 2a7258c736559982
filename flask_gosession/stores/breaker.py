"""A circuit breaker around a store: while it is down, requests are refused at once instead of each waiting for it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import msgspec

from flask_gosession import at_fork
from flask_gosession.deadline import Deadline, may_wait
from flask_gosession.errors import StoreUnavailable
from flask_gosession.events import StoreEvent, StoreFailing, StoreRecovered
from flask_gosession.stores.address import cause_of
from flask_gosession.stores.base import Record, Store, StoreBusy, StoreFull, Swap
from flask_gosession.stores.wrapper import StoreWrapper

log: logging.Logger = logging.getLogger("flask_gosession")

FAILURES = 3
COSTLY = 0.4
"""Seconds that consecutive failures may take before the third: one request may wait for no more than two timeouts."""
SHORTEST_REST = 0.3
LONGEST_REST = 0.9


PROBE = "gosession-probe"
"""The name of a thread that asks whether the store is back."""


class BrokenCircuit(StoreUnavailable):
    """The store has failed repeatedly just now, and was not asked."""


class _Call(msgspec.Struct, eq=False):
    """The context of one call to a store; one made by `contextlib` takes six times as long, at every check."""

    breaker: BreakerStore
    _began: float = 0.0

    def __enter__(self) -> None:
        """Begin the call. Raises BrokenCircuit."""
        if self.breaker.is_broken:
            self.breaker.claim_probe()
        self._began = self.breaker.clock()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Report how it has ended; a success after successes needs no report."""
        if error is not None or not self.breaker.is_well:
            self.breaker.end_call(self._began, error)


class BreakerStore(StoreWrapper):
    """Passes everything on to *store*; after failures in a row it asks only now and then, one request at a time.

    Three failures are enough, or two that were timeouts. A full store, or a process without a free connection, does not
    count as a failure. A failing store is logged once and reported to *emit*, with its *address*, and so is its
    recovery; a store that has never answered is reported at the first failure.

    What may not wait (`deadline.WithoutWaiting`) is refused as long as the store fails; a thread probes in its place.
    `ping` and `subjects` are never refused: operators can wait.

    The rest between two probes is drawn anew each time (0.3 to 0.9 seconds), so that many workers do not come back
    together. Calls run side by side and a healthy one takes no lock, which is why this is not pybreaker: that one
    holds its lock through every call.
    """

    def __init__(
        self,
        store: Store,
        *,
        address: str = "",
        emit: Callable[[StoreEvent], None] = lambda _event: None,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[], float] = lambda: random.uniform(SHORTEST_REST, LONGEST_REST),  # noqa: S311 - jitter
    ) -> None:
        super().__init__(store)
        self.address: str = address or type(store).__name__
        """Where the store is, without credentials."""
        self._emit = emit
        self._wall_clock = wall_clock
        self.clock = clock
        self._rest = rest
        self._renew_lock()
        at_fork.in_child(self._renew_lock)
        self._failures = 0
        self._cost = 0.0
        self.is_broken: bool = False
        """Whether calls are refused, except for a probe now and then."""
        self.is_well: bool = False
        """Whether the store has answered, and nothing has failed since."""
        self._next_probe = 0.0
        self._answered = False
        self._failing_since: float | None = None

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*."""
        if self.is_broken and not may_wait():
            self._leave_to_thread(subject)
        with _Call(self):
            return self.store.load(subject)

    def swap(
        self, subject: str, etag: bytes | None, new: Record | None, expires_at: float, *, announce: bool = False
    ) -> Swap:
        """Put or delete, if no other writer was faster."""
        with _Call(self):
            return self.store.swap(subject, etag, new, expires_at, announce=announce)

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete ended records, unless the store is failing; a purge that takes too long says nothing about reads."""
        if self.is_broken:
            raise BrokenCircuit
        return self.store.purge(now, limit)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def end_call(self, began: float, error: BaseException | None) -> None:
        """Learn how a call has ended."""
        if error is None:
            self._note_success()
        elif isinstance(error, StoreUnavailable) and not isinstance(error, (StoreFull, StoreBusy)):
            self._note_failure(error, self.clock() - began)

    def claim_probe(self) -> None:
        """Let one caller through when a probe is due; raise BrokenCircuit for all others."""
        now = self.clock()
        with self._lock:
            if now < self._next_probe:
                raise BrokenCircuit
            self._next_probe = now + self._rest()

    def _leave_to_thread(self, subject: str) -> NoReturn:
        """Refuse the caller at once; when a probe is due, a thread makes it, by what the caller wanted to know."""
        if self.clock() >= self._next_probe:
            probe = threading.Thread(target=self._probe, args=(subject,), name=PROBE, daemon=True)
            with suppress(RuntimeError):  # no more threads, or the process is about to end
                probe.start()
        raise BrokenCircuit

    def _probe(self, subject: str) -> None:
        with suppress(StoreUnavailable), Deadline(self.budget), _Call(self):
            self.store.load(subject)

    def _note_failure(self, error: StoreUnavailable, seconds: float) -> None:
        with self._lock:
            self._failures, self.is_well = self._failures + 1, False
            self._cost += seconds
            self.is_broken = self._failures >= FAILURES or self._cost >= COSTLY
            self._next_probe = self.clock() + self._rest()
            begins = self._failing_since is None and (self.is_broken or not self._answered)
            if begins:
                self._failing_since = self.clock()
        if begins:
            self._tell_failing(cause_of(error))

    def _note_success(self) -> None:
        with self._lock:
            self._failures, self._cost, self.is_broken, self._answered, self.is_well = 0, 0.0, False, True, True
            since, self._failing_since = self._failing_since, None
        if since is not None:
            self._tell_recovered(self.clock() - since)

    def _tell_failing(self, cause: str) -> None:
        log.error("the session store at %s does not answer (%s); requests get 503 until it does", self.address, cause)
        self._emit(StoreFailing(at=self._wall_clock(), address=self.address, cause=cause))

    def _tell_recovered(self, seconds: float) -> None:
        log.warning("the session store at %s answers again, after %.1f s", self.address, seconds)
        self._emit(StoreRecovered(at=self._wall_clock(), address=self.address, seconds=seconds))


def behind_breaker(store: Store) -> Store:
    """Return the store itself, for operators, who can wait and need all of its abilities."""
    while isinstance(store, StoreWrapper):
        store = store.store
    return store
