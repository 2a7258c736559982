"""What some stores can do beyond the contract, for operators: each ability is a protocol of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from flask_gosession.findings import Finding
from flask_gosession.stores.base import Record


class Page(NamedTuple):
    """A batch of records with their subjects, and where the next batch begins."""

    records: Sequence[tuple[str, Record]]
    next: str | None
    """The position of the next batch; None after the last one."""


@runtime_checkable
class Paged(Protocol):
    """A store whose records can be read in batches, from a position that can be kept."""

    def page(self, position: str | None, limit: int) -> Page:
        """Return about *limit* records from *position* on; None is the start.

        A page may be empty without being the last. A record written meanwhile may come twice, or not at all if it is
        new. Raises ValueError for a position that is not one of this store's, and StoreUnavailable.
        """
        ...

    def size(self) -> int:
        """Return about how many records there are, without reading them all. Raises StoreUnavailable."""
        ...


@runtime_checkable
class Located(Protocol):
    """A store that can say where a record is, in words that help to find it with the server's own tools."""

    def locate(self, subject: str) -> str:
        """Return the key, file, row or document of *subject*, whether or not it exists."""
        ...


@runtime_checkable
class Purgeable(Protocol):
    """A store that does not expire records by itself, and can count those that a purge would delete."""

    def count_ended(self, now: float) -> int:
        """Return how many records ended before *now*. Raises StoreUnavailable."""
        ...


@runtime_checkable
class Pooled(Protocol):
    """A store that knows how many connections this process is using."""

    @property
    def connections_in_use(self) -> int:
        """How many connections are in use right now; does not ask the server."""
        ...


@runtime_checkable
class Diagnosable(Protocol):
    """A store that can check how its server, table or folder is set up."""

    def diagnose(self, now: float, tolerance: float) -> Iterator[Finding]:
        """Look at everything that can be seen from here; changes nothing.

        *now* is this host's time (Unix seconds), which may be *tolerance* seconds off the server's. Raises
        StoreUnavailable.
        """
        ...
