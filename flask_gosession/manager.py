"""The session manager: login, check, refresh, logout, revoke and ban over any store, without any web framework."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from flask_gosession import events, ids
from flask_gosession.errors import (
    AuthError,
    InsufficientScope,
    Reason,
    SessionEnded,
    StoreError,
    TokenTypeError,
    UserNotFound,
)
from flask_gosession.issuing import Issuer
from flask_gosession.reporting import Emit, Reporter
from flask_gosession.session import check as checks
from flask_gosession.session.admit import admit
from flask_gosession.session.change import Change
from flask_gosession.session.data import merge_data, size_of
from flask_gosession.session.device import MESSAGE_CHARS, Device, valid_client, valid_subject
from flask_gosession.session.policy import OnLimit, Policy
from flask_gosession.session.record import Actor, Ban, Session, SubjectRecord
from flask_gosession.session.revoke import LONGEST_BAN, ban, lift_ban, revoke
from flask_gosession.session.rotate import Successor, renew_secret, rotate
from flask_gosession.stores.base import Store
from flask_gosession.subjects import Rule, Snapshot, Subjects
from flask_gosession.tokens.types import Claims, Codec, TokenPair, TokenType, refuse_reserved
from flask_gosession.users import Loader, Users

log = logging.getLogger("flask_gosession")
T = TypeVar("T")

NOWHERE = Device()


class Checked(NamedTuple):
    """A live session, the claims that pointed to it, and the record that both were checked against."""

    session: Session
    claims: Claims
    record: SubjectRecord


@dataclass(frozen=True)
class Revocation:
    """How many live sessions were ended, and whether as many replicas as asked for know it."""

    count: int
    confirmed: bool


class SessionManager:
    """Everything that happens to sessions; times come from *clock* (Unix seconds), events go to *emit*.

    Every method that writes does so in one atomic step on one subject's record. All of them raise StoreUnavailable
    when the store does not answer, and StoreConflict when others keep writing the same record.
    """

    def __init__(
        self,
        store: Store,
        codec: Codec,
        policy: Policy | None = None,
        *,
        user_loader: Loader | None = None,
        clock: Callable[[], float] = time.time,
        emit: Emit = lambda _event: None,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.policy = policy or Policy()
        self.codec = codec
        self.clock = clock
        self.issuer = Issuer(codec, rng)
        self._reporter = Reporter(emit)
        self.subjects = Subjects(store, clock, leeway=self.policy.leeway, on_corrupt=self._tell_corrupt)
        self.users = Users(user_loader, self.subjects, self.policy, clock, self._tell_forgotten)

    @property
    def store(self) -> Store:
        """The store that holds the records."""
        return self.subjects.store

    def login(
        self,
        subject: str | int,
        *,
        client: str = "web",
        device: Device = NOWHERE,
        remember: bool = False,
        lifetime: float | None = None,
        idle: float | None = None,
        access_lifetime: float | None = None,
        claims: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        limit: int | None = None,
        on_limit: OnLimit | None = None,
        authenticated: float | None = None,
        presented: Claims | None = None,
        actor: Actor | None = None,
        inspect: Callable[[TokenPair], None] = lambda _pair: None,
    ) -> TokenPair:
        """Make a session for *subject* and return its tokens.

        *lifetime* is the session's absolute life, *idle* its idle timeout, *access_lifetime* that of its access
        tokens, in seconds. *claims* go into the access token, readable by its holder; *data* stays on the server.
        *limit* and *on_limit* replace the policy's for this login. *authenticated* is when the credentials were seen,
        as a Unix time, where that was not just now: the session is no fresher than that. *presented* is what the
        client had until now: that session ends. *inspect* sees the tokens before anything is written, and may raise.
        Raises Banned, SessionLimit, and ValueError or TypeError for arguments that do not fit.
        """
        refuse_reserved(claims or {})
        subject, now = valid_subject(subject), self.clock()
        access, refresh = self.codec.mint(), self.codec.mint()
        usual_idle, absolute = self._lifetimes(remember=remember)
        session = Session(
            id=ids.new_id(),
            access=access.id,
            refresh=refresh.id if self.codec.refreshable else None,
            gen=0,
            created=now,
            authenticated=now if authenticated is None else min(authenticated, now),
            seen=now,
            expires=now + self._seconds("lifetime", lifetime, absolute),
            idle=self._seconds("idle", idle, usual_idle),
            lifetime=self._seconds("access_lifetime", access_lifetime, self.policy.access_lifetime),
            client=valid_client(client),
            label=device.label,
            ip=device.ip,
            agent=device.agent,
            remember=remember,
            claims=_fitting(claims),
            act=actor,
            own_data=_fitting(data, self.policy.data_cap),
        )
        pair = self.issuer.pair(subject, session, now, access.secret)
        inspect(pair)
        own = self._leave(presented, subject, device.ip)
        rule = partial(admit, limit=limit, on_limit=on_limit, presented=own)
        self._apply(subject, lambda record, now: rule(record, session, now, self.policy), device.ip)
        self._tell_session(
            events.LoggedIn, subject, session, device.ip, remember=remember, actor=actor and actor.subject
        )
        return pair

    def impersonate(self, actor: Checked, subject: str | int, *, device: Device = NOWHERE, **options: Any) -> TokenPair:
        """Make a session as *subject* that names the person behind it, and ends when the session of either ends.

        Raises InsufficientScope for an *actor* who is impersonated already, and what `login` raises.
        """
        if actor.session.act is not None:
            raise InsufficientScope("An impersonated session cannot impersonate.")
        behind = Actor(actor.claims.subject, actor.session.id)
        return self.login(subject, device=device, actor=behind, **{"client": actor.session.client, **options})

    def check(self, token: str) -> Session:
        """Return the live session of an access token, or raise the AuthError that says why it is none."""
        return self.authenticate(token).session

    def authenticate(
        self, token: str, *, used: bool = True, inspect: Callable[[Checked], None] = lambda _checked: None
    ) -> Checked:
        """Like `check`, and return what the session was checked against: one read, no second look at the store.

        *used* is False for a token that its client does not have yet: then looking is no use of it. What *inspect*
        raises is no use of it either.
        """
        now = self.clock()
        claims = self.codec.decode(token, TokenType.ACCESS, now)
        seen = self.subjects.read(claims.subject)
        session = checks.check(seen.record, claims, now, self.policy)
        self.require_actor(session, now)
        checked = Checked(session, claims, seen.record)
        inspect(checked)
        if used and checks.touch_due(session, claims.jti, now, self.policy):
            self._touch(seen, claims)
        return checked

    def holder(self, token: str, kind: TokenType) -> Checked:
        """Return the live session that a token belongs to, current or not; writes nothing and uses up nothing."""
        now = self.clock()
        claims = self.codec.decode(token, kind, now)
        record = self.subjects.read(claims.subject).record
        session = checks.live_session(record, claims.sid, now)
        self.require_actor(session, now)
        return Checked(session, claims, record)

    def check_with_user(self, token: str, *, user_ttl: float | None = None) -> tuple[Session, Any]:
        """Return the session of an access token and the user it belongs to; no user where there is no loader.

        Raises what `check` raises, and UserNotFound when the loader knows no such user.
        """
        checked = self.authenticate(token)
        user = self.users.of(checked.record, ttl=user_ttl)
        if user is None and self.users.has_loader:
            raise UserNotFound
        return checked.session, user

    def claims(self, token: str, *, allow_expired: bool = False) -> Claims:
        """Return what a token of either type says, by its signature alone: the store is not asked."""
        now = self.clock()
        try:
            return self.codec.decode(token, TokenType.ACCESS, now, allow_expired=allow_expired)
        except TokenTypeError:
            return self.codec.decode(token, TokenType.REFRESH, now, allow_expired=allow_expired)

    def refresh(self, token: str, *, device: Device = NOWHERE) -> TokenPair:
        """Return the successor of a refresh token; its parent, while honoured, gets the same successor again.

        The absolute end never moves, and nothing that has ended comes back. Where tokens are opaque, the access
        token itself is taken and gets a new secret. Raises TokenRotated, TokenReused (the session has then ended),
        and what `check` raises.
        """
        if not self.codec.refreshable:
            return self._renew_secret(token, device)
        claims = self.codec.decode(token, TokenType.REFRESH, self.clock())
        successor = Successor(self.codec.mint().id, self.codec.mint().id)

        def rule(record: SubjectRecord, now: float) -> Change[Session | None]:
            return rotate(record, claims, successor, now, self.policy)

        self._require_presented_actor(claims)
        session, _ = self._apply(claims.subject, rule, device.ip)
        assert session is not None  # noqa: S101 - a refusal was raised by now
        if session.refresh == successor.refresh:
            self._tell_session(events.Refreshed, claims.subject, session, device.ip, gen=session.gen)
        return self.issuer.pair(claims.subject, session, self.clock())

    def extend(self, token: str) -> Session:
        """Move the idle end of the session of an access token, never past its absolute end; return the session."""
        claims = self.codec.decode(token, TokenType.ACCESS, self.clock())

        def rule(record: SubjectRecord, now: float) -> Change[Session]:
            session = checks.check(record, claims, now, self.policy)
            touched = checks.touch(record, session.id, claims.jti, now).record
            return Change(touched, touched.session(session.id) or session)

        self._require_presented_actor(claims)
        return self._apply(claims.subject, rule)[0]

    def confirm(self, checked: Checked, *, device: Device = NOWHERE) -> Session:
        """Note that the person has shown their credentials again; return the session, now fresh."""
        subject, sid = checked.claims.subject, checked.session.id

        def rule(record: SubjectRecord, now: float) -> Change[Session]:
            change = checks.confirm(record, sid, now)
            # Who shows the credentials here and now is bound to here from now on.
            here = replace(change.result, ip=device.ip, agent=device.agent, label=device.label)
            session = here if device is not NOWHERE else change.result
            return Change(checks.with_session(change.record, session), session, announce=True)

        session, _ = self._apply(subject, rule, device.ip)
        self._tell_session(events.Confirmed, subject, session, device.ip)
        return session

    def renewal(self, checked: Checked) -> TokenPair | None:
        """Return the access token of a session with a later end, once the one that was checked is about to expire.

        It has the same jti: nothing is rotated, nothing is written, and what ends the session ends it too.
        """
        session, now = checked.session, self.clock()
        left = checked.claims.expires_at - now
        due = left < max(30.0, session.lifetime / 10) and session.expires - now > left + 1
        if not due or not self.codec.refreshable or checked.claims.jti != session.access:
            return None
        return self.issuer.access_only(checked.claims.subject, session, now)

    def logout(self, token: str, *, device: Device = NOWHERE) -> Revocation:
        """End the session of a token of either type, also an expired one; doing it again is no error."""
        claims = self.claims(token, allow_expired=True)
        return self.revoke(claims.subject, claims.sid_text, "logged_out", ip=device.ip)

    def sessions(self, subject: str | int) -> list[Session]:
        """Return the live sessions of *subject*, the latest used first.

        Each impersonated one costs a look at the record of whoever is behind it.
        """
        now = self.clock()
        record = self.subjects.read(valid_subject(subject)).record
        live = (session for session in record.sessions if session.ends > now and self._has_actor(session, now))
        return sorted(live, key=lambda session: -session.seen)

    def revoke(
        self,
        subject: str | int,
        sid: str,
        reason: Reason = "logged_out",
        *,
        message: str | None = None,
        client: str | None = None,
        ip: str = "",
    ) -> Revocation:
        """End one session; *message* is told to whoever comes back with one of its tokens."""
        key = ids.from_text(sid)
        return self._revoke(subject, lambda session: session.id == key, reason, message, client, ip)

    def revoke_all(
        self,
        subject: str | int,
        reason: Reason = "revoked_all",
        *,
        but: str | None = None,
        client_class: str | None = None,
        message: str | None = None,
        client: str | None = None,
        ip: str = "",
    ) -> Revocation:
        """End all sessions of *subject*, or all but the session id *but*, or those of one client class."""
        kept = None if but is None else ids.from_text(but)

        def doomed(session: Session) -> bool:
            return session.id != kept and client_class in (None, session.client)

        return self._revoke(subject, doomed, reason, message, client, ip)

    def ban(self, subject: str | int, *, until: float, reason: str = "", message: str | None = None) -> Revocation:
        """Refuse *subject* until the Unix time *until*, at most ten years ahead, and end what is live.

        The ban is part of the subject's record and is lost with it: a lasting one belongs into the app's own data.
        """
        subject, now = valid_subject(subject), self.clock()
        if not now < until <= now + LONGEST_BAN:
            raise ValueError("a ban ends in the future, within ten years")
        sentence = Ban(now, until, reason[:MESSAGE_CHARS], message and message[:MESSAGE_CHARS])
        count, confirmed = self._apply(subject, lambda record, now: ban(record, sentence, now))
        self._reporter.tell(events.BannedSubject(subject=subject, at=now, until=until, reason=reason))
        return Revocation(count, confirmed)

    def lift_ban(self, subject: str | int) -> bool:
        """Let *subject* sign in again; return whether there was a ban."""
        subject = valid_subject(subject)
        lifted, _ = self._apply(subject, lambda record, _now: lift_ban(record))
        if lifted:
            self._reporter.tell(events.BanLifted(subject=subject, at=self.clock()))
        return lifted

    def ban_of(self, subject: str | int) -> Ban | None:
        """Return the ban in force, or None."""
        found = self.subjects.read(valid_subject(subject)).record.ban
        return found if found and self.clock() < found.until else None

    def save_data(self, checked: Checked, changes: Mapping[str, Any]) -> bool:
        """Merge changed keys into the session's data; False when the session has ended meanwhile."""
        sid, cap = checked.session.id, self.policy.data_cap
        saved, _ = self._apply(checked.claims.subject, lambda record, now: merge_data(record, sid, changes, now, cap))
        if not saved:
            log.info("session data was dropped: the session has ended")
            self._tell_session(events.DataDropped, checked.claims.subject, checked.session, "")
        return saved

    def report_moved(self, checked: Checked, device: Device, changed: str) -> None:
        """Tell that a session is used from elsewhere than it was made."""
        self._tell_session(events.BindingChanged, checked.claims.subject, checked.session, device.ip, changed=changed)

    def close(self) -> None:
        """Let go of the store's connections."""
        self.store.close()

    def _renew_secret(self, token: str, device: Device) -> TokenPair:
        claims, minted = self.codec.decode(token, TokenType.ACCESS, self.clock()), self.codec.mint()
        self._require_presented_actor(claims)
        session, _ = self._apply(
            claims.subject, lambda record, now: renew_secret(record, claims, minted.id, now), device.ip
        )
        self._tell_session(events.Refreshed, claims.subject, session, device.ip, gen=session.gen)
        return self.issuer.pair(claims.subject, session, self.clock(), minted.secret)

    def _revoke(
        self,
        subject: str | int,
        doomed: Callable[[Session], bool],
        reason: Reason,
        message: str | None,
        client: str | None,
        ip: str,
    ) -> Revocation:
        message = message and message[:MESSAGE_CHARS]
        rule = partial(revoke, doomed=doomed, reason=reason, client=client, message=message)
        count, confirmed = self._apply(valid_subject(subject), lambda record, now: rule(record, now=now), ip)
        return Revocation(count, confirmed)

    def _apply(self, subject: str, rule: Rule[T], ip: str = "") -> tuple[T, bool]:
        """Update a record by *rule*, tell who was ended by it, and raise what it refuses."""
        change, confirmed = self.subjects.update(subject, rule)
        self._reporter.tell_ended(subject, change.ended, self.clock(), ip)
        if change.refused is not None:
            raise change.refused
        return change.result, confirmed

    def _leave(self, presented: Claims | None, subject: str, ip: str) -> bytes | None:
        """End the session that a login was presented with; return its id when the login itself will do it."""
        if presented is None:
            return None
        if presented.subject != subject:
            self.revoke(presented.subject, presented.sid_text, "logged_out", ip=ip)
            return None
        return presented.sid

    def _lifetimes(self, *, remember: bool) -> tuple[float, float]:
        policy = self.policy
        if remember:
            return policy.remember_idle_timeout, policy.remember_absolute_timeout
        return policy.idle_timeout, policy.absolute_timeout

    def _seconds(self, name: str, value: float | None, default: float) -> float:
        longest = self.policy.longest_lifetime
        if value is not None and not 0 < value <= longest:
            raise ValueError(f"{name} is more than 0 and at most {longest:.0f} seconds, the longer absolute timeout")
        return default if value is None else value

    def require_actor(self, session: Session, now: float) -> None:
        """Refuse an impersonated session whose actor has no live session any more."""
        if session.act is None:
            return
        actor = self.subjects.read(session.act.subject).record
        try:
            checks.live_session(actor, session.act.id, now)
        except AuthError as error:
            raise SessionEnded(reason="logged_out", at=error.at) from error

    def _has_actor(self, session: Session, now: float) -> bool:
        try:
            self.require_actor(session, now)
        except AuthError:
            return False
        return True

    def _require_presented_actor(self, claims: Claims) -> None:
        """Like `require_actor`, before a write: only a token that names an actor costs the look."""
        if "act" not in claims.extra and self.codec.refreshable:
            return
        session = self.subjects.read(claims.subject).record.session(claims.sid)
        if session is not None:
            self.require_actor(session, self.clock())

    def _touch(self, seen: Snapshot, claims: Claims) -> None:
        try:
            self.subjects.try_update(seen, lambda record, now: checks.touch(record, claims.sid, claims.jti, now))
        except StoreError:
            log.warning("the use of a session could not be noted; the store is not available")

    def _tell_session(
        self, kind: type[events.SessionEvent], subject: str, session: Session, ip: str, **more: Any
    ) -> None:
        at = self.clock()
        self._reporter.tell(kind(subject=subject, at=at, ip=ip, sid=session.sid, client=session.client, **more))

    def _tell_forgotten(self, subject: str) -> None:
        self._reporter.tell(events.UserForgotten(subject=subject, at=self.clock()))

    def _tell_corrupt(self, subject: str) -> None:
        self._reporter.tell(events.CorruptRecord(subject=subject, at=self.clock()))


def _fitting(values: Mapping[str, Any] | None, cap: int | None = None) -> dict[str, Any] | None:
    """Return what a session keeps of *values*; one key or value that does not fit would spoil the whole record."""
    kept = dict(values or {})
    size = size_of(kept)
    if cap is not None and size > cap:
        raise ValueError(f"session data would have {size} bytes, and at most {cap} fit; keep it elsewhere")
    return kept or None
