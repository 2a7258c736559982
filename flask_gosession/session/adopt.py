"""The rule of an adoption: a session that another library has begun gets its place in the record, only once."""

from __future__ import annotations

from msgspec.structs import replace

from flask_gosession.errors import SessionEnded
from flask_gosession.session.change import Change, end_sessions
from flask_gosession.session.check import live_session, refuse_banned
from flask_gosession.session.not_before import refuse_earlier
from flask_gosession.session.record import Session, SubjectRecord

MOST_ADOPTED = 50
"""How many adopted live sessions one subject may have; one more, from a dated credential, ends the oldest of them."""


def adopt(record: SubjectRecord, new: Session, now: float) -> Change[Session]:
    """Return the session with the id of *new*: the live one, or *new*, added, if that id was never seen.

    No other session ends for it: it existed before, but was not known here. Raises Banned, SessionEnded for a
    credential older than the subject's mark, or an undated one that may be a copy of one that has ended, and the error
    that says why the session with that id has ended.
    """
    refuse_banned(record, now)
    known = record.session(new.id) is not None or record.tombstone(new.id) is not None
    if known:
        return Change(record, live_session(record, new.id, now))
    refuse_earlier(record, new.authenticated, now)
    adopted = [session for session in record.sessions if session.again_until is not None]
    if new.authenticated == 0:
        _refuse_copies(record, len(adopted))
    victims = adopted[: max(len(adopted) + 1 - MOST_ADOPTED, 0)]
    record, ended = end_sessions(record, victims, "evicted", now)
    return Change(replace(record, sessions=(*record.sessions, new)), new, ended, announce=bool(victims))


def _refuse_copies(record: SubjectRecord, adopted: int) -> None:
    """Raise SessionEnded for an undated credential, once an adopted session has ended or the most are there.

    What distinguishes such a credential from a copy is up to the client. So a copy must not bring back what has ended,
    nor take the place of others, nor let the record grow.
    """
    if adopted >= MOST_ADOPTED or any(tombstone.kept for tombstone in record.ended):
        raise SessionEnded
