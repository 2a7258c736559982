"""The rules of an end: revoke sessions, ban a subject, lift the ban."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from flask_gosession.errors import Reason
from flask_gosession.session.change import Change, bury
from flask_gosession.session.record import Ban, Session, SubjectRecord

LONGEST_BAN = 10 * 366 * 86_400.0


def revoke(
    record: SubjectRecord,
    doomed: Callable[[Session], bool],
    reason: Reason,
    now: float,
    *,
    client: str | None = None,
    message: str | None = None,
) -> Change[int]:
    """End the sessions that *doomed* picks; the result counts those that were live. Nothing there is no error."""
    picked = [session for session in record.sessions if doomed(session)]
    buried, ended = bury(record, picked, reason, now, client=client, message=message)
    count = sum(session.ends > now for session in picked)
    return Change(buried, count, ended, announce=bool(ended))


def ban(record: SubjectRecord, sentence: Ban, now: float) -> Change[int]:
    """Refuse the subject until the end of the ban, and end what is live; the result counts that."""
    if record.ban == sentence and not record.sessions:
        return Change(record, 0)
    ended = revoke(record, lambda _: True, "banned", now, message=sentence.message)
    return replace_record(ended, replace(ended.record, ban=sentence), announce=True)


def lift_ban(record: SubjectRecord) -> Change[bool]:
    """Let the subject sign in again; the result says whether there was a ban."""
    if record.ban is None:
        return Change(record, result=False)
    return Change(replace(record, ban=None), result=True, announce=True)


def replace_record(change: Change[int], record: SubjectRecord, *, announce: bool) -> Change[int]:
    """Return *change* with another record."""
    return Change(record, change.result, change.ended, announce=announce)
