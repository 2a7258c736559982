"""What a rule returns: the new record, and which sessions it ended."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from flask_gosession.errors import AuthError, Reason
from flask_gosession.session.record import NotBefore, Session, SubjectRecord, Tombstone

T = TypeVar("T")
U = TypeVar("U")

TOMBSTONES = 16
TOMBSTONE_LIFETIME = 7 * 86_400.0
MARKER_LIFETIME = 60.0
"""How long a record that was written only for the sake of the write is kept with nothing in it."""
KEPT_AFTER_END = 86_400.0
"""Expired sessions stay this long, so a host whose clock is fast cannot destroy live ones."""
KEPT_ENDED = 16
"""How many of those stay, the last to end."""
BRIEFLY = 300.0
"""How long anything but a session or a ban stays after its end."""


class EndedSession(msgspec.Struct, frozen=True):
    """A session that a rule has ended, and why."""

    session: Session
    reason: Reason


class Change(msgspec.Struct, Generic[T], frozen=True):
    """The outcome of a rule; if the record is the very one it was given, nothing is written."""

    record: SubjectRecord
    result: T
    ended: tuple[EndedSession, ...] = ()
    announce: bool = False
    """Whether a verdict has changed, and other processes must hear of it."""
    refused: AuthError | None = None
    """Raised to the caller after the record was written."""
    marked: NotBefore | None = None
    """The mark that the rule has set."""
    run_out: tuple[EndedSession, ...] = ()
    """Sessions that have expired, noticed with this change."""

    def with_result(self, result: U) -> Change[U]:
        """Return the same change with another *result*."""
        return Change(self.record, result, self.ended, self.announce, self.refused, self.marked)


def write_anyway(change: Change[T], record: SubjectRecord, now: float) -> Change[T]:
    """Return *change*, made to *record*, as one that is written and announced even if it changes nothing.

    A replica that has a write has all earlier ones; without a write or an announcement, it confirms nothing.
    """
    if change.record is not record:
        return replace(change, announce=True)
    marked = replace(record, marker_until=max(record.marker_until, now + MARKER_LIFETIME))
    return replace(change, record=marked, announce=True)


def end_sessions(
    record: SubjectRecord,
    doomed: Iterable[Session],
    reason: Reason,
    now: float,
    *,
    client: str | None = None,
    message: str | None = None,
) -> tuple[SubjectRecord, tuple[EndedSession, ...]]:
    """Remove *doomed* from the record and leave a tombstone for each; the newest sixteen are kept.

    Returned as ended are those whose end was not told yet. A live one is always among them: the host that told of its
    end was ahead, or it was used since.
    """
    gone = {session.id: session for session in doomed}
    if not gone:
        return record, ()
    tombstones = [_tombstone(session, reason, now, client, message) for session in _told_of(gone.values())]
    known = [tombstone for tombstone in record.ended if tombstone.id not in gone]
    changed = _without(record, gone, [*known, *tombstones])
    told = [session for session in gone.values() if session.ends > now or not session.told_over]
    return changed, tuple([EndedSession(session, reason) for session in told])


def notice_run_out(change: Change[T], now: float) -> Change[T]:
    """Return *change* with a note in its record at each session that has expired unreported."""
    over = {session.id: session for session in change.record.sessions if session.ends <= now and not session.told_over}
    if not over:
        return change
    noted = [replace(one, told_over=True) if one.id in over else one for one in change.record.sessions]
    told = tuple(EndedSession(one, "expired" if now >= one.expires else "idle") for one in over.values())
    return replace(change, record=replace(change.record, sessions=tuple(noted)), run_out=told)


def tidy(record: SubjectRecord, now: float) -> SubjectRecord:
    """Drop what ended more than a day ago; a session that ended by being idle leaves a tombstone that says so."""
    long_ago = now - KEPT_AFTER_END
    over = {session.id: session for session in _long_over(record, now)}
    known = [tombstone for tombstone in record.ended if tombstone.until > long_ago and tombstone.id not in over]
    # If there are too many, an end that a person caused is worth more than an idle timeout.
    tombstones = [*_idled(over.values(), long_ago), *known] if over else known
    return replace(
        record if len(known) == len(record.ended) and not over else _without(record, over, tombstones),
        ban=record.ban if record.ban and record.ban.until > long_ago else None,
        user=record.user if record.user and record.user.expires > long_ago else None,
        tickets=tuple([ticket for ticket in record.tickets if ticket.until > long_ago]),
        not_before=record.not_before if record.not_before and record.not_before.until > long_ago else None,
    )


def kept_until(record: SubjectRecord) -> float:
    """Return until when the record stays: a day longer than its sessions and its ban by their own clock."""
    ends = [session.ends for session in record.sessions]
    ends += [record.ban.until] if record.ban else []
    return max(record.last_end + BRIEFLY, max(ends, default=0.0) + KEPT_AFTER_END)


def _long_over(record: SubjectRecord, now: float) -> list[Session]:
    """Return the sessions that may be dropped: they ended long ago, or too many have ended since."""
    ended = [session for session in record.sessions if session.ends <= now]
    if not ended:
        return []
    ended.sort(key=lambda session: -session.ends)
    lately = [session for session in ended if session.ends > now - KEPT_AFTER_END]
    return ended[min(len(lately), KEPT_ENDED) :]


def _idled(over: Iterable[Session], long_ago: float) -> list[Tombstone]:
    """Return what stays of those that did not last as long as they could have, unless that ended long ago, too."""
    tombstones = [
        _tombstone(session, "idle" if session.ends < session.expires else "expired", session.ends)
        for session in over
        if session.ends < max(session.expires, session.again_until or 0.0)
    ]
    return [tombstone for tombstone in tombstones if tombstone.until > long_ago]


def _told_of(gone: Collection[Session]) -> list[Session]:
    """Return those that leave a tombstone: of many that end at once, only as many as a record keeps."""
    if len(gone) <= TOMBSTONES:
        return [*gone]
    adopted = [session for session in gone if session.again_until is not None]
    return adopted + [session for session in gone if session.again_until is None][-TOMBSTONES:]


def _without(record: SubjectRecord, gone: Container[bytes], tombstones: Sequence[Tombstone]) -> SubjectRecord:
    """Return the record without the sessions of those ids, with the kept tombstones and the last sixteen others."""
    left = tuple([session for session in record.sessions if session.id not in gone])
    last = [tombstone for tombstone in tombstones if not tombstone.kept][-TOMBSTONES:]
    kept = [tombstone for tombstone in tombstones if tombstone.kept]
    return replace(record, sessions=left, ended=(*kept, *last))


def _tombstone(
    session: Session, reason: Reason, at: float, client: str | None = None, message: str | None = None
) -> Tombstone:
    """Return the tombstone of a session; an adopted one's stays until nothing could begin the session anew."""
    again = session.again_until
    until = min(session.expires, at + TOMBSTONE_LIFETIME)
    return Tombstone(session.id, reason, at, max(until, again or 0.0), client, message, kept=again is not None)
