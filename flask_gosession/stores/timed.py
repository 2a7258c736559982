"""A store whose reads and swaps are timed; assembled only if there are observers.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from flask_gosession.stores.base import Record, Store, Swap
from flask_gosession.stores.capabilities import Pooled
from flask_gosession.stores.wrapper import StoreWrapper


class Timing(Protocol):
    """A call under way; `outcome` may name how it ended."""

    outcome: str


class TimedStore(StoreWrapper):
    """Passes everything on to *store*; *timed* makes the context of each load and swap, by the method's name.

    *on_connections* is called with the number of connections in use when a call began, if the store knows it.
    """

    def __init__(
        self,
        store: Store,
        timed: Callable[[str], AbstractContextManager[Timing]],
        on_connections: Callable[[int], None],
    ) -> None:
        super().__init__(store)
        self._timed = timed
        self._on_connections = on_connections
        inner = getattr(store, "store", store)  # behind a circuit breaker
        self._pool = inner if isinstance(inner, Pooled) else None

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*."""
        self._count_connections()
        with self._timed("load"):
            return self.store.load(subject)

    def swap(
        self, subject: str, etag: bytes | None, new: Record | None, expires_at: float, *, announce: bool = False
    ) -> Swap:
        """Put or delete, if no other writer was faster."""
        self._count_connections()
        with self._timed("swap") as call:
            swap = self.store.swap(subject, etag, new, expires_at, announce=announce)
            call.outcome = "ok" if swap is Swap.DONE else swap.value
            return swap

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete ended records."""
        with self._timed("purge"):
            return self.store.purge(now, limit)

    def _count_connections(self) -> None:
        if self._pool is not None:
            self._on_connections(self._pool.connections_in_use)
