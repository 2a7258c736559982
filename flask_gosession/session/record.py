"""What is stored about one subject: live sessions, ended ones, a ban and the cached user info, as one value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from flask_gosession import ids
from flask_gosession.errors import Reason

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
    reason: Reason
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
_WIDTH: dict[type[msgspec.Struct], int] = {
    kind: len(kind.__struct_fields__) for kind in (SubjectRecord, Session, Tombstone, Ban, UserInfo)
}


def read(value: bytes, subject: str) -> SubjectRecord | None:
    """Decode a stored value; None for what does not decode or is another subject's: a corrupt record."""
    try:
        record = _decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return record if record.subject == subject and record.major > 0 else None


def tails_of(value: bytes) -> Any:
    """Return what a newer version has appended to a readable value, for `encode`; None when there is nothing."""
    plain = _decode_any(value)
    return plain if _has_tails(plain) else None


def encode(record: SubjectRecord, tails: Any = None) -> bytes:
    """Encode *record*, with the unknown fields of the value it was read from carried over."""
    value = _encode(record)
    return value if tails is None else _encode(_carry_record(tails, _decode_any(value)))


_PARTS: tuple[tuple[int, type[msgspec.Struct]], ...] = ((3, Session), (4, Tombstone))
_SINGLE_PARTS: tuple[tuple[int, type[msgspec.Struct]], ...] = ((5, Ban), (6, UserInfo))


def _has_tails(plain: list[Any]) -> bool:
    pairs: list[tuple[Any, type[msgspec.Struct]]] = [(plain, SubjectRecord)]
    pairs += [(item, kind) for index, kind in _PARTS for item in plain[index]]
    pairs += [(plain[index], kind) for index, kind in _SINGLE_PARTS]
    return any(item and len(item) > _WIDTH[kind] for item, kind in pairs)


def _carry_record(old: list[Any], new: list[Any]) -> list[Any]:
    """Append to each part of *new* the trailing fields that it has in *old*; a part's first field names it."""
    for index, kind in _PARTS:
        new[index] = _carry_each(old[index], new[index], _WIDTH[kind])
    for index, kind in _SINGLE_PARTS:
        if old[index] and new[index]:
            new[index] = _carry(old[index], new[index], _WIDTH[kind])
    return new + old[_WIDTH[SubjectRecord] :]


def _carry_each(old: Iterable[list[Any]], new: list[list[Any]], width: int) -> list[list[Any]]:
    by_id = {item[0]: item for item in old}
    return [_carry(by_id[item[0]], item, width) if item[0] in by_id else item for item in new]


def _carry(old: list[Any], new: list[Any], width: int) -> list[Any]:
    return new + old[width:] if old[0] == new[0] else new
