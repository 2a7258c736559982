"""The session manager: login, check, refresh, logout, revoke and ban over any store, without any web framework."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flask_gosession import events
from flask_gosession.durations import Duration
from flask_gosession.engine.actors import Actors, ImpersonationCheck, actor_of
from flask_gosession.engine.issuing import ClaimsLoader, Issuer
from flask_gosession.engine.login import new_session
from flask_gosession.engine.records import Excerpt, Snapshot
from flask_gosession.engine.remembering import RememberingManager
from flask_gosession.engine.reporting import Emit
from flask_gosession.engine.results import Checked, Inspect, LiveSession, Renewed, Revocation, accept, live_session
from flask_gosession.engine.user_cache import Loader, UserCache
from flask_gosession.errors import SessionExpired, SessionIdle, StoreError, TokenExpired, TokenTypeError
from flask_gosession.session import arguments, renewal
from flask_gosession.session import check as checks
from flask_gosession.session.admit import admit
from flask_gosession.session.change import Change
from flask_gosession.session.confirm import confirm
from flask_gosession.session.data import merge_data
from flask_gosession.session.device import UNKNOWN, Device
from flask_gosession.session.login_options import (
    LoginKeywords,
    LoginOptions,
    impersonation_options,
    shows_login_keywords,
)
from flask_gosession.session.names import valid_subject
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Actor, Session, SubjectRecord
from flask_gosession.session.rotate import Outcome, Successor, rotate
from flask_gosession.stores.base import Store
from flask_gosession.tokens.types import Claims, Codec, TokenPair, TokenType

if TYPE_CHECKING:
    from typing_extensions import Unpack

log: logging.Logger = logging.getLogger("flask_gosession")


class SessionManager(RememberingManager):
    """Everything that happens to sessions; times come from *clock* (Unix seconds), events go to *emit*.

    On top of what can be done by the subject's name alone, it issues and accepts tokens.
    """

    def __init__(
        self,
        store: Store,
        codec: Codec,
        policy: Policy | None = None,
        *,
        user_loader: Loader | None = None,
        claims_loader: ClaimsLoader | None = None,
        impersonation_check: ImpersonationCheck | None = None,
        clock: Callable[[], float] = time.time,
        emit: Emit = lambda _event: None,
        rng: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(store, policy or Policy(), clock, emit)
        self.codec = codec
        self.issuer: Issuer = Issuer(codec, rng, self.policy.longest_lifetime, claims_loader)
        self.users: UserCache = UserCache(user_loader, self.records, self.policy, clock, self._tell_forgotten)
        self.actors: Actors = Actors(self.records, clock, self.users.require, impersonation_check)

    @shows_login_keywords
    def login(
        self,
        subject: str | int,
        *,
        device: Device = UNKNOWN,
        cookies: bool = False,
        presented: Claims | None = None,
        actor: Actor | None = None,
        inspect: Inspect = accept,
        **options: Unpack[LoginKeywords],
    ) -> TokenPair:
        """Make a session for *subject* and return its tokens; `LoginKeywords` documents the options.

        *cookies*: whether the tokens go to a browser as cookies, where the access token is renewed. *presented* is the
        client's token until now: its session ends. *actor* is behind the session, which ends with their own. *inspect*
        sees the tokens before anything is written, and may raise.
        Raises Banned, SessionEnded for credentials older than the subject's mark, SessionLimit, what the claims loader
        raises, and ValueError or TypeError for wrong arguments.
        """
        subject, now, wanted = valid_subject(subject), self.clock(), LoginOptions.read(options, self.policy)
        device = arguments.instance_of(Device, "device", device)
        actor = None if actor is None else arguments.instance_of(Actor, "actor", actor)
        in_cookies = bool(arguments.valid_cookies(cookies))
        session = new_session(wanted, self.codec, now, device=device, actor=actor, in_cookies=in_cookies)
        pair = self.issuer.pair(subject, session, now, self.issuer.draw(subject))
        inspect(pair)
        own = self._end_presented(presented, subject, device.ip)
        rule = partial(admit, limit=wanted.limit, on_limit=wanted.on_limit, presented=own, continues=wanted.continues)
        self._apply(subject, lambda record, now: rule(record, session, now, self.policy), device)
        self._tell_session(events.LoggedIn, subject, session, device.ip, remember=session.remember)
        return pair

    @shows_login_keywords
    def impersonate(
        self,
        actor: Checked,
        subject: str | int,
        *,
        device: Device = UNKNOWN,
        cookies: bool = False,
        inspect: Inspect = accept,
        **options: Unpack[LoginKeywords],
    ) -> TokenPair:
        """Make a session as *subject* that names its *actor*, and ends when the actor's own session ends.

        It also ends when the user loader no longer knows the actor, or the impersonation check refuses them, and by
        default after the policy's ``impersonation_lifetime``.
        Raises InsufficientScope for an *actor* who is impersonated already or may not, and what `login` raises.
        """
        behind = actor_of(arguments.instance_of(Checked, "actor", actor).claims, actor.session)
        options = impersonation_options(options, actor.session, self.policy)

        def judge(pair: TokenPair) -> None:
            inspect(pair)
            self.actors.require_right(actor.record, valid_subject(subject))

        return self.login(subject, device=device, cookies=cookies, actor=behind, inspect=judge, **options)

    def check(self, token: str) -> LiveSession:
        """Return the live session of an access token, or raise the AuthError that says why there is none.

        The result also has the subject, the token's id, and the seconds left of the token and of the session.
        """
        return live_session(self.authenticate(token), self.clock(), dated=self.codec.dated)

    def authenticate(
        self,
        token: str,
        *,
        used: bool = True,
        by_cookie: bool = False,
        inspect: Callable[[Checked], None] | None = None,
    ) -> Checked:
        """Like `check`, but return also what the session was checked against: a single read of the store.

        *used* is False for a token that its client does not have yet: then the check does not count as use. Nor does a
        check that *inspect* ends by raising. *by_cookie*: the token came in a cookie; if its session lives in cookies,
        it is accepted even if expired, for as long as its jti is. Renew it then.
        """
        now = self.clock()
        try:
            claims, expired = self.codec.decode(token, TokenType.ACCESS, now), False
        except TokenExpired:
            if not by_cookie:
                raise
            claims, expired = self.codec.decode(token, TokenType.ACCESS, now, allow_expired=True), True
        with self.records.one_operation():
            seen = self.records.read_one(claims.subject, claims.sid, now)
            try:
                session = checks.check(seen.record, claims, now, self.policy)
            except (SessionExpired, SessionIdle):
                self.records.notice_run_out(self.records.whole(seen))
                raise
            if session.seen > now:
                self.records.tell_future(seen.record, now)
            if expired and not renewal.may_renew(session, expired=True):
                raise TokenExpired
            if session.actor is not None:
                self.actors.require(claims.subject, session)
            checked = Checked(session, claims, seen.record, expired)
            if inspect is not None:
                inspect(checked)
            if used and checks.touch_due(session, claims.jti, now, self.policy):
                self._touch(seen, claims)
        return checked

    def holder(self, token: str, kind: TokenType) -> Checked:
        """Return the live session that a token belongs to, current or not; writes nothing, and is not use of it."""
        now = self.clock()
        claims = self.codec.decode(token, kind, now)
        with self.records.one_operation():
            record = self.records.read(claims.subject).record
            session = checks.live_session(record, claims.sid, now)
            self.actors.require(claims.subject, session)
        return Checked(session, claims, record)

    def check_with_user(self, token: str, *, user_ttl: Duration | None = None) -> tuple[Session, Any]:
        """Return the session of an access token and its user; None for the user if there is no loader.

        Raises what `check` raises, and UserNotFound when the loader knows no such user.
        """
        user_ttl = None if user_ttl is None else arguments.valid_seconds("user_ttl", user_ttl)
        checked = self.authenticate(token)
        return checked.session, self.users.require(checked.record, ttl=user_ttl)

    def claims(self, token: str, *, allow_expired: bool = False, allow_early: bool = False) -> Claims:
        """Return the claims of a token of either type, checked by its signature alone, without the store.

        *allow_expired* accepts it after its expiry, *allow_early* before its start.
        """
        decode = partial(self.codec.decode, token, allow_expired=allow_expired, allow_early=allow_early)
        now = self.clock()
        try:
            return decode(TokenType.ACCESS, now)
        except TokenTypeError:
            return decode(TokenType.REFRESH, now)

    def refresh(self, token: str, *, device: Device = UNKNOWN, inspect: Inspect = accept) -> TokenPair:
        """Return the pair that follows a refresh token, or the current pair if that has not been used yet.

        The absolute end never moves, and nothing that has ended comes back. The user and the claims loader are called
        first; what they raise passes to the caller, and then nothing is rotated. *inspect* sees the tokens before
        anything is written, and may raise. Raises UserNotFound, TokenRotated, TokenReused (the session has then ended),
        what `check` raises, and ValueError for claims that are too large.
        """
        device = arguments.instance_of(Device, "device", device)
        claims = self.codec.decode(token, TokenType.REFRESH, self.clock())
        seen, drawn = self._admit_again(claims)
        successor = self._successor(claims, device)

        def rule(record: SubjectRecord, now: float) -> Change[tuple[Outcome, TokenPair | None]]:
            change = rotate(record, claims, successor, now, self.policy)
            if change.refused is not None:
                return change.with_result((change.result, None))
            pair = self._issue(claims.subject, change.result.session, now, drawn, inspect)
            return change.with_result((change.result, pair))

        change, _ = self.records.update(claims.subject, rule, seen)
        outcome, pair = change.result
        self._reporter.tell_refresh(claims.subject, outcome, self.clock(), device)
        self._settle(claims.subject, change, device)
        assert pair is not None  # noqa: S101 - a refusal was raised by now
        return pair

    def extend(self, token: str) -> Session:
        """Move the idle end of the session of an access token, never past its absolute end; return the session."""
        claims = self.codec.decode(token, TokenType.ACCESS, self.clock())

        def rule(record: SubjectRecord, now: float) -> Change[Session]:
            session = checks.check(record, claims, now, self.policy)
            touched = checks.touch(record, session.id, claims.jti, now).record
            return Change(touched, touched.session(session.id) or session)

        self.actors.require_for(claims, named=self.codec.dated)
        return self._apply(claims.subject, rule)[0]

    def confirm(self, checked: Checked, *, device: Device = UNKNOWN, inspect: Inspect = accept) -> TokenPair:
        """Note that the person has shown their credentials again; return the new pair of the session, now fresh.

        The access token that was checked stays good until the new one has been in use for a while, but is never fresh;
        so no copy of it, or of an earlier token, becomes fresh as well. *inspect* sees the tokens before anything is
        written, and may raise. Raises what `check` and the claims loader raise.
        """
        subject = arguments.instance_of(Checked, "checked", checked).claims.subject
        device = arguments.instance_of(Device, "device", device)
        successor, drawn = self._successor(checked.claims, device), self.issuer.draw(subject)

        def rule(record: SubjectRecord, now: float) -> Change[tuple[Session, TokenPair]]:
            change = confirm(record, checked.claims, successor, now, self.policy)
            return change.with_result((change.result, self._issue(subject, change.result, now, drawn, inspect)))

        (session, pair), _ = self._apply(subject, rule, device)
        self._tell_session(events.Confirmed, subject, session, device.ip)
        return pair

    def renewal_due(self, checked: Checked) -> bool:
        """Whether the access token that was checked, and came in a cookie, should be renewed by now."""
        session = checked.session
        allowed = self.codec.dated and renewal.may_renew(session, expired=checked.expired)
        return allowed and renewal.is_due(session, checked.claims, self.clock())

    def renew(self, checked: Checked) -> Renewed:
        """Return the claims of a later-ending access token of a live session, with the app's claims loaded anew.

        It keeps the jti that was checked: nothing is rotated or written, and whatever ends that token ends this one,
        too. Not for opaque tokens, which end with their session. Raises UserNotFound, and what the loaders raise.
        """
        subject, jti, gen = checked.claims.subject, checked.claims.jti, checked.claims.gen
        user = self.users.require(checked.record)
        seen = checks.authenticated_by(checked.session, checked.claims)
        same = replace(checked.session, access=jti, gen=gen, authenticated=seen)
        return Renewed(self.issuer.access(subject, same, self.clock(), self.issuer.draw(subject)), user)

    def logout(self, token: str, *, device: Device = UNKNOWN) -> Revocation:
        """End the session of a token of either type, even an expired one; calling it again is not an error."""
        device = arguments.instance_of(Device, "device", device)
        claims = self.claims(token, allow_expired=True, allow_early=True)
        return self.revoke(claims.subject, claims.sid_text, "logged_out", ip=device.ip)

    def save_data(self, checked: Checked, changes: Mapping[str, Any]) -> bool:
        """Merge changed keys into the session's data; return False if the session has ended meanwhile."""
        sid, cap = arguments.instance_of(Checked, "checked", checked).session.id, self.policy.data_cap
        saved, _ = self._apply(checked.claims.subject, lambda record, now: merge_data(record, sid, changes, now, cap))
        if not saved:
            log.info("session data was dropped: the session has ended")
            self._tell_session(events.DataDropped, checked.claims.subject, checked.session, "")
        return saved

    def report_moved(self, checked: Checked, device: Device, changed: str) -> None:
        """Report that a session is used from somewhere other than where it was made."""
        self._tell_session(events.BindingChanged, checked.claims.subject, checked.session, device.ip, changed=changed)

    def _admit_again(self, claims: Claims) -> tuple[Snapshot, Mapping[str, Any]]:
        """Check everything that a refresh depends on besides its token; return the record, and the claims loaded anew.

        Raises what `check` raises for a session that is not live, UserNotFound, and what the loaders raise.
        """
        with self.records.one_operation():
            seen, now = self.records.read(claims.subject), self.clock()
            self.actors.require(claims.subject, checks.live_session(seen.record, claims.sid, now))
        self.users.require(seen.record)
        return seen, self.issuer.draw(claims.subject)

    def _successor(self, claims: Claims, device: Device) -> Successor:
        """Draw the ids of the pair that a session may get."""
        return Successor(self.codec.seed(), partial(self.codec.pair_ids, claims.sid), device)

    def _issue(
        self, subject: str, session: Session, now: float, drawn: Mapping[str, Any], inspect: Inspect
    ) -> TokenPair:
        """Make the tokens of a session that is about to be written: if they cannot be made, nothing is written."""
        pair = self.issuer.pair_again(subject, session, now, drawn)
        inspect(pair)
        return pair

    def _end_presented(self, presented: Claims | None, subject: str, ip: str) -> bytes | None:
        """End the session that came with a login; return its id if the login itself will end it."""
        if presented is None:
            return None
        if arguments.instance_of(Claims, "presented", presented).subject != subject:
            self.revoke(presented.subject, presented.sid_text, "logged_out", ip=ip)
            return None
        return presented.sid

    def _touch(self, seen: Excerpt, claims: Claims) -> None:
        whole = self.records.whole(seen)
        checks.live_session(whole.record, claims.sid, self.clock())  # damage in another session ends this one as well
        try:
            self.records.try_update(whole, lambda record, now: checks.touch(record, claims.sid, claims.jti, now))
        except StoreError:
            log.warning("the use of a session could not be noted; the store is not available")

    def _tell_forgotten(self, subject: str) -> None:
        self._reporter.tell(events.UserForgotten(subject=subject, at=self.clock()))
