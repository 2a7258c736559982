"""What is stored about one subject: live sessions, ended ones, a ban and the cached user info, as one value."""

from __future__ import annotations

from typing import Annotated, Any
from zlib import crc32

import msgspec

from flask_gosession import ids
from flask_gosession.discreet import Discreet

MAJOR = 1
"""The version of the schema. Fields are only ever appended; a new major version may change their meaning."""

LATEST = 1e11
"""No time in a record is later and no duration longer: every date made from it has a four-digit year."""

MOST_ROTATIONS = 2**53
"""Every reader of a token can count this far."""

Seconds = Annotated[float, msgspec.Meta(ge=0, le=LATEST)]
"""A Unix time, or a duration. A record with NaN, or a value out of range, is corrupt: it might never end."""


class Actor(msgspec.Struct, frozen=True, array_like=True):
    """The user who is behind an impersonated session (RFC 8693 section 4.1)."""

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    id: bytes

    @property
    def sid(self) -> str:
        """The actor's own session id."""
        return ids.to_text(self.id)


def hour_of(seen: Seconds) -> int:
    """Return the hour in which a session was used: a thief who knew the second could time the next refresh."""
    return int(seen // 3600) * 3600


class Session(Discreet, msgspec.Struct, frozen=True, array_like=True):
    """One live session. Times are Unix seconds, lifetimes are seconds."""

    _shown = ("sid", "client")

    id: bytes
    access: bytes
    refresh: bytes | None
    gen: Annotated[int, msgspec.Meta(ge=0, le=MOST_ROTATIONS)]
    created: Seconds
    authenticated: Seconds
    seen: Seconds
    expires: Seconds
    idle: Seconds
    access_lifetime: Seconds
    client: str = "web"
    label: str = ""
    ip: str = ""
    agent: str = ""
    remember: bool = False
    parent_access: bytes | None = None
    parent_refresh: bytes | None = None
    rotated_at: Seconds | None = None
    used_at: Seconds | None = None
    extra_claims: dict[str, Any] | None = None
    actor: Actor | None = None
    data: dict[str, Any] | None = None
    claims_own: bool = False
    """Whether `claims` holds only those given at the login; in older records, the claims loader's are among them."""
    in_cookies: bool | None = None
    """Whether its tokens went to a browser as cookies; older records do not say."""
    forks: int = 0
    """How often the current pair was redrawn because its answer seemed lost; the parent stays the same."""
    forked_at: float | None = None
    salt: bytes = b""
    """What opaque tokens are derived from; empty for signed ones."""
    pair_from: tuple[str, str] | None = None
    """Address and user agent that the current pair was drawn for; None if they are the session's own."""
    second: bytes | None = None
    """What the second credential of the session is made of; None if it has none."""
    again_until: Seconds | None = None
    """For an adopted session: until when the credential that it was adopted from could be presented again."""
    told_over: bool = False
    """Whether its expiry was noticed and reported."""

    @property
    def sid(self) -> str:
        """The session id: a public handle, never a secret."""
        return ids.to_text(self.id)

    @property
    def ends(self) -> float:
        """When the session ends if it is not used again: the earlier of idle and absolute timeout."""
        return min(self.expires, self.seen + self.idle)

    @property
    def next_gen(self) -> int:
        """The number of the next rotation; a damaged record at the highest number stays there."""
        return min(self.gen + 1, MOST_ROTATIONS)


class Tombstone(msgspec.Struct, frozen=True, array_like=True):
    """Why a session is no longer there, kept until it would have ended by itself."""

    id: bytes
    reason: str
    """One of `errors.Reason`, or one that only a newer version knows."""
    at: Seconds
    until: Seconds
    client: str | None = None
    """The class of the client whose login or call ended it."""
    message: str | None = None
    kept: bool = False
    """Whether it stays until its end, however many there are: the session was adopted, and could be again."""

    @property
    def sid(self) -> str:
        """The session's id as text."""
        return ids.to_text(self.id)


class Ban(msgspec.Struct, frozen=True, array_like=True):
    """The subject may not sign in until then."""

    at: Seconds
    until: Seconds
    reason: str = ""
    message: str | None = None


class NotBefore(msgspec.Struct, frozen=True, array_like=True):
    """Credentials seen before that moment no longer sign anybody in, until the mark itself is dropped."""

    at: Seconds
    until: Seconds
    reason: str
    """One of `errors.Reason`, or one that only a newer version knows."""
    message: str | None = None


_OF_NOTHING = (None, crc32(b""))


class UserInfo(msgspec.Struct, frozen=True, array_like=True):
    """The cached answer of the user loader; an empty value means that there is no such user."""

    loaded_at: Seconds
    expires: Seconds
    value: bytes
    checksum: int | None = None
    """The CRC-32 of the value; None in older records."""

    def counts(self, now: float, within: float | None = None) -> bool:
        """Whether it is what was written, and young enough; *within*: for so many seconds after it was loaded."""
        young = now < self.expires and (within is None or now - self.loaded_at < within)
        return young and (self.checksum is None or self.checksum == crc32(self.value))

    @property
    def gone(self) -> bool:
        """Whether the loader said that there is no such user."""
        return not self.value and self.checksum in _OF_NOTHING


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """The id in a token that is honoured until then, although no session belongs to it."""

    id: bytes
    until: Seconds


class SubjectRecord(msgspec.Struct, frozen=True, array_like=True):
    """Everything about one subject."""

    major: int
    subject: str
    user_version: int
    """64 random bits, new when the user info must be loaded again: a slower loader's answer then no longer fits."""
    sessions: tuple[Session, ...] = ()
    ended: tuple[Tombstone, ...] = ()
    ban: Ban | None = None
    user: UserInfo | None = None
    marker_until: Seconds = 0.0
    """A record with nothing else in it is kept until then."""
    not_before: NotBefore | None = None
    tickets: tuple[Ticket, ...] = ()

    def session(self, sid: bytes) -> Session | None:
        """Return the session of that id."""
        for session in self.sessions:
            if session.id == sid:
                return session
        return None

    def tombstone(self, sid: bytes) -> Tombstone | None:
        """Return what is known about an ended session of that id."""
        for tombstone in self.ended:
            if tombstone.id == sid:
                return tombstone
        return None

    @property
    def last_end(self) -> float:
        """When the last thing in the record ends; 0 when there is nothing in it."""
        ends = [session.ends for session in self.sessions]
        ends += [tombstone.until for tombstone in self.ended]
        ends += [self.ban.until] if self.ban else []
        ends += [self.user.expires] if self.user else []
        ends += [self.not_before.until] if self.not_before else []
        ends += [ticket.until for ticket in self.tickets]
        return max([*ends, self.marker_until])
