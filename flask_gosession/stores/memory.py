"""Records in this process's memory: for tests, trials and single-process services.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from flask_gosession.at_fork import in_child
from flask_gosession.errors import ConfigError
from flask_gosession.stores.base import Record, StoreFull, Swap

MAX_SUBJECTS = 100_000


class _Slot(NamedTuple):
    record: Record
    expires_at: float


class MemorySubscription:
    """Hears what is announced in this process."""

    def __init__(self, now: float) -> None:
        self.known_until: float = now
        self._beat = now
        self._changed: set[str] = set()
        self._arrived = threading.Event()

    def put(self, subject: str) -> None:
        """Announce a change."""
        self._changed.add(subject)
        self._arrived.set()

    def pending(self) -> bool:
        """Whether there is an announcement or a heartbeat to read."""
        return bool(self._changed) or self._beat != self.known_until

    def read(self) -> list[str]:
        """Return the subjects whose verdicts have changed, each once."""
        self._arrived.clear()
        beat, changed = self._beat, []
        while self._changed:
            changed.append(self._changed.pop())
        self.known_until = beat
        return changed

    def beat(self, now: float) -> None:
        """Note the time: everything announced before it can be read."""
        self._beat = now
        self._arrived.set()

    def wait(self, seconds: float) -> None:
        """Wait for an announcement."""
        self._arrived.wait(seconds)

    def close(self) -> None:
        """Do nothing: a listener without references hears nothing."""


class MemoryFeed:
    """Tells the subscriptions of this process."""

    def __init__(self) -> None:
        self._subscriptions: tuple[weakref.ref[MemorySubscription], ...] = ()
        self._renew_lock()
        in_child(self._renew_lock)

    def subscribe(self, now: float) -> MemorySubscription:
        """Return a subscription, which lives as long as something refers to it."""
        subscription = MemorySubscription(now)
        with self._lock:
            living = [one for one in self._subscriptions if one() is not None]
            self._subscriptions = (*living, weakref.ref(subscription))
        return subscription

    def announce(self, subject: str) -> None:
        """Tell of a change."""
        for one in self._subscriptions:
            subscription = one()
            if subscription is not None:
                subscription.put(subject)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


class MemoryStore:
    """Keeps at most *max_subjects* records; beyond that, new ones are refused, and live ones never evicted."""

    shared = False
    budget: float = math.inf
    """It waits for nothing."""

    def __init__(self, max_subjects: int = MAX_SUBJECTS, *, clock: Callable[[], float] = time.time) -> None:
        """Use *clock* for one thing only: to find ended records when full, as a server would by itself."""
        if max_subjects < 1:
            raise ConfigError("max_subjects of the memory store must be at least 1.")
        self._max_subjects = max_subjects
        self._clock = clock
        self._slots: dict[str, _Slot] = {}
        self._first_end = math.inf
        self.feed: MemoryFeed = MemoryFeed()
        """Where swaps announce whose verdicts have changed."""
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
        self, subject: str, etag: bytes | None, new: Record | None, expires_at: float, *, announce: bool = False
    ) -> Swap:
        """Put or delete, if no other writer was faster. Raises StoreFull if there is no room for a new record."""
        with self._lock:
            slot = self._slots.get(subject)
            if etag != (None if slot is None else slot.record.etag):
                return Swap.LOST
            self._put(subject, new, expires_at, is_new=slot is None)
            if announce:
                self.feed.announce(subject)
            return Swap.DONE

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects that had a record when the iteration began."""
        with self._lock:
            return iter(list(self._slots))

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete at most *limit* records that ended before *now*; return how many."""
        with self._lock:
            return self._drop_ended(now, limit)

    def count_ended(self, now: float) -> int:
        """Return how many records ended before *now*."""
        with self._lock:
            return sum(slot.expires_at < now for slot in self._slots.values())

    def locate(self, subject: str) -> str:
        """Return where the record is: nowhere that another process could look."""
        return f"the memory of process {os.getpid()}, under {subject!r}"

    def ping(self) -> None:
        """Return: this memory always answers."""

    def close(self) -> None:
        """Do nothing: the records end with the process."""

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def _put(self, subject: str, new: Record | None, expires_at: float, *, is_new: bool) -> None:
        if new is None:
            self._slots.pop(subject, None)
            return
        if is_new:
            self._make_room()
        self._slots[subject] = _Slot(new, expires_at)
        self._first_end = min(self._first_end, expires_at)

    def _make_room(self) -> None:
        if len(self._slots) < self._max_subjects:
            return
        if not self._drop_ended(self._clock(), self._max_subjects):
            raise StoreFull

    def _drop_ended(self, now: float, limit: int) -> int:
        # Every new login asks a full store; this keeps it from reading all records each time.
        if now <= self._first_end:
            return 0
        ended = [subject for subject, slot in self._slots.items() if slot.expires_at < now]
        for subject in ended[:limit]:
            del self._slots[subject]
        self._first_end = min((slot.expires_at for slot in self._slots.values()), default=math.inf)
        return len(ended[:limit])
