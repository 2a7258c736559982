"""A subject's record in words: ids as they stand in tokens, reasons, sizes, and where it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from flask_gosession import ids
from flask_gosession.session import encoding as records
from flask_gosession.session.not_before import is_marked
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Actor, Ban, Session, SubjectRecord, Tombstone, UserInfo, hour_of
from flask_gosession.stores.base import Record, Store
from flask_gosession.stores.breaker import behind_breaker
from flask_gosession.stores.capabilities import Located

State = Literal["signed_in", "signed_out", "banned", "unknown_user", "absent", "corrupt", "newer"]


class ActorView(msgspec.Struct, frozen=True, kw_only=True):
    """The user who is behind an impersonated session."""

    subject: str
    sid: str


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """One live session. Times are Unix seconds."""

    sid: str
    """The session id, as the claim ``sid`` has it."""
    jti: str
    """The id of the current access token, as its claim ``jti`` has it; for opaque tokens the SHA-256 of the secret."""
    refresh_jti: str | None
    client: str
    """The client class: ``web``, ``ios``, …"""
    label: str
    """The device in words a person knows, if the extra ``devices`` is installed."""
    agent: str
    ip: str
    created: float
    authenticated: float
    """When the credentials were last seen."""
    fresh: bool
    """Whether that was recent enough for routes that need a fresh login."""
    last_seen: float
    ends: float
    """When the session ends if it is not used again."""
    expires: float
    """When it ends in any case."""
    rotations: int
    """How often its tokens were refreshed."""
    remember: bool
    actor: ActorView | None
    data_keys: tuple[str, ...]
    """The keys of the session data, sorted; not their values."""

    @property
    def last_seen_hour(self) -> int:
        """The start of the hour of `last_seen`: what to show to the user, whose session may be shared with a thief."""
        return hour_of(self.last_seen)


class EndedView(msgspec.Struct, frozen=True, kw_only=True):
    """A session that has ended, while the record still knows of it."""

    sid: str
    reason: str
    at: float | None
    """When it ended; None for an impersonated session whose actor's session is gone."""
    known_until: float
    """Until when a holder of its tokens learns the reason."""
    by_client: str | None
    """The class of the client whose login or call ended it."""
    message: str | None


class BanView(msgspec.Struct, frozen=True, kw_only=True):
    """A ban that is in force."""

    at: float
    until: float
    reason: str
    message: str | None


class NotBeforeView(msgspec.Struct, frozen=True, kw_only=True):
    """A mark that is in force: credentials that were seen before it sign nobody in."""

    at: float
    until: float
    reason: str
    """What has set it: ``revoked_all``, ``password_changed``, ``banned``, …"""
    message: str | None


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """The cached answer of the user loader."""

    loaded_at: float
    age: float
    """Seconds since it was loaded."""
    expires: float
    exists: bool
    """False if the loader said that there is no such user."""
    bytes: int
    value: Any
    """What the loader returned, as plain data; None if it cannot be read."""


class SubjectView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored about one subject."""

    subject: str
    state: State
    sessions: tuple[SessionView, ...]
    """The live ones, the most recently used first."""
    ended: tuple[EndedView, ...]
    """The ended ones that are still known, the latest first."""
    ban: BanView | None
    not_before: NotBeforeView | None
    user: UserView | None
    bytes: int
    """The size of the stored value; 0 if nothing is stored."""
    location: str | None
    """The key, file or row, if the store can name it."""


HasActor = Callable[[Session], bool]


def inspect_subject(store: Store, subject: str, now: float, policy: Policy, has_actor: HasActor) -> SubjectView:
    """Return what is stored about *subject*; writes nothing and sends no event. Raises StoreUnavailable.

    *has_actor* says whether the actor of an impersonated session is still signed in.
    """
    stored, home = store.load(subject), behind_breaker(store)
    location = home.locate(subject) if isinstance(home, Located) else None
    view = describe(subject, stored, now, policy, has_actor)
    return msgspec.structs.replace(view, location=location)


def describe(
    subject: str, stored: Record | None, now: float, policy: Policy, has_actor: HasActor = lambda _session: True
) -> SubjectView:
    """Return the stored value of *subject* in words; an unreadable one is ``corrupt`` or ``newer``."""
    record = None if stored is None else records.read(stored.value, subject)
    size = 0 if stored is None else len(stored.value)
    if record is None:
        return _unreadable(subject, stored, size)
    live = [session for session in record.sessions if session.ends > now and has_actor(session)]
    return SubjectView(
        subject=subject,
        state=_state(record, live, now),
        sessions=tuple(view_session(each, now, policy) for each in sorted(live, key=lambda each: -each.seen)),
        ended=tuple(sorted(_ended(record, live, now), key=lambda each: -(each.at or now))),
        ban=_view_ban(record.ban, now),
        not_before=_view_mark(record, now),
        user=_view_user(record.user, now),
        bytes=size,
        location=None,
    )


def view_session(session: Session, now: float, policy: Policy) -> SessionView:
    """Return a session in words."""
    return SessionView(
        sid=session.sid,
        jti=ids.to_text(session.access),
        refresh_jti=None if session.refresh is None else ids.to_text(session.refresh),
        client=session.client,
        label=session.label,
        agent=session.agent,
        ip=session.ip,
        created=session.created,
        authenticated=session.authenticated,
        fresh=session.actor is None and now - session.authenticated <= policy.fresh_lifetime,
        last_seen=session.seen,
        ends=session.ends,
        expires=session.expires,
        rotations=session.gen,
        remember=session.remember,
        actor=_view_actor(session.actor),
        data_keys=tuple(sorted(session.data or ())),
    )


def view_tombstone(tombstone: Tombstone) -> EndedView:
    """Return in words why a session is no longer there."""
    return EndedView(
        sid=tombstone.sid,
        reason=tombstone.reason,
        at=tombstone.at,
        known_until=tombstone.until,
        by_client=tombstone.client,
        message=tombstone.message,
    )


def view_self_ended(session: Session, now: float) -> EndedView:
    """Return in words why a session in the record is not live."""
    reason, at = self_ended(session, now)
    return EndedView(sid=session.sid, reason=reason, at=at, known_until=session.expires, by_client=None, message=None)


def self_ended(session: Session, now: float) -> tuple[str, float | None]:
    """Return why and when a session in the record expired by itself."""
    if now >= session.expires:
        return "expired", session.expires
    return ("idle", session.ends) if now >= session.ends else ("logged_out", None)


def _unreadable(subject: str, stored: Record | None, size: int) -> SubjectView:
    state: State = "absent"
    if stored is not None:
        state = "newer" if records.is_newer(stored.value, subject) else "corrupt"
    return SubjectView(
        subject=subject,
        state=state,
        sessions=(),
        ended=(),
        ban=None,
        not_before=None,
        user=None,
        bytes=size,
        location=None,
    )


def _state(record: SubjectRecord, live: list[Session], now: float) -> State:
    if record.ban is not None and now < record.ban.until:
        return "banned"
    if record.user is not None and record.user.gone and now < record.user.expires:
        return "unknown_user"
    return "signed_in" if live else "signed_out"


def _ended(record: SubjectRecord, live: list[Session], now: float) -> Iterator[EndedView]:
    yield from map(view_tombstone, record.ended)
    for session in record.sessions:
        if session not in live:
            yield view_self_ended(session, now)


def _view_actor(actor: Actor | None) -> ActorView | None:
    return None if actor is None else ActorView(subject=actor.subject, sid=actor.sid)


def _view_ban(ban: Ban | None, now: float) -> BanView | None:
    if ban is None or now >= ban.until:
        return None
    return BanView(at=ban.at, until=ban.until, reason=ban.reason, message=ban.message)


def _view_mark(record: SubjectRecord, now: float) -> NotBeforeView | None:
    mark = record.not_before
    if mark is None or not is_marked(record, now):
        return None
    return NotBeforeView(at=mark.at, until=mark.until, reason=mark.reason, message=mark.message)


def _view_user(user: UserInfo | None, now: float) -> UserView | None:
    if user is None or now >= user.expires:
        return None
    return UserView(
        loaded_at=user.loaded_at,
        age=max(0.0, now - user.loaded_at),
        expires=user.expires,
        exists=not user.gone,
        bytes=len(user.value),
        value=_plain(user.value),
    )


def _plain(value: bytes) -> Any:
    try:
        return msgspec.to_builtins(msgspec.msgpack.decode(value))
    except (msgspec.MsgspecError, TypeError, UnicodeDecodeError):
        return None
