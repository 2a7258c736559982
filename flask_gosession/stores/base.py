"""The contract of a store: load one value, and swap it unless another writer was faster."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Protocol, runtime_checkable

import msgspec

from flask_gosession.discreet import Discreet
from flask_gosession.errors import StoreUnavailable


class Record(Discreet, msgspec.Struct, frozen=True):
    """One stored value and the name of the write that put it there."""

    _shown = ("etag",)

    value: bytes
    """Opaque to the store."""
    etag: bytes
    """Eight random bytes, new at every write; never a counter."""


class Swap(Enum):
    """How a swap ended."""

    DONE = "done"
    LOST = "lost"
    """Another writer was faster; nothing was changed."""
    UNCONFIRMED = "unconfirmed"
    """Done, but fewer replicas than required have it so far."""


class StoreFull(StoreUnavailable):
    """There is no room for a new or longer record; a deletion still works."""

    text = "The session store is full; please try again later."


class StoreBusy(StoreUnavailable):
    """No connection was left for this process, or for its role at the server; the store itself may be well."""

    text = "Too many requests need the session store at once; please try again."


BUDGET = 0.5
"""Seconds that one operation may wait for a store without a ``budget`` of its own."""


def budget(store: Store) -> float:
    """Return how many seconds one operation may wait for *store*, all its calls together: its attribute ``budget``."""
    return float(getattr(store, "budget", BUDGET))


def confirms(store: Store) -> bool:
    """Whether replicas confirm the writes of *store*: its attribute ``confirms`` is true.

    Only such a store answers UNCONFIRMED, and a missing confirmation can be requested again.
    """
    return bool(getattr(store, "confirms", False))


def forgets(store: Store) -> bool:
    """Whether *store* deletes ended records by itself, and `purge` has nothing to do: its attribute ``forgets``."""
    return bool(getattr(store, "forgets", False))


@runtime_checkable
class Store(Protocol):
    """What the session manager needs from a store; `flask_gosession.testing.proofs.contract.StoreContract` tests it.

    Missing is a value; `StoreUnavailable` is the only exception, whatever the driver raised. Stores never read the
    clock. Two different subjects never share a record, whatever characters they are made of. Safe to use from
    many threads, and usable in a child process after a fork.
    """

    shared: bool
    """Whether other processes see the same records."""

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*, never part of it; None if nothing is stored.

        A stored value that is not one of ours (wrong type, too short for an etag) is returned as a record
        with an empty value and an etag by which `swap` can replace it.
        """
        ...

    def swap(
        self, subject: str, etag: bytes | None, new: Record | None, expires_at: float, *, announce: bool = False
    ) -> Swap:
        """Put *new* (None deletes) if and only if the stored etag is still *etag* (None: nothing is stored).

        Atomic. *expires_at* (Unix seconds) only allows the store to forget the record after that time. *announce*
        tells other processes, if the store can, that verdicts about *subject* have changed.
        """
        ...

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects that have a record, in no order; may be slow, for operators."""
        ...

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete at most *limit* records whose ``expires_at`` is before *now*; return how many.

        It works in small steps that do not block others, however high the limit is. Returns 0 if the server does this
        itself.
        """
        ...

    def ping(self) -> None:
        """Return if the store answers; raise StoreUnavailable otherwise."""
        ...

    def close(self) -> None:
        """Close connections and files. May be called twice."""
        ...
