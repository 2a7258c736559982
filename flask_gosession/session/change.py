"""What a rule answers: the record as it should be, and what that means for whom."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from msgspec.structs import replace

from flask_gosession.errors import AuthError, Reason
from flask_gosession.session.record import Session, SubjectRecord, Tombstone

T = TypeVar("T")

TOMBSTONES = 16
TOMBSTONE_LIFETIME = 7 * 86_400.0
KEPT_AFTER_END = 300.0
"""Sessions that ended by themselves stay this long, so that a host with a fast clock cannot destroy live ones."""


class Ended(NamedTuple):
    """A session that a rule has ended, and why."""

    session: Session
    reason: Reason


@dataclass(frozen=True)
class Change(Generic[T]):
    """The outcome of a rule; returning the very record it was given means that nothing is to be written."""

    record: SubjectRecord
    result: T
    ended: tuple[Ended, ...] = ()
    announce: bool = False
    """Whether somebody's verdict has changed, so that other processes must hear of it."""
    refused: AuthError | None = None
    """Raised to the caller after the record was written."""


def bury(
    record: SubjectRecord,
    doomed: Iterable[Session],
    reason: Reason,
    now: float,
    *,
    client: str | None = None,
    message: str | None = None,
) -> tuple[SubjectRecord, tuple[Ended, ...]]:
    """Take *doomed* out of the record and leave a tombstone for each; the newest sixteen are kept."""
    gone = {session.id: session for session in doomed}
    if not gone:
        return record, ()
    stones = [
        Tombstone(session.id, reason, now, min(session.expires, now + TOMBSTONE_LIFETIME), client, message)
        for session in gone.values()
    ]
    known = [stone for stone in record.ended if stone.id not in gone]
    buried = _without(record, gone, [*known, *stones])
    return buried, tuple(Ended(session, reason) for session in gone.values())


def tidy(record: SubjectRecord, now: float) -> SubjectRecord:
    """Drop what has long ended; a session that idled out leaves a tombstone that says so."""
    long_ago = now - KEPT_AFTER_END
    over = {session.id: session for session in record.sessions if session.ends <= long_ago}
    idled = [
        Tombstone(session.id, "idle", session.ends, min(session.expires, session.ends + TOMBSTONE_LIFETIME))
        for session in over.values()
    ]
    known = [stone for stone in record.ended if stone.id not in over]
    # Where there are too many, what somebody did to a session is worth more than that it idled out.
    stones = [stone for stone in (*idled, *known) if stone.until > long_ago]
    return replace(
        _without(record, over, stones),
        ban=record.ban if record.ban and record.ban.until > long_ago else None,
        user=record.user if record.user and record.user.expires > long_ago else None,
    )


def is_empty(record: SubjectRecord, now: float) -> bool:
    """Whether nothing in the record is worth keeping."""
    return record.last_end + KEPT_AFTER_END <= now


def _without(record: SubjectRecord, gone: Container[bytes], stones: Sequence[Tombstone]) -> SubjectRecord:
    """Return the record without the sessions of those ids, and with the last sixteen of *stones*."""
    left = tuple(session for session in record.sessions if session.id not in gone)
    return replace(record, sessions=left, ended=tuple(stones[-TOMBSTONES:]))
