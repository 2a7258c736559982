"""The rules of a request: whether the session is live, and when its use is noted."""

from __future__ import annotations

from msgspec.structs import replace

from flask_gosession.errors import (
    REASON_MESSAGES,
    Banned,
    SessionEnded,
    SessionExpired,
    SessionIdle,
    TokenRotated,
    UserNotFound,
)
from flask_gosession.session.change import Change
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Session, SubjectRecord, Tombstone
from flask_gosession.tokens.types import Claims


def check(record: SubjectRecord, claims: Claims, now: float, policy: Policy) -> Session:
    """Return the live session that *claims* points to.

    Raises Banned, SessionEnded (with the reason), SessionExpired, SessionIdle, UserNotFound, or TokenRotated when
    a newer access token is in use.
    """
    session = live_session(record, claims.sid, now)
    if claims.jti == session.access:
        return session
    if claims.jti == session.parent_access and parent_honoured(session, now, policy):
        return session
    raise TokenRotated


def live_session(record: SubjectRecord, sid: bytes, now: float) -> Session:
    """Return the session *sid* if it is live, whichever token asks for it."""
    if record.ban is not None:
        refuse_banned(record, now)
    session = record.session(sid)
    if session is None:
        raise _ended_error(record.tombstone(sid), now)
    if now >= session.expires:
        raise SessionExpired(reason="expired", at=session.expires)
    if now >= session.seen + session.idle:
        raise SessionIdle(reason="idle", at=session.ends)
    if record.user is not None and not record.user.value and record.user.gone and now < record.user.expires:
        raise UserNotFound
    return session


def refuse_banned(record: SubjectRecord, now: float) -> None:
    """Raise Banned while a ban is in force."""
    ban = record.ban
    if ban is not None and now < ban.until:
        raise Banned(ban.message, reason=ban.reason or None, at=ban.at, until=ban.until)


def parent_honoured(session: Session, now: float, policy: Policy) -> bool:
    """Whether the tokens before the last rotation still count.

    They do until the overlap after the first use of their successor is over; until that use, its answer may be
    lost on the way. If use may go unseen, the overlap runs from the rotation.
    """
    if session.rotated_at is None:
        return False
    since = session.rotated_at if policy.unseen_use else session.used_at
    return since is None or elapsed(since, now) < policy.overlap


def elapsed(since: float, now: float) -> float:
    """Return the seconds since a moment; 0 if this clock is behind the one that noted it."""
    return max(0.0, now - since)


def is_outdated(session: Session, jti: bytes) -> bool:
    """Whether an access token is from before the last re-authentication: still good for a while, but never fresh."""
    return session.rotated_at is not None and session.parent_refresh is None and jti != session.access


def authenticated_by(session: Session, claims: Claims) -> float:
    """Return when the credentials were seen, as far as an access token may rely on it."""
    return float(claims.auth_time) if is_outdated(session, claims.jti) else session.authenticated


def is_first_use(session: Session, jti: bytes) -> bool:
    """Whether this is the first time that a token from the last rotation is seen."""
    return session.rotated_at is not None and session.used_at is None and jti == session.access


def touch_due(session: Session, jti: bytes, now: float, policy: Policy) -> bool:
    """Whether the use of the session should be written: at most once per interval, and at a first use."""
    if policy.unused_first and now > session.seen and not was_used(session):
        return True
    first_use = session.rotated_at is not None and is_first_use(session, jti)
    return first_use or now >= next_touch(session, policy)


def was_used(session: Session) -> bool:
    """Whether use of the session was noted since the login that made it."""
    return session.seen > session.created


def next_touch(session: Session, policy: Policy) -> float:
    """Return when the next use of a session is due to be noted."""
    return session.seen + min(policy.touch_interval, session.idle / 10)


def touch(record: SubjectRecord, sid: bytes, jti: bytes, now: float) -> Change[None]:
    """Note that the session was used; one that is gone or has ended stays so."""
    session = record.session(sid)
    if session is None or now >= session.ends:
        return Change(record, None)
    # A clock that is behind must not shorten the grace period: a refresh under way would look like a theft.
    used_at = max(now, session.rotated_at or now) if is_first_use(session, jti) else session.used_at
    touched = replace(session, seen=max(session.seen, now), used_at=used_at)
    return Change(record if touched == session else with_session(record, touched), None)


def with_session(record: SubjectRecord, session: Session) -> SubjectRecord:
    """Return the record with the session of the same id replaced; if it ends later now, its end is yet to be told."""
    known = record.session(session.id)
    if session.told_over and known is not None and session.ends > known.ends:
        session = replace(session, told_over=False)
    return replace(record, sessions=tuple(session if old.id == session.id else old for old in record.sessions))


def _ended_error(tombstone: Tombstone | None, now: float) -> SessionEnded | SessionIdle:
    if tombstone is None or now >= tombstone.until:
        return SessionEnded()
    if tombstone.reason == "idle":
        return SessionIdle(reason="idle", at=tombstone.at)
    message = tombstone.message or REASON_MESSAGES.get(tombstone.reason)
    return SessionEnded(message, reason=tombstone.reason, at=tombstone.at, client=tombstone.client)
