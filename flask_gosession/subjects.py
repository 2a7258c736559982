"""The one loop through which every record is read and written: load, rule, swap, and again if somebody was faster."""

from __future__ import annotations

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from flask_gosession import ids
from flask_gosession.errors import StoreConflict, StoreUnavailable
from flask_gosession.session import record as records
from flask_gosession.session.change import Change, is_empty, tidy
from flask_gosession.session.drop import drop
from flask_gosession.session.record import MAJOR, SubjectRecord
from flask_gosession.stores import at_fork
from flask_gosession.stores.base import Record, Store, StoreFull, Swap

log = logging.getLogger("flask_gosession")
T = TypeVar("T")
Rule = Callable[[SubjectRecord, float], Change[T]]

NEWER = "The session was written by a newer version of this server."

KEPT_BEYOND_END = 60.0
"""A store may forget a record this long, and the leeway, after the last thing in it has ended."""

LOOK_UP_WITHIN = 0.2
"""Seconds within which a write must have failed to be looked up: a write that timed out has cost what one may cost."""


class Snapshot(NamedTuple):
    """A record as it was read, and the stored value that it was read from."""

    record: SubjectRecord
    stored: Record | None


class _Write(NamedTuple):
    """A swap to be made: *new* (None deletes) in the place of what has *etag*."""

    etag: bytes | None
    new: Record | None
    expires_at: float
    announce: bool


class Subjects:
    """Records by subject, over a store: `read` one, or `update` it by a rule, atomically."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        *,
        leeway: float = 10.0,
        patience: float = 2.0,
        on_corrupt: Callable[[str], None] = lambda _subject: None,
    ) -> None:
        """Take *patience* seconds at most for one update that others keep overtaking."""
        self.store = store
        self._clock = clock
        self._kept = leeway + KEPT_BEYOND_END
        self._patience = patience
        self._on_corrupt = on_corrupt
        self._renew_turns()
        at_fork.in_child(self._renew_turns)

    def read(self, subject: str) -> Snapshot:
        """Return the record of *subject*; an empty one where nothing, or nothing of ours, is stored."""
        stored = self.store.load(subject)
        if stored is None:
            return Snapshot(_blank(subject), None)
        record = records.read(stored.value, subject)
        if record is None:
            self._refuse_newer(stored, subject)
            self._report_corrupt(subject)
        return Snapshot(record or _blank(subject), stored)

    def update(self, subject: str, rule: Rule[T]) -> tuple[Change[T], bool]:
        """Apply *rule* to the record of *subject* as one atomic step; return the change, and whether it is confirmed.

        What the change refuses is raised after the write. Raises StoreUnavailable, and StoreConflict when others
        kept writing. A write whose answer was lost is looked up before it is tried once more; one that timed out is
        not, so that nobody waits twice for a store that is down: the caller tries again, and every rule bears that.
        On a full store a revocation deletes the whole record where nothing else can be done.
        """
        with self._turn(subject):
            try:
                return self._until_done(subject, rule)
            except StoreFull:
                return self._until_done(subject, lambda record, now: _by_deletion(record, rule(record, now), now))

    def try_update(self, seen: Snapshot, rule: Rule[T]) -> bool:
        """Apply *rule* to what was read, if nobody has written since; return whether that was so.

        Raises StoreUnavailable when the store cannot write.
        """
        change = rule(seen.record, self._clock())
        return self._swap(seen.record.subject, self._write_of(seen, change)) is not Swap.LOST

    def _until_done(self, subject: str, rule: Rule[T]) -> tuple[Change[T], bool]:
        deadline = time.monotonic() + self._patience
        for outcome in self._attempts(subject, rule):
            if outcome is not None:
                return outcome
            if time.monotonic() > deadline:
                break
        raise StoreConflict

    def _attempts(self, subject: str, rule: Rule[T]) -> Iterator[tuple[Change[T], bool] | None]:
        """Yield the outcome once it stands, and None for each time that somebody else was faster."""
        failures, pause = 0, 0.001
        while True:
            began = time.monotonic()
            seen = self.read(subject)
            change = rule(seen.record, self._clock())
            write = self._write_of(seen, change)
            try:
                outcome = self._swap(subject, write)
            except StoreFull:
                raise
            except StoreUnavailable:
                failures += 1
                if failures > 1 or time.monotonic() > began + LOOK_UP_WITHIN:
                    raise
                outcome = self._look_up(subject, write)
            yield None if outcome is Swap.LOST else (change, outcome is Swap.DONE)
            time.sleep(random.uniform(0, pause))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, 0.05)

    def _write_of(self, seen: Snapshot, change: Change[T]) -> _Write | None:
        """Return the swap that brings *change* about; None when nothing is to be written."""
        corrupt = seen.stored is not None and seen.record.major == 0
        if change.record is seen.record and not corrupt:
            return None
        if seen.record.major > MAJOR:
            raise StoreUnavailable(NEWER)
        now = self._clock()
        record = tidy(change.record, now)
        old_etag = seen.stored.etag if seen.stored else None
        if is_empty(record, now):
            return _Write(old_etag, None, now, change.announce) if old_etag else None
        new = Record(_encode_over(record, seen.stored), ids.new_etag())
        return _Write(old_etag, new, record.last_end + self._kept, change.announce)

    def _swap(self, subject: str, write: _Write | None) -> Swap:
        if write is None:
            return Swap.DONE
        return self.store.swap(subject, write.etag, write.new, write.expires_at, announce=write.announce)

    def _look_up(self, subject: str, write: _Write | None) -> Swap:
        """Find out whether a write was done although its answer was lost; how many replicas have it is unknown."""
        stored = self.store.load(subject)
        meant = write.new.etag if write and write.new else None
        return Swap.UNCONFIRMED if meant == (stored.etag if stored else None) else Swap.LOST

    def _renew_turns(self) -> None:
        self._turns = tuple(threading.Lock() for _ in range(64))

    @contextmanager
    def _turn(self, subject: str) -> Iterator[None]:
        """Let the threads of this process queue for a subject; only a courtesy, so waiting has an end."""
        lock = self._turns[hash(subject) % len(self._turns)]
        held = lock.acquire(timeout=self._patience)
        try:
            yield
        finally:
            if held:
                lock.release()

    def _refuse_newer(self, stored: Record, subject: str) -> None:
        """Raise for what only a newer version can read: as a corrupt record the next login would destroy it."""
        if records.is_newer(stored.value, subject):
            raise StoreUnavailable(NEWER)

    def _report_corrupt(self, subject: str) -> None:
        log.error("the stored record of a subject cannot be read; it counts as signed out until the next login")
        self._on_corrupt(subject)


def _by_deletion(record: SubjectRecord, change: Change[T], now: float) -> Change[T]:
    """Return a change that needs no room. Raises StoreFull where there is none."""
    if change.record is record:
        return change
    dropped = drop(record, change, now)
    if dropped is None:
        raise StoreFull
    log.warning("a record was deleted as a whole, because a session had to end and the store is full")
    return dropped


def _blank(subject: str) -> SubjectRecord:
    """Return the record of nobody: what is not written yet has the version 0."""
    return SubjectRecord(0, subject, 0)


def _encode_over(record: SubjectRecord, stored: Record | None) -> bytes:
    """Encode *record* to replace *stored*, carrying over what a newer minor version has put there."""
    # What is written for the first time gets its versions here.
    named = replace(record, major=MAJOR, user_version=record.user_version or secrets.randbits(63) + 1)
    return records.encode(named, records.tails_of(stored.value) if stored and record.major else None)
