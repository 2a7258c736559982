"""The rules that end sessions: revoke them, ban a subject, lift the ban."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TypeVar

from msgspec.structs import replace

from flask_gosession.errors import Reason
from flask_gosession.session.change import Change, EndedSession, end_sessions
from flask_gosession.session.not_before import is_marked
from flask_gosession.session.record import Ban, NotBefore, Session, SubjectRecord, Tombstone

LONGEST_BAN = 10 * 366 * 86_400.0


def revoke(
    record: SubjectRecord,
    picks: Callable[[Session], bool],
    reason: Reason,
    now: float,
    *,
    client: str | None = None,
    message: str | None = None,
    ticket: bytes | None = None,
) -> Change[int]:
    """End the sessions that *picks* selects; the result counts those that were live. No match is not an error.

    A ticket with the id *ticket* is no longer honoured, either.
    """
    picked = [session for session in record.sessions if picks(session)]
    changed, ended = end_sessions(record, picked, reason, now, client=client, message=message)
    count = sum(session.ends > now for session in picked)
    left = tuple([one for one in changed.tickets if one.id != ticket])
    if left == changed.tickets:
        return Change(changed, count, ended, announce=bool(picked))
    return Change(replace(changed, tickets=left), count, ended, announce=True)


def ban(record: SubjectRecord, new_ban: Ban, now: float) -> Change[int]:
    """Refuse the subject until the end of the ban, and end what is live; the result counts that."""
    if record.ban == new_ban and not record.sessions:
        return Change(record, 0)
    ended = revoke(record, lambda _: True, "banned", now, message=new_ban.message)
    return replace_record(ended, replace(ended.record, ban=new_ban), announce=True)


def lift_ban(record: SubjectRecord) -> Change[bool]:
    """Let the subject sign in again; the result says whether there was a ban."""
    if record.ban is None:
        return Change(record, result=False)
    return Change(replace(record, ban=None), result=True, announce=True)


def replace_record(change: Change[int], record: SubjectRecord, *, announce: bool) -> Change[int]:
    """Return *change* with another record."""
    return Change(record, change.result, change.ended, announce=announce)


T = TypeVar("T")
Told = TypeVar("Told", Tombstone, Ban, NotBefore)


def without_messages(record: SubjectRecord, change: Change[T]) -> Change[T]:
    """Return *change*, made to *record*, without the messages that it adds; the very same one if it adds none."""
    new = change.record
    short = replace(
        new,
        ended=tuple([_muted(one, record.ended) for one in new.ended]),
        ban=new.ban and _muted(new.ban, [record.ban]),
        not_before=new.not_before and _muted(new.not_before, [record.not_before]),
    )
    return change if short == new else replace(change, record=short)


def delete_whole_record(record: SubjectRecord, change: Change[T], now: float) -> Change[T] | None:
    """Return *change* with everything deleted, or None if that is not allowed.

    Only a change that ends sessions and adds none may end them all, and neither a ban in force nor a mark may be lost
    with them; a mark that the change itself would set is given up, because ending the sessions matters more. Sessions
    that end along with those that were meant get the reason ``revoked_all``.
    """
    known = {session.id for session in record.sessions}
    brings = any(session.id not in known for session in change.record.sessions)
    spared = is_marked(record, now) or any(_in_force(one, now) for one in (record, change.record))
    if not change.ended or brings or spared:
        return None
    others = tuple(EndedSession(session, "revoked_all") for session in change.record.sessions)
    empty = replace(record, sessions=(), ended=(), ban=None, user=None, marker_until=0.0, not_before=None, tickets=())
    return replace(change, record=empty, ended=change.ended + others, announce=True, marked=None)


def _muted(one: Told, known: Container[Told | None]) -> Told:
    return one if one in known else replace(one, message=None)


def _in_force(record: SubjectRecord, now: float) -> bool:
    return record.ban is not None and now < record.ban.until
