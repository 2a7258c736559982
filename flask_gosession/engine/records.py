"""The loop by which every record is read and written: load, rule, swap, and again if another writer was faster."""

from __future__ import annotations

import logging
import math
import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from flask_gosession import ids
from flask_gosession.deadline import Deadline
from flask_gosession.errors import StoreConflict, StoreUnavailable
from flask_gosession.keyed_lock import KeyedLock
from flask_gosession.session import encoding as records
from flask_gosession.session.change import (
    Change,
    EndedSession,
    kept_until,
    notice_run_out,
    tidy,
    write_anyway,
)
from flask_gosession.session.record import MAJOR, SubjectRecord
from flask_gosession.session.revoke import delete_whole_record, without_messages
from flask_gosession.stores.base import Record, Store, StoreFull, Swap, budget, confirms

log: logging.Logger = logging.getLogger("flask_gosession")
T = TypeVar("T")
Rule = Callable[[SubjectRecord, float], Change[T]]

NEWER = "The session was written by a newer version of this server."

UNREADABLE = "A session cannot hold this: it would not be read back unchanged, and would damage the whole record."

KEPT_BEYOND_END = 60.0
"""A store may forget a record this long, plus the leeway, after the last thing in it has lost its use."""

LOOK_UP_WITHIN = 0.2
"""Only a write that failed within so many seconds is looked up: one that timed out has taken long enough."""


class Snapshot(msgspec.Struct, frozen=True):
    """A record as it was read, and the stored value that it was read from."""

    record: SubjectRecord
    stored: Record | None


class Excerpt(msgspec.Struct, frozen=True):
    """A record as it was read for the sake of one session: others may be missing, so nothing is written from it."""

    record: SubjectRecord
    stored: Record | None


class _Write(NamedTuple):
    """A swap to be made: *new* (None deletes) replaces the value with *etag*."""

    etag: bytes | None
    new: Record | None
    expires_at: float
    announce: bool


class Records:
    """Records by subject, over a store: `read` one, or `update` it by a rule, atomically."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        *,
        leeway: float = 10.0,
        patience: float = 2.0,
        on_corrupt: Callable[[str], None] = lambda _subject: None,
        on_run_out: Callable[[str, Sequence[EndedSession]], None] = lambda _subject, _sessions: None,
    ) -> None:
        """Take *patience* seconds at most for one update that waits for others, or that they keep overtaking."""
        self.store = store
        self._clock = clock
        self._leeway = leeway
        self._kept = leeway + KEPT_BEYOND_END
        self._future_told = False
        self._patience = patience
        self._pace = 0.0  # how long an update takes by itself, in seconds
        self._on_corrupt = on_corrupt
        self._on_run_out = on_run_out
        self.on_announced: list[Callable[[str], None]] = []
        """Called with each subject whose verdicts a write from here has changed, or may have."""
        self._locks = KeyedLock()
        self.deletes_whole: bool = True
        """Whether a revocation on a full store may delete a record: not where it holds the sessions of many people."""
        self.one_operation: Callable[[], AbstractContextManager[None]] = _operations_of(store)
        """Returns the context of an operation: all calls of the store in it together take at most half a second.

        Without one around it, each attempt of an update is an operation by itself.
        """

    def read(self, subject: str, now: float | None = None) -> Snapshot:
        """Return the record of *subject*; an empty one if nothing, or nothing of ours, is stored.

        *now* is the time, if the caller knows it already.
        """
        return self._decoded(subject, self.store.load(subject), now)

    def read_one(self, subject: str, sid: bytes, now: float) -> Excerpt:
        """Like `read`, but return only what concerns the session *sid*: the others need not be decoded."""
        stored = self.store.load(subject)
        record = None if stored is None else records.read(stored.value, subject, sid)
        if record is None:
            return Excerpt(self._decoded(subject, stored, now).record, stored)
        return Excerpt(record, stored)

    def whole(self, excerpt: Excerpt) -> Snapshot:
        """Return all that was read; damage in another session makes it an empty record."""
        return self._decoded(excerpt.record.subject, excerpt.stored)

    def update(
        self, subject: str, rule: Rule[T], seen: Snapshot | None = None, *, confirm: bool = False
    ) -> tuple[Change[T], bool]:
        """Apply *rule* to the record of *subject* as one atomic step; return the change, and whether it is confirmed.

        *seen* is what was read just now: it is tried first, and saves a round trip if nobody has written since. With
        *confirm*, a store whose replicas confirm writes gets one even if nothing changes: it confirms earlier ones.
        A refusal in the change is raised after the write. Raises StoreUnavailable, and StoreConflict when others
        kept writing. A write whose answer was lost is looked up before it is tried once more; one that timed out is
        not, to avoid waiting twice for a store that is down; the caller may retry, since every rule can be repeated.
        On a full store, a revocation that cannot be written deletes the whole record instead, if it may.
        """
        asked = partial(_written_anyway, rule) if confirm and confirms(self.store) else rule
        # The lock is a courtesy to the threads of this process: waiting has an end, and then one attempt is made.
        if self._locks.waiting(subject) * self._pace > self._patience:
            raise StoreConflict
        called = time.monotonic()
        with self._locks.hold(subject, self._patience):
            end, began = called + self._patience, time.monotonic()
            try:
                done = self._until_done(subject, partial(_noticing, asked), end, seen)
            except StoreFull:
                if not self.deletes_whole:
                    raise
                done = self._until_done(subject, partial(_instead_by_deletion, rule), end)
            finally:
                self._pace = (self._pace + time.monotonic() - began) / 2
        self._tell_run_out(subject, done[0])
        return done

    def _decoded(self, subject: str, stored: Record | None, now: float | None = None) -> Snapshot:
        if stored is None:
            return Snapshot(_blank(subject), None)
        record = records.read(stored.value, subject)
        if record is None:
            self._refuse_newer(stored, subject)
            self._report_corrupt(subject)
        else:
            self.tell_future(record, self._clock() if now is None else now)
        return Snapshot(record or _blank(subject), stored)

    def try_update(self, seen: Snapshot, rule: Rule[T]) -> bool:
        """Apply *rule* to what was read, if nobody has written since; return whether that was so.

        Raises StoreUnavailable when the store cannot write.
        """
        change = rule(seen.record, self._clock())
        return self._swap(seen.record.subject, self._write_of(seen, change)) is not Swap.LOST

    def notice_run_out(self, seen: Snapshot) -> None:
        """Report the sessions in what was read that have expired unreported, and note that they are reported now.

        If that cannot be written now, another reader will do it.
        """
        change = notice_run_out(Change(seen.record, None), self._clock())
        if not change.run_out or seen.record.major > MAJOR:
            return
        try:
            if self._swap(seen.record.subject, self._write_of(seen, change)) is not Swap.LOST:
                self._tell_run_out(seen.record.subject, change)
        except StoreUnavailable:
            log.info("the end of a session could not be noted; the store is not available")

    def _tell_run_out(self, subject: str, change: Change[Any]) -> None:
        if change.run_out:
            self._on_run_out(subject, change.run_out)

    def _until_done(
        self, subject: str, rule: Rule[T], end: float, seen: Snapshot | None = None
    ) -> tuple[Change[T], bool]:
        for outcome in self._attempts(subject, rule, seen):
            if outcome is not None:
                return outcome
            if time.monotonic() > end:
                break
        raise StoreConflict

    def _attempts(self, subject: str, rule: Rule[T], first: Snapshot | None) -> Iterator[tuple[Change[T], bool] | None]:
        """Yield None each time another writer was faster, and finally the certain outcome.

        A store that is full gets the change once more without its messages.
        """
        failures, pause, full = 0, 0.001, False
        while True:
            began = time.monotonic()
            with self.one_operation():
                seen, first = first or self.read(subject), None
                change = rule(seen.record, self._clock())
                if full:
                    change = without_messages(seen.record, change)
                write = self._write_of(seen, change)
                try:
                    outcome = self._swap(subject, write)
                except StoreFull:
                    if without_messages(seen.record, change) is change:
                        raise
                    full, outcome = True, Swap.LOST  # what ends matters more than what it says
                except StoreUnavailable:
                    failures += 1
                    if failures > 1 or time.monotonic() > began + LOOK_UP_WITHIN:
                        raise
                    outcome = self._look_up(subject, write)
            yield None if outcome is Swap.LOST else (change, outcome is Swap.DONE)
            time.sleep(random.uniform(0, pause))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, 0.05)

    def _write_of(self, seen: Snapshot, change: Change[T]) -> _Write | None:
        """Return the swap that makes *change*; None if nothing is to be written."""
        corrupt = seen.stored is not None and seen.record.major == 0
        if change.record is seen.record and not corrupt:
            return None
        if seen.record.major > MAJOR:
            raise StoreUnavailable(NEWER)
        now = self._clock()
        record = tidy(change.record, now)
        old_etag = seen.stored.etag if seen.stored else None
        kept = kept_until(record)
        if kept <= now:
            return _Write(old_etag, None, now, change.announce) if old_etag else None
        new = Record(_encode_over(record, seen.stored), ids.new_etag())
        return _Write(old_etag, new, kept + self._kept, change.announce)

    def _swap(self, subject: str, write: _Write | None) -> Swap:
        if write is None:
            return Swap.UNCONFIRMED if confirms(self.store) else Swap.DONE
        try:
            return self.store.swap(subject, write.etag, write.new, write.expires_at, announce=write.announce)
        finally:
            for listener in self.on_announced if write.announce else ():
                listener(subject)

    def _look_up(self, subject: str, write: _Write | None) -> Swap:
        """Find out whether a write whose answer was lost was made; how many replicas have it is unknown."""
        stored = self.store.load(subject)
        meant = write.new.etag if write and write.new else None
        return Swap.UNCONFIRMED if meant == (stored.etag if stored else None) else Swap.LOST

    def tell_future(self, record: SubjectRecord, now: float) -> None:
        """Log once that the clocks of the hosts differ by more than the leeway."""
        marked = 0.0 if record.not_before is None else record.not_before.at
        latest = max(marked, *(session.seen for session in record.sessions), 0.0)
        if latest > now + self._leeway and not self._future_told:
            self._future_told = True
            log.warning("a stored record is from %.0f s ahead: the clocks of this app's hosts differ", latest - now)

    def _refuse_newer(self, stored: Record, subject: str) -> None:
        """Raise for a record that only a newer version can read: taken for corrupt, the next login would destroy it."""
        if records.is_newer(stored.value, subject):
            raise StoreUnavailable(NEWER)

    def _report_corrupt(self, subject: str) -> None:
        log.error("the stored record of a subject cannot be read; it counts as signed out until the next login")
        self._on_corrupt(subject)


def _operations_of(store: Store) -> Callable[[], AbstractContextManager[None]]:
    """Return what begins an operation; one of a store that may take its time, or needs none, has no end."""
    seconds = budget(store)
    return nullcontext if seconds == math.inf else partial(Deadline, seconds)


def _noticing(rule: Rule[T], record: SubjectRecord, now: float) -> Change[T]:
    """Apply *rule*; if something is to be written anyway, note which sessions have expired."""
    change = rule(record, now)
    return change if change.record is record else notice_run_out(change, now)


def _written_anyway(rule: Rule[T], record: SubjectRecord, now: float) -> Change[T]:
    return write_anyway(rule(record, now), record, now)


def _instead_by_deletion(rule: Rule[T], record: SubjectRecord, now: float) -> Change[T]:
    return _by_deletion(record, rule(record, now), now)


def _by_deletion(record: SubjectRecord, change: Change[T], now: float) -> Change[T]:
    """Return a change that needs no room in the store. Raises StoreFull if there is none."""
    if change.record is record:
        return change
    dropped = delete_whole_record(record, change, now)
    if dropped is None:
        raise StoreFull
    log.warning("a record was deleted as a whole, because a session had to end and the store is full")
    return dropped


def _blank(subject: str) -> SubjectRecord:
    """Return a record with nothing in it; version 0 means that it was never written."""
    return SubjectRecord(0, subject, 0)


def _encode_over(record: SubjectRecord, stored: Record | None) -> bytes:
    """Encode *record* to replace *stored*, carrying over what a newer minor version has put there.

    Raises ValueError or TypeError for what would not be read back unchanged: one wrong value never spoils a record.
    """
    # A record that is written for the first time gets its versions here.
    named = replace(record, major=MAJOR, user_version=record.user_version or secrets.randbits(63) + 1)
    try:
        value = records.encode(named, records.tails_of(stored.value) if stored and record.major else None)
    except (OverflowError, RecursionError) as error:
        raise ValueError(UNREADABLE) from error
    if not records.reads_back(value, named):
        raise ValueError(UNREADABLE)
    return value
