"""Whether the actor of an impersonated session is still signed in, still exists, and is still allowed to act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from flask_gosession.deadline import Pause
from flask_gosession.engine.records import Records
from flask_gosession.errors import (
    REASON_MESSAGES,
    AuthError,
    InsufficientScope,
    Reason,
    SessionEnded,
    SessionExpired,
    SessionIdle,
)
from flask_gosession.session.check import live_session
from flask_gosession.session.record import Actor, Session, SubjectRecord
from flask_gosession.tokens.types import Claims

ImpersonationCheck = Callable[[Any, str], bool]
"""Says whether a user, as the user loader returned them (without one, their subject), may act as a subject."""

_ENDS = (SessionEnded, SessionExpired, SessionIdle)


def _no_user(_record: SubjectRecord) -> None:
    """Know no users: there is no loader."""


class Actors(msgspec.Struct, eq=False):
    """Reads a second record if a session has an actor; for any other session it does nothing.

    *user_of* returns the user of a record, or raises UserNotFound; *check* is the app's own rule, if it has one.
    """

    records: Records
    clock: Callable[[], float]
    user_of: Callable[[SubjectRecord], Any] = _no_user
    check: ImpersonationCheck | None = None

    def require(self, subject: str, session: Session) -> None:
        """Raise SessionEnded for an impersonated session of *subject* whose actor is gone, or may no longer act."""
        if session.actor is None:
            return
        try:
            self.require_right(self._signed_in(session.actor), subject)
        except AuthError as error:
            reason: Reason = "logged_out" if isinstance(error, _ENDS) else "kicked"
            raise SessionEnded(REASON_MESSAGES[reason], reason=reason, at=error.at) from error

    def allow(self, subject: str, session: Session) -> bool:
        """Whether `require` accepts the session."""
        try:
            self.require(subject, session)
        except AuthError:
            return False
        return True

    def has_signed_in(self, session: Session) -> bool:
        """Whether the session has no actor, or one whose own session is live; asks only the store."""
        try:
            return session.actor is None or bool(self._signed_in(session.actor))
        except AuthError:
            return False

    def require_right(self, actor: SubjectRecord, subject: str) -> None:
        """Raise UserNotFound for an actor whom the user loader does not know, InsufficientScope for a refused one."""
        with Pause():
            user = self.user_of(actor)
            if self.check is not None and not self.check(actor.subject if user is None else user, subject):
                raise InsufficientScope

    def require_for(self, claims: Claims, *, named: bool) -> None:
        """Like `require`, before a write; *named* claims say who the actor is, which saves a read for all others."""
        if named and "act" not in claims.extra:
            return
        with self.records.one_operation():
            session = self.records.read(claims.subject).record.session(claims.sid)
            if session is not None:
                self.require(claims.subject, session)

    def _signed_in(self, actor: Actor) -> SubjectRecord:
        """Return the record of an actor. Raises what `live_session` raises if their own session is not live."""
        record = self.records.read(actor.subject).record
        live_session(record, actor.id, self.clock())
        return record


def actor_of(claims: Claims, session: Session) -> Actor:
    """Return the owner of a session as the actor of a new one. Raises InsufficientScope if it is impersonated."""
    if session.actor is not None:
        raise InsufficientScope("An impersonated session cannot impersonate.")
    return Actor(claims.subject, session.id)
