"""What is stored about one subject: live sessions, ended ones, a ban and the cached user info, as one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from flask_gosession import ids

MAJOR = 1
"""The version of the schema. Fields are only ever appended; a new major version may change their meaning."""


class Actor(msgspec.Struct, frozen=True, array_like=True):
    """Who is behind an impersonated session (RFC 8693 section 4.1)."""

    subject: str
    id: bytes

    @property
    def sid(self) -> str:
        """The actor's own session id."""
        return ids.to_text(self.id)


class Session(msgspec.Struct, frozen=True, array_like=True):
    """One live session. Times are Unix seconds, lifetimes are seconds."""

    id: bytes
    access: bytes
    refresh: bytes | None
    gen: int
    created: float
    authenticated: float
    seen: float
    expires: float
    idle: float
    lifetime: float
    client: str = "web"
    label: str = ""
    ip: str = ""
    agent: str = ""
    remember: bool = False
    parent_access: bytes | None = None
    parent_refresh: bytes | None = None
    rotated_at: float | None = None
    used_at: float | None = None
    claims: dict[str, Any] | None = None
    act: Actor | None = None
    own_data: dict[str, Any] | None = None

    @property
    def sid(self) -> str:
        """The session id: a public handle, never a secret."""
        return ids.to_text(self.id)

    @property
    def ends(self) -> float:
        """When the session ends if it is not used again: the earlier of idle and absolute timeout."""
        return min(self.expires, self.seen + self.idle)

    def __repr__(self) -> str:
        return f"Session(sid={self.sid!r}, client={self.client!r})"


class Tombstone(msgspec.Struct, frozen=True, array_like=True):
    """Why a session is no longer there, kept until it would have ended by itself."""

    id: bytes
    reason: str
    """One of `errors.Reason`, or one that only a newer version knows."""
    at: float
    until: float
    client: str | None = None
    """The class of the client whose login or call ended it."""
    message: str | None = None


class Ban(msgspec.Struct, frozen=True, array_like=True):
    """The subject may not sign in until then."""

    at: float
    until: float
    reason: str = ""
    message: str | None = None


class UserInfo(msgspec.Struct, frozen=True, array_like=True):
    """The cached answer of the user loader; an empty value says that there is no such user."""

    loaded_at: float
    expires: float
    value: bytes

    @property
    def gone(self) -> bool:
        """Whether the loader said that there is no such user."""
        return not self.value


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
    marker_until: float = 0.0
    """A record with nothing else in it is kept until then."""

    def session(self, sid: bytes) -> Session | None:
        """Return the session of that id."""
        for session in self.sessions:
            if session.id == sid:
                return session
        return None

    def tombstone(self, sid: bytes) -> Tombstone | None:
        """Return what is known about an ended session of that id."""
        for stone in self.ended:
            if stone.id == sid:
                return stone
        return None

    @property
    def last_end(self) -> float:
        """When the last thing in the record ends; 0 when there is nothing in it."""
        ends = [session.ends for session in self.sessions]
        ends += [stone.until for stone in self.ended]
        ends += [self.ban.until] if self.ban else []
        ends += [self.user.expires] if self.user else []
        return max([*ends, self.marker_until])


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SubjectRecord).decode
_decode_any = msgspec.msgpack.Decoder().decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_Kind = type[msgspec.Struct]
_PARTS: Mapping[_Kind, Mapping[str, _Kind]] = {
    SubjectRecord: {"sessions": Session, "ended": Tombstone, "ban": Ban, "user": UserInfo},
    Session: {"act": Actor},
}
"""Which fields hold structs, or tuples of them. The first field of each tells it from its like."""

Tails = Mapping[tuple[Any, ...], list[Any]]


def read(value: bytes, subject: str) -> SubjectRecord | None:
    """Decode a stored value; None for what does not decode or is another subject's: a corrupt record."""
    try:
        record = _decode(value)
    except _UNREADABLE:
        return None
    return record if record.subject == subject and record.major > 0 else None


def is_newer(value: bytes, subject: str) -> bool:
    """Whether a value, readable or not, is the subject's record of a newer major version."""
    try:
        plain = _decode_any(value)
    except _UNREADABLE:
        return False
    if not isinstance(plain, list) or len(plain) < 2 or not isinstance(plain[0], int):
        return False
    return plain[0] > MAJOR and plain[1] == subject


def tails_of(value: bytes) -> Tails:
    """Return the fields that a newer version has appended to the parts of a readable value, for `encode`."""
    plain = _decode_any(value)
    if _decode_any(_encode(_decode(value))) == plain:  # as we write it ourselves: told sooner than walked through
        return {}
    parts = _walk(plain, SubjectRecord)
    return {key: part[width:] for key, part, width in parts if len(part) > width}


def encode(record: SubjectRecord, tails: Tails | None = None) -> bytes:
    """Encode *record*, with the unknown fields of the value it was read from carried over."""
    value = _encode(record)
    if not tails:
        return value
    plain = _decode_any(value)
    for key, part, _ in list(_walk(plain, SubjectRecord)):
        part.extend(tails.get(key, ()))
    return _encode(plain)


def _walk(part: list[Any], kind: _Kind, key: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], list[Any], int]]:
    """Yield each part of a plain record, with a key that finds it in a rewritten one and the width known to us."""
    fields = kind.__struct_fields__
    yield key, part, len(fields)
    for name, inner in _PARTS.get(kind, {}).items():
        index = fields.index(name)
        for item in _items(part[index]) if index < len(part) else ():
            yield from _walk(item, inner, (*key, name, item[0]))


def _items(value: list[Any] | None) -> list[list[Any]]:
    if not value:
        return []
    return value if isinstance(value[0], list) else [value]
