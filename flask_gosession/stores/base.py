"""The contract of a store, in words: load one value, and swap it if nobody else did."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple, Protocol, runtime_checkable

from flask_gosession.errors import StoreUnavailable


class Record(NamedTuple):
    """One stored value and the name of the write that put it there."""

    value: bytes
    """Opaque to the store."""
    etag: bytes
    """Eight random bytes, new at every write; never a counter."""

    def __repr__(self) -> str:
        return f"Record({len(self.value)} bytes, etag={self.etag.hex()!r})"


class Swap(Enum):
    """How a swap ended."""

    DONE = "done"
    LOST = "lost"
    """Somebody else wrote; nothing was changed."""
    UNCONFIRMED = "unconfirmed"
    """Done, but fewer replicas than asked for have it yet."""


class StoreFull(StoreUnavailable):
    """There is no room for a new or longer record; a deletion still works."""

    text = "The session store is full; please try again later."


@runtime_checkable
class Store(Protocol):
    """What the session manager asks of a store; `flask_gosession.testing.contract.StoreContract` proves it.

    Missing is a value; `StoreUnavailable` is the only exception, whatever the driver raised. No store reads the
    clock. Two different subjects never share a record, whatever characters they are made of. Safe to use from
    many threads, and usable in a child process after a fork.
    """

    shared: bool
    """Whether other processes see the same records."""

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*, whole or not at all; None when nothing is stored.

        A value that is there but is not one of ours (wrong type, too short for an etag) is returned as a record
        with an empty value and an etag by which `swap` can replace it.
        """
        ...

    def swap(
        self, subject: str, etag: bytes | None, new: Record | None, expires_at: float, *, announce: bool = False
    ) -> Swap:
        """Put *new* (None deletes) if and only if the stored etag is still *etag* (None: nothing is stored).

        Atomic. *expires_at* (Unix seconds) only allows the store to forget the record after that time. *announce*
        tells other processes, where the store can, that verdicts about *subject* have changed.
        """
        ...

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects that have a record, in no order; may be slow, for operators."""
        ...

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete at most *limit* records whose ``expires_at`` is before *now*; return how many.

        0 where the server does so by itself.
        """
        ...

    def ping(self) -> None:
        """Return when the store answers; raise StoreUnavailable otherwise."""
        ...

    def close(self) -> None:
        """Let go of connections and files. Twice is fine."""
        ...
