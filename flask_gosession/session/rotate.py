"""The rule of a refresh: converge on one pair, let the first child that is used win, and end a stolen session."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from msgspec.structs import replace

from flask_gosession.errors import REASON_MESSAGES, TokenReused, TokenRotated
from flask_gosession.session.change import Change, end_sessions
from flask_gosession.session.check import elapsed, live_session, with_session
from flask_gosession.session.device import Device
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Session, SubjectRecord
from flask_gosession.tokens.types import Claims, PairIds, TokenType

MOST_FORKS = 6
"""One more fork under the same parent counts as a theft: no client loses so many answers in a row."""


class Answer(Enum):
    """What a refresh token gets as an answer."""

    AGAIN = "the current pair, to its own refresh token"
    ROTATED = "a new pair"
    PARENT_AGAIN = "the current pair, to a superseded refresh token"
    FORKED = "a new pair in addition to the current one, whose answer was lost"
    SIBLING_ADOPTED = "the pair that was used first, in place of one drawn later"
    CHILD_ADOPTED = "the pair whose birth the store has lost"
    REFUSED = "nothing: it is superseded, or unknown to the store"
    THEFT = "the end of the session"

    @property
    def brings_tokens(self) -> bool:
        """Whether the client gets a pair."""
        return self not in (Answer.REFUSED, Answer.THEFT)


class Outcome(NamedTuple):
    """The outcome of a refresh: the session as it is now, or was before it ended, and as it was found."""

    answer: Answer
    session: Session
    before: Session


class Successor(NamedTuple):
    """The pair that a rotation may use, and the device that asks for it; its *seed* is drawn before the rule runs.

    *make* returns the ids of a pair from its parent, the jti of a refresh token or None, and a seed.
    """

    seed: bytes
    make: Callable[[bytes | None, bytes], PairIds]
    device: Device = Device()

    def after(self, parent: bytes | None) -> PairIds:
        """Return the ids of a new pair that supersedes *parent*."""
        return self.make(parent, self.seed)

    def beside(self, claims: Claims) -> PairIds:
        """Return the ids of a pair that keeps the refresh token of *claims*."""
        return self.make(claims.parent, claims.salt or self.seed)._replace(refresh=claims.jti)

    def __repr__(self) -> str:
        return "Successor()"


def rotate(record: SubjectRecord, claims: Claims, successor: Successor, now: float, policy: Policy) -> Change[Outcome]:
    """Answer a refresh token with the session whose current pair is to be issued; see `decide`.

    A theft ends the session: then, and where a token is refused, the change says with which error. Where the pair of
    *successor* is in place already, nothing changes. Raises like `check` when the session is not live.
    """
    session = live_session(record, claims.sid, now)
    if session.access == successor.after(session.parent_refresh).access:
        return Change(record, Outcome(_how(session, claims), session, session))
    if not policy.refresh_rotation and claims.jti == current_refresh(session):
        return _kept(record, session, now, policy)
    answer = decide(session, claims, now, policy)
    if answer is Answer.THEFT:
        return _stolen(record, session, now)
    if answer is Answer.REFUSED:
        return Change(record, Outcome(answer, session, session), refused=TokenRotated())
    turned = _after(session, answer, claims, successor, now)
    if turned == session:
        return Change(record, Outcome(answer, session, session))
    return Change(with_session(record, turned), Outcome(answer, turned, session), announce=answer is not Answer.AGAIN)


def decide(session: Session, claims: Claims, now: float, policy: Policy) -> Answer:
    """Return how to answer a refresh token of a live session.

    The current token rotates, unless its pair is so young that its parent is honoured. A parent, or a sibling with
    the same parent, gets the current pair until the overlap after its first use is over; from then on it is a theft.
    While the current pair is unused, its answer may be lost: the parent gets it again, or after the grace period a new
    one beside it, and the sibling that is presented first is adopted. A token newer than the record comes from a
    write that the store has lost. Any other is a theft.
    """
    if claims.jti == current_refresh(session):
        since = session.rotated_at if session.used_at is None else session.used_at
        young = since is not None and elapsed(since, now) < policy.overlap
        return Answer.AGAIN if young else Answer.ROTATED  # 1a, 1b
    is_parent = claims.jti == session.parent_refresh
    if is_parent or _is_sibling(session, claims):
        if session.used_at is not None:
            return Answer.PARENT_AGAIN if elapsed(session.used_at, now) < policy.overlap else Answer.THEFT  # 2a, 2b
        return _lost_answer(session, now, policy) if is_parent else Answer.SIBLING_ADOPTED  # 2c and 2d, 3
    return _unrelated(session, claims)


def current_refresh(session: Session) -> bytes:
    """Return the id of the token that rotates a session; an opaque token of the first kind refreshes itself."""
    return session.access if session.refresh is None else session.refresh


def _kept(record: SubjectRecord, session: Session, now: float, policy: Policy) -> Change[Outcome]:
    """Answer the current refresh token with the current pair, for as long as the session lives, and note its use."""
    if elapsed(session.seen, now) < min(policy.touch_interval, session.idle / 10):
        return Change(record, Outcome(Answer.AGAIN, session, session))
    used = replace(session, seen=max(session.seen, now))
    return Change(with_session(record, used), Outcome(Answer.AGAIN, used, session))


def _lost_answer(session: Session, now: float, policy: Policy) -> Answer:
    """Answer the parent of an unused pair: the answer that carried the pair is on its way, or lost."""
    if session.rotated_at is None or elapsed(session.rotated_at, now) < policy.rotation_grace:
        return Answer.PARENT_AGAIN  # 2c
    if policy.unseen_use:
        return Answer.REFUSED
    if session.forked_at is not None and elapsed(session.forked_at, now) < policy.rotation_grace:
        return Answer.PARENT_AGAIN
    return Answer.FORKED if session.forks < MOST_FORKS else Answer.THEFT  # 2d


def _unrelated(session: Session, claims: Claims) -> Answer:
    """Answer a token that is neither current, nor a parent, nor a sibling."""
    if claims.gen == session.gen + 1 and claims.parent == current_refresh(session):
        return Answer.CHILD_ADOPTED  # 4
    if claims.gen >= session.gen or session.parent_refresh is None:
        return Answer.REFUSED  # 5, 6a
    # Before tokens named their parent, an answer could cross a write that was lost; and the first kind of opaque
    # tokens does not say how old it is.
    if claims.type is TokenType.ACCESS or (claims.parent is None and claims.gen == session.gen - 1):
        return Answer.REFUSED
    return Answer.THEFT  # 6b


def _is_sibling(session: Session, claims: Claims) -> bool:
    """Whether the token was drawn under the same parent as the current one."""
    return claims.parent is not None and claims.parent == session.parent_refresh and claims.gen == session.gen


def _after(session: Session, answer: Answer, claims: Claims, successor: Successor, now: float) -> Session:
    """Return the session after *answer*."""
    if answer is Answer.PARENT_AGAIN:
        return session
    if answer is Answer.AGAIN:
        return session if session.used_at is not None else replace(session, used_at=_first_use(session, now))
    if answer is Answer.ROTATED:
        return _advanced(session, successor.after(current_refresh(session)), successor, now)
    if answer is Answer.CHILD_ADOPTED:
        return replace(_advanced(session, successor.beside(claims), successor, now), used_at=now)
    if answer is Answer.SIBLING_ADOPTED:
        return replace(_with_pair(session, successor.beside(claims), successor, now), used_at=_first_use(session, now))
    forked = _with_pair(session, successor.after(session.parent_refresh), successor, now)
    return replace(forked, forks=session.forks + 1, forked_at=now)


def _advanced(session: Session, pair: PairIds, successor: Successor, now: float) -> Session:
    """Return the session one generation on, with its current pair as the parent."""
    return replace(
        _with_pair(session, pair, successor, now),
        gen=session.next_gen,
        parent_access=session.access,
        parent_refresh=current_refresh(session),
        rotated_at=now,
        used_at=None,
        forks=0,
        forked_at=None,
    )


def _with_pair(session: Session, pair: PairIds, successor: Successor, now: float) -> Session:
    asker, own = (successor.device.ip, successor.device.agent), (session.ip, session.agent)
    return replace(
        session,
        access=pair.access,
        refresh=pair.refresh,
        salt=pair.salt,
        pair_from=None if asker == own else asker,
        seen=max(session.seen, now),
    )


def _first_use(session: Session, now: float) -> float:
    return max(now, session.rotated_at or now)


def _how(session: Session, claims: Claims) -> Answer:
    """Return the answer that made the pair, if the rule was applied already."""
    if claims.jti == session.refresh:
        return Answer.SIBLING_ADOPTED
    return Answer.FORKED if session.forks else Answer.ROTATED


def _stolen(record: SubjectRecord, session: Session, now: float) -> Change[Outcome]:
    changed, ended = end_sessions(record, [session], "reuse_detected", now)
    refusal = TokenReused(REASON_MESSAGES["reuse_detected"], reason="reuse_detected", at=now)
    return Change(changed, Outcome(Answer.THEFT, session, session), ended, announce=True, refused=refusal)
