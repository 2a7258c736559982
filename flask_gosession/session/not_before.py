"""The mark of a subject: credentials seen before it no longer sign anybody in."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from flask_gosession.errors import REASON_MESSAGES, SessionEnded
from flask_gosession.session.change import Change
from flask_gosession.session.record import NotBefore, Session, SubjectRecord

T = TypeVar("T")

LONGEST_LAG = 86_400.0
"""A mark further ahead than this is damage, or from a clock gone wild; up to here, this clock itself may be behind."""


def marked(change: Change[T], mark: NotBefore) -> Change[T]:
    """Return *change* with *mark* set, too; a later mark, from a clock that is ahead, stays."""
    old = change.record.not_before
    latest = mark if old is None or old.at <= mark.at else old
    latest = replace(latest, until=max(mark.until, latest.until))
    if latest == old:
        return replace(change, marked=latest)
    # A release that knows no marks carries them, and keeps the record for the marker alone.
    kept_until = max(change.record.marker_until, latest.until)
    record = replace(change.record, not_before=latest, marker_until=kept_until)
    return replace(change, record=record, marked=latest)


def is_marked(record: SubjectRecord, now: float) -> bool:
    """Whether a mark is in force."""
    return record.not_before is not None and now < record.not_before.until


def brought_back(record: SubjectRecord, now: float) -> SubjectRecord:
    """Return *record* with a mark that is more than a day ahead set to *now*.

    To ignore it would let in whoever has the former password, and to wait for it would keep its person out, for as
    long. So the first login that meets it is refused, and the next one, with credentials that were seen after that, is
    not. A mark that is less far ahead is waited for: set back by a clock that lags, it would let earlier credentials
    in at every other host.
    """
    mark = record.not_before
    if mark is None or mark.at <= now + LONGEST_LAG:
        return record
    return replace(record, not_before=replace(mark, at=now))


def refuse_earlier(record: SubjectRecord, seen_at: float, now: float) -> None:
    """Raise SessionEnded, with the mark's reason, for credentials that were seen before the mark."""
    mark = record.not_before
    if mark is None or now >= mark.until or seen_at >= mark.at:
        return
    raise SessionEnded(mark.message or REASON_MESSAGES.get(mark.reason), reason=mark.reason, at=mark.at)


def refuse_earlier_login(record: SubjectRecord, new: Session, continues: bytes | None, now: float) -> None:
    """Like `refuse_earlier`, for a login; one already in the record, or that continues a live session, may be earlier.

    That session and the new one must both be the user's own, or have the same actor.
    """
    continued = None if continues is None else record.session(continues)
    goes_on = continued is not None and now < continued.ends and continued.actor == new.actor
    if not goes_on and record.session(new.id) is None:
        refuse_earlier(record, new.authenticated, now)
