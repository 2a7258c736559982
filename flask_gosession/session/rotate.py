"""The rule of a refresh: converge on one successor, and end the session when an old token proves a theft."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from flask_gosession.errors import REASON_MESSAGES, TokenReused, TokenRotated
from flask_gosession.session.change import Change, bury
from flask_gosession.session.check import live_session, parent_honoured, with_session
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Session, SubjectRecord
from flask_gosession.tokens.types import Claims


class Successor(NamedTuple):
    """The ids of the pair that a rotation will bring, drawn before it."""

    access: bytes
    refresh: bytes | None

    def __repr__(self) -> str:
        return "Successor()"


def rotate(
    record: SubjectRecord, claims: Claims, successor: Successor, now: float, policy: Policy
) -> Change[Session | None]:
    """Answer a refresh token with the session whose current pair is to be issued.

    The current token rotates to *successor*. Its parent gets the current pair again while it is honoured. An older
    one is told TokenRotated until the current pair has been in use for longer than the grace period; from then on it,
    like the parent, is a theft: the session ends and TokenReused is the answer. A token newer than the record, or
    one of another branch, comes from a write that the store has lost: TokenRotated, never a theft. Where *successor*
    is in place already, nothing changes. Raises like `check` when the session is not live.
    """
    session = live_session(record, claims.sid, now)
    if claims.jti == session.refresh:
        rotated = _next(session, successor, now)
        return Change(with_session(record, rotated), rotated, announce=True)
    if session.access == successor.access:
        return Change(record, session)
    honoured = parent_honoured(session, now, policy)
    is_parent = claims.jti == session.parent_refresh
    if is_parent and honoured:
        return Change(record, session)
    if honoured or not (is_parent or claims.gen < session.gen - 1):
        raise TokenRotated
    return _stolen(record, session, now)


def renew_secret(record: SubjectRecord, claims: Claims, access: bytes, now: float) -> Change[Session]:
    """Give a session of opaque tokens a new secret; the old one is dead at once. Raises like `check`."""
    session = live_session(record, claims.sid, now)
    if session.access == access:
        return Change(record, session)
    if claims.jti != session.access:
        raise TokenRotated
    renewed = replace(session, access=access, gen=session.gen + 1, seen=max(session.seen, now))
    return Change(with_session(record, renewed), renewed, announce=True)


def _next(session: Session, successor: Successor, now: float) -> Session:
    return replace(
        session,
        access=successor.access,
        refresh=successor.refresh,
        gen=session.gen + 1,
        parent_access=session.access,
        parent_refresh=session.refresh,
        rotated_at=now,
        used_at=None,
        seen=max(session.seen, now),
    )


def _stolen(record: SubjectRecord, session: Session, now: float) -> Change[Session | None]:
    buried, ended = bury(record, [session], "reuse_detected", now)
    refusal = TokenReused(REASON_MESSAGES["reuse_detected"], reason="reuse_detected", at=now)
    return Change(buried, None, ended, announce=True, refused=refusal)
