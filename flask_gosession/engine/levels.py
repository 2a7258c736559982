"""Checks at a level: what this process may rely on instead of the store, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Checked
from flask_gosession.engine.token_memory import TokenMemory
from flask_gosession.engine.verdicts import Verdicts
from flask_gosession.errors import AuthError, StoreUnavailable, TokenExpired
from flask_gosession.session.check import is_first_use, next_touch
from flask_gosession.session.policy import Level
from flask_gosession.session.record import SubjectRecord
from flask_gosession.stores.base import StoreBusy, StoreFull
from flask_gosession.tokens.types import Claims, TokenType

T = TypeVar("T")
Inspect = Callable[[Checked], None]


class _Confirmed(NamedTuple):
    """What the store has confirmed, and when by the timer."""

    checked: Checked
    at: float


class LevelChecks:
    """The checks of one manager at each level; *timer* measures the age of what is kept, in seconds.

    *max_stale* is the age from which a verdict no longer counts, *outage_grace* the age up to which it does while the
    store does not answer, and *size* how many of each are kept.
    """

    def __init__(
        self,
        manager: SessionManager,
        *,
        size: int,
        max_stale: float,
        outage_grace: float = 0.0,
        timer: Callable[[], float] = time.monotonic,
        on_verdict: Callable[[float], None] | None = None,
    ) -> None:
        """Call *on_verdict* with the age, in seconds, of each verdict that a check uses."""
        self._manager = manager
        self._grace = outage_grace
        self.rides: bool = outage_grace > 0
        """Whether strict checks keep what they found, too, for outages."""
        self._timer = timer
        self._confirmed: TokenMemory[_Confirmed] = TokenMemory(size, lambda known: known.checked.claims.subject)
        self.verdicts: Verdicts | None = None
        """None if the store has no feed."""
        if manager.lease is not None:
            self.verdicts = Verdicts(manager.lease, size=size, max_stale=max_stale, timer=timer, on_hit=on_verdict)
            manager.lease.on_change.append(self._confirmed.drop_subject)
        manager.records.on_announced.append(self._confirmed.drop_subject)

    def check(
        self,
        token: str,
        level: Level = "strict",
        *,
        by_cookie: bool = False,
        used: bool = True,
        may_be_stale: bool = True,
        inspect: Inspect | None = None,
    ) -> Checked:
        """Like `SessionManager.authenticate`, at *level*; strictly unless that is ``cached`` and the store has a feed.

        During an outage, a session that the store has confirmed within the outage grace is returned, marked as
        stale, if *may_be_stale*; any other raises StoreUnavailable.
        """
        verdicts = self.verdicts if level == "cached" else None
        if verdicts is not None:
            found = verdicts.find(token, self._manager.clock())
            if found is not None:
                if inspect is not None:
                    inspect(found)
                return found
        try:
            return self._ask(token, verdicts, by_cookie=by_cookie, used=used, inspect=inspect)
        except (StoreBusy, StoreFull):  # overload is not an outage
            raise
        except StoreUnavailable:
            known = self._ride(token) if may_be_stale else None
            if known is None:
                raise
            if inspect is not None:
                inspect(known)
            return known

    def claims_by_signature(self, token: str) -> Claims | None:
        """Return the claims of an access token if they are enough, or None if the store has to be asked all the same.

        It has to for an impersonated session, for an expired token, which a cookie may renew, and for opaque
        tokens, which say nothing of their end. Raises the AuthError of a token that is not one of ours.
        """
        manager = self._manager
        try:
            claims = manager.codec.decode(token, TokenType.ACCESS, manager.clock())
        except TokenExpired:
            return None
        return claims if manager.codec.dated and "act" not in claims.extra else None

    def _ask(
        self, token: str, verdicts: Verdicts | None, *, by_cookie: bool, used: bool, inspect: Inspect | None
    ) -> Checked:
        """Ask the store, and keep what it says as far as it may be kept."""
        ticket, began = verdicts.begin() if verdicts is not None else None, self._timer()
        try:
            checked = self._manager.authenticate(token, by_cookie=by_cookie, used=used, inspect=inspect)
        except AuthError:
            self._confirmed.drop(token)
            raise
        if verdicts is not None and ticket is not None:
            until = self._holds_until(checked)
            # The first use of a token must still be seen, and a look that is not a use does not write it down.
            if self._manager.clock() < until and (used or not is_first_use(checked.session, checked.claims.jti)):
                verdicts.keep(ticket, token, _trimmed(checked), until)
        if self.rides and not checked.expired and checked.session.actor is None:
            self._confirmed.put(token, _Confirmed(_trimmed(checked), began))
        return checked

    def _holds_until(self, checked: Checked) -> float:
        """Return when a verdict changes by itself (Unix seconds); 0 for one that may change without being announced.

        That is the verdict on an impersonated session, which takes a second record, on a parent's token, which the
        first use of its successor ends, and on a session whose user info is about to be filled in.
        """
        session, claims = checked.session, checked.claims
        is_current = claims.jti == session.access
        if checked.expired or session.actor is not None or not is_current:
            return 0.0
        if self._manager.users.would_keep(checked.record):
            return 0.0
        # When the next use is due to be noted, a check has to ask the store.
        return min(self._ends(checked), next_touch(session, self._manager.policy))

    def _ends(self, checked: Checked) -> float:
        manager, info = self._manager, checked.record.user
        ends = [checked.session.ends]
        if manager.codec.dated:
            ends.append(checked.claims.expires_at + manager.policy.leeway)
        if info is not None and manager.users.has_loader:
            ends.append(info.expires)
        return min(ends)

    def _ride(self, token: str) -> Checked | None:
        """Return what the store has confirmed lately about *token*, if time alone has not ended it."""
        known = self._confirmed.get(token)
        if known is None or self._timer() >= known.at + self._grace:
            return None
        session, claims, manager = known.checked.session, known.checked.claims, self._manager
        now = manager.clock()
        expired = manager.codec.dated and now >= claims.expires_at + manager.policy.leeway
        if now >= session.ends or expired:
            return None
        return Checked(session, claims, known.checked.record, stale=True)


def _trimmed(checked: Checked) -> Checked:
    """Return *checked* without the other sessions, which are never needed here and may be many.

    What stands in the claims, too, is kept once.
    """
    claims, own, record = checked.claims, checked.session, checked.record
    session = replace(
        own,
        id=_once(own.id, claims.sid),
        access=_once(own.access, claims.jti),
        client=_once(own.client, claims.client),
    )
    lean = SubjectRecord(
        record.major, claims.subject, record.user_version, (session,), ban=record.ban, user=record.user
    )
    return Checked(session, claims, lean, kept=True)


def _once(value: T, kept: T) -> T:
    """Return *kept* in the place of an equal *value*."""
    return kept if value == kept else value
