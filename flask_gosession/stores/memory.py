"""Records in this process's memory: for tests, trials and single-process services."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from flask_gosession.errors import ConfigError
from flask_gosession.stores.at_fork import in_child
from flask_gosession.stores.base import Record, StoreFull, Swap

MAX_SUBJECTS = 100_000


class _Slot(NamedTuple):
    record: Record
    expires_at: float


class MemoryStore:
    """Keeps at most *max_subjects* records; a new one beyond that is refused, what is live is never evicted."""

    shared = False

    def __init__(self, max_subjects: int = MAX_SUBJECTS, *, clock: Callable[[], float] = time.time) -> None:
        """Use *clock* for one thing only: to find, when full, what may be forgotten, as a server would by itself."""
        if max_subjects < 1:
            raise ConfigError("max_subjects of the memory store must be at least 1.")
        self._max_subjects = max_subjects
        self._clock = clock
        self._slots: dict[str, _Slot] = {}
        self._first_end = math.inf
        self._renew_lock()
        in_child(self._renew_lock)

    @classmethod
    def from_url(cls, url: str, *, key_prefix: str = "", wait_replicas: int = 0) -> MemoryStore:  # noqa: ARG003
        """Open ``memory://`` or ``memory://?max_subjects=N``; raise ConfigError for any other option."""
        query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        text = query.pop("max_subjects", str(MAX_SUBJECTS))
        if query or not (text.isascii() and text.isdecimal()):
            raise ConfigError('A memory store takes one option, a whole number: "memory://?max_subjects=100000".')
        return cls(int(text))

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*, or None."""
        slot = self._slots.get(subject)
        return None if slot is None else slot.record

    def swap(
        self,
        subject: str,
        etag: bytes | None,
        new: Record | None,
        expires_at: float,
        *,
        announce: bool = False,  # noqa: ARG002 - nobody else sees this memory
    ) -> Swap:
        """Put or delete, if nobody else has written. Raises StoreFull when a new record finds no room."""
        with self._lock:
            slot = self._slots.get(subject)
            if etag != (None if slot is None else slot.record.etag):
                return Swap.LOST
            if new is None:
                self._slots.pop(subject, None)
                return Swap.DONE
            if slot is None:
                self._make_room()
            self._slots[subject] = _Slot(new, expires_at)
            self._first_end = min(self._first_end, expires_at)
            return Swap.DONE

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects that had a record when the iteration began."""
        with self._lock:
            return iter(list(self._slots))

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete at most *limit* records that ended before *now*; return how many."""
        with self._lock:
            return self._drop_ended(now, limit)

    def ping(self) -> None:
        """Return: this memory always answers."""

    def close(self) -> None:
        """Do nothing: the records go with the process."""

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def _make_room(self) -> None:
        if len(self._slots) < self._max_subjects:
            return
        if not self._drop_ended(self._clock(), self._max_subjects):
            raise StoreFull

    def _drop_ended(self, now: float, limit: int) -> int:
        # A full store is asked at every new login; this keeps it from looking at every record each time.
        if now <= self._first_end:
            return 0
        ended = [subject for subject, slot in self._slots.items() if slot.expires_at < now]
        for subject in ended[:limit]:
            del self._slots[subject]
        self._first_end = min((slot.expires_at for slot in self._slots.values()), default=math.inf)
        return len(ended[:limit])
