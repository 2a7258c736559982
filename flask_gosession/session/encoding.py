"""The record as bytes: read, and written without loss for older and newer versions."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import astuple, fields

from flask_gosession.session.record import (
    LATEST,
    MAJOR,
    Actor,
    Ban,
    NotBefore,
    Session,
    SubjectRecord,
    Ticket,
    Tombstone,
    UserInfo,
)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SubjectRecord).decode
_decode_any = msgspec.msgpack.Decoder().decode
_decode_session = msgspec.msgpack.Decoder(Session).decode
_Outline: Any = msgspec.defstruct(
    "_Outline",
    [
        (one.name, tuple[msgspec.Raw, ...] if one.name == "sessions" else one.type, msgspec.field(default=one.default))
        for one in fields(SubjectRecord)
    ],
    array_like=True,
)
"""A record whose sessions are left as bytes."""
_decode_outline = msgspec.msgpack.Decoder(_Outline).decode
_id_in = struct.Struct("5x16s").unpack_from
"""Returns the id of a session, if it has sixteen fields or more and was written by this version."""
LONG = 1500
"""From so many bytes on, picking one session out of a value takes less time than decoding all of them."""
UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError)
"""What decoding raises for damaged bytes."""

_Kind = type[msgspec.Struct]
_PARTS: Mapping[_Kind, Mapping[str, _Kind]] = {
    SubjectRecord: {
        "sessions": Session,
        "ended": Tombstone,
        "ban": Ban,
        "user": UserInfo,
        "not_before": NotBefore,
        "tickets": Ticket,
    },
    Session: {"actor": Actor},
}
"""Which fields hold structs, or tuples of them. The first field of each identifies it among others."""

Tails = Mapping[tuple[Any, ...], list[Any]]


def read(value: bytes, subject: str, sid: bytes | None = None) -> SubjectRecord | None:
    """Decode a stored value; None for a corrupt record, which does not decode or names another subject.

    With *sid*, sessions other than that may be missing, and damage within them may go unnoticed.
    """
    try:
        record = (len(value) >= LONG and sid is not None and _excerpt(value, sid)) or _decode(value)
    except UNREADABLE:
        return None
    return record if record.subject == subject and record.major > 0 else None


def _excerpt(value: bytes, sid: bytes) -> SubjectRecord | None:
    """Return the record with no other session than *sid*; None if it has none, or it is not where this version looks.

    Raises one of `UNREADABLE` where the rest is damaged.
    """
    outline = _decode_outline(value)
    try:
        index = [*map(_id_in, outline.sessions)].index((sid,))
    except (ValueError, struct.error):
        return None
    session = _decode_session(outline.sessions[index])
    if session.id != sid:
        return None
    outline.sessions = (session,)
    return SubjectRecord(*astuple(outline))


def is_newer(value: bytes, subject: str) -> bool:
    """Whether a value, readable or not, is the subject's record of a newer major version."""
    try:
        plain = _decode_any(value)
    except UNREADABLE:
        return False
    if not isinstance(plain, list) or len(plain) < 2 or not isinstance(plain[0], int):
        return False
    return plain[0] > MAJOR and plain[1] == subject


def tails_of(value: bytes) -> Tails:
    """Return the fields that a newer version has appended to the parts of a readable value, for `encode`."""
    try:
        plain = _decode_any(value)
    except UNREADABLE:  # damaged in a part that only a newer version reads
        return {}
    if not _may_have_tails(plain):  # quicker to see than to walk through
        return {}
    parts = _walk(plain, SubjectRecord)
    return {key: part[width:] for key, part, width in parts if len(part) > width}


def reads_back(value: bytes, record: SubjectRecord) -> bool:
    """Whether *value* reads back as *record*; NaN in the app's own values counts as equal."""
    back = read(value, record.subject)
    if back == record:
        return True
    holds_nan = back != read(value, record.subject)
    return back is not None and holds_nan and _encode(back) == _encode(record)


def encode(record: SubjectRecord, tails: Tails | None = None) -> bytes:
    """Encode *record*, with the unknown fields of the value it was read from carried over."""
    if not tails:
        return _encode(_compact(record))
    plain = _decode_any(_encode(record))  # at full width: unknown fields come after all known ones
    for key, part, _ in list(_walk(plain, SubjectRecord)):
        part.extend(tails.get(key, ()))
    return _encode(plain)


def _compact(record: SubjectRecord) -> list[Any]:
    """Return *record* without what a reader adds by itself: trailing defaults, and fractions that are zero."""
    fields = _without_defaults(record)
    if record.sessions:
        fields[_SESSIONS] = [_compact_session(session) for session in record.sessions]
    return fields


def _compact_session(session: Session) -> list[Any]:
    fields = _without_defaults(session)
    # A whole number takes three or five bytes instead of nine; readers make a float of it.
    for index in _SECONDS:
        # `reads_back` refuses anything else that may be there.
        if type(fields[index]) is float and fields[index].is_integer() and fields[index] <= LATEST:
            fields[index] = int(fields[index])
    return fields


def _without_defaults(part: msgspec.Struct) -> list[Any]:
    """Return the fields of *part* up to the last that differs from its default; the required ones stay."""
    fields, defaults = list(astuple(part)), part.__struct_defaults__
    required = len(fields) - len(defaults)
    while len(fields) > required and fields[-1] == defaults[len(fields) - required - 1]:
        fields.pop()
    return fields


_SESSIONS = SubjectRecord.__struct_fields__.index("sessions")
_WIDTHS = [
    (SubjectRecord.__struct_fields__.index(name), len(kind.__struct_fields__))
    for name, kind in _PARTS[SubjectRecord].items()
]
_ACTOR = Session.__struct_fields__.index("actor")
_SECONDS = [Session.__struct_fields__.index(name) for name in ("created", "seen", "expires", "idle", "access_lifetime")]


def _sessions_of(plain: list[Any]) -> list[list[Any]]:
    return plain[_SESSIONS] if len(plain) > _SESSIONS else []


def _may_have_tails(plain: list[Any]) -> bool:
    """Whether a part of a plain record has more fields than this version knows, or a part of its own."""
    if len(plain) > len(SubjectRecord.__struct_fields__):
        return True
    for index, width in _WIDTHS:
        if index < len(plain) and plain[index] and max(map(len, _items(plain[index]))) > width:
            return True
    return any(len(session) > _ACTOR and session[_ACTOR] for session in _sessions_of(plain))


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
