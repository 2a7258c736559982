"""The rules of a request: is this session live, and was it seen."""

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
    refuse_banned(record, now)
    session = record.session(sid)
    if session is None:
        raise _obituary(record.tombstone(sid))
    if now >= session.expires:
        raise SessionExpired(reason="expired", at=session.expires)
    if now >= session.ends:
        raise SessionIdle(reason="idle", at=session.ends)
    if record.user is not None and record.user.gone and now < record.user.expires:
        raise UserNotFound
    return session


def refuse_banned(record: SubjectRecord, now: float) -> None:
    """Raise Banned while a ban is in force."""
    ban = record.ban
    if ban is not None and now < ban.until:
        raise Banned(ban.message, reason=ban.reason or None, at=ban.at, until=ban.until)


def parent_honoured(session: Session, now: float, policy: Policy) -> bool:
    """Whether the tokens before the last rotation still count.

    They do until the grace period after the first use of their successor; while that is unused its answer may be
    lost on the way. Where use may stay unseen, the grace period runs from the rotation.
    """
    if session.rotated_at is None:
        return False
    since = session.rotated_at if policy.unseen_use else session.used_at
    return since is None or now < since + policy.rotation_grace


def is_first_use(session: Session, jti: bytes) -> bool:
    """Whether this is the first time that a token from the last rotation is seen."""
    return session.rotated_at is not None and session.used_at is None and jti == session.access


def touch_due(session: Session, jti: bytes, now: float, policy: Policy) -> bool:
    """Whether the use of the session should be written down: at most one write an interval, and each first use."""
    interval = min(policy.touch_interval, session.idle / 10)
    return now - session.seen >= interval or is_first_use(session, jti)


def touch(record: SubjectRecord, sid: bytes, jti: bytes, now: float) -> Change[None]:
    """Note that the session was used; one that is gone, or over, stays so."""
    session = record.session(sid)
    if session is None or now >= session.ends:
        return Change(record, None)
    # A clock that is behind must not shorten the grace period: a refresh under way would look like a theft.
    used_at = max(now, session.rotated_at or now) if is_first_use(session, jti) else session.used_at
    touched = replace(session, seen=max(session.seen, now), used_at=used_at)
    return Change(record if touched == session else with_session(record, touched), None)


def confirm(record: SubjectRecord, sid: bytes, now: float) -> Change[Session]:
    """Note that the credentials of the session were seen just now. Raises like `check` when it is not live."""
    session = live_session(record, sid, now)
    confirmed = replace(session, authenticated=max(session.authenticated, now), seen=max(session.seen, now))
    return Change(with_session(record, confirmed), confirmed, announce=True)


def with_session(record: SubjectRecord, session: Session) -> SubjectRecord:
    """Return the record with the session of the same id replaced."""
    return replace(record, sessions=tuple(session if old.id == session.id else old for old in record.sessions))


def _obituary(stone: Tombstone | None) -> SessionEnded | SessionIdle:
    if stone is None:
        return SessionEnded()
    if stone.reason == "idle":
        return SessionIdle(reason="idle", at=stone.at)
    message = stone.message or REASON_MESSAGES.get(stone.reason)
    return SessionEnded(message, reason=stone.reason, at=stone.at, client=stone.client)
