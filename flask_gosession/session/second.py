"""The rules of a second credential: it brings a session back, but proves no fresh login."""

from __future__ import annotations

from msgspec.structs import replace

from flask_gosession.errors import TokenRotated
from flask_gosession.session.change import Change
from flask_gosession.session.check import live_session, with_session
from flask_gosession.session.record import Session, SubjectRecord
from flask_gosession.tokens.types import Claims


def give_second(record: SubjectRecord, sid: bytes, seed: bytes, now: float) -> Change[Session]:
    """Make the second credential of a live session from *seed*, unless it has one already."""
    session = live_session(record, sid, now)
    if session.second is not None:
        return Change(record, session)
    given = replace(session, second=seed)
    return Change(with_session(record, given), given)


def resume(record: SubjectRecord, claims: Claims, now: float) -> Change[Session]:
    """Return the live session that a second credential belongs to, noted as used now and no longer fresh.

    Raises what `live_session` raises, and TokenRotated for one that is not the session's.
    """
    session = live_session(record, claims.sid, now)
    if session.second is None or session.second not in (claims.jti, claims.salt):
        raise TokenRotated
    return _stale(record, replace(session, seen=max(session.seen, now)))


def mark_stale(record: SubjectRecord, sid: bytes, now: float) -> Change[Session]:
    """Mark a live session as not fresh, until the user shows their credentials again."""
    return _stale(record, live_session(record, sid, now))


def _stale(record: SubjectRecord, session: Session) -> Change[Session]:
    stale = replace(session, authenticated=0.0)
    known = record.session(session.id)
    if stale == known:
        return Change(record, stale)
    was_fresh = known is not None and known.authenticated > 0
    return Change(with_session(record, stale), stale, announce=was_fresh)
