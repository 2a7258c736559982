"""The rule of session data: changed keys are merged with what others wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from flask_gosession.session.change import Change
from flask_gosession.session.check import with_session
from flask_gosession.session.exact import changed_type
from flask_gosession.session.record import SubjectRecord

REMOVED = object()
"""Stands for the value of a key that was deleted."""


DEEPEST = 32
"""How deeply lists and dicts may be nested; this much can be read back however deep the call stack is."""

TRAVEL = (
    "allowed are None, True, False, text, bytes, int, float, list, dict, and datetime with a time zone (which "
    "comes back in UTC); write others as text"
)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


class Stored(NamedTuple):
    """Session data as the store keeps them, and as they read back: a tuple as a list, a UUID as text."""

    value: bytes
    data: dict[str, Any]


def stored_form(data: Mapping[str, Any]) -> Stored:
    """Return *data* as the store keeps it. Raises TypeError if it would make the whole record unreadable."""
    try:
        value = _encode(dict(data))
        back = _decode(value)
        levels = _depth(back)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise TypeError(f"session data takes text keys and plain values only: {error}") from error
    if levels > DEEPEST:
        raise TypeError(f"session data is nested deeper than {DEEPEST} levels")
    return Stored(value, back)


def exact_form(data: Mapping[str, Any]) -> Stored:
    """Like `stored_form`, but raise TypeError also if *data* would not come back unchanged."""
    form = stored_form(data)
    changed = changed_type(dict(data), form.data)
    if changed:
        raise TypeError(f"session data cannot hold {changed}, which would not come back unchanged; {TRAVEL}")
    return form


def size_of(data: Mapping[str, Any]) -> int:
    """Return the stored size of session data in bytes. Raises TypeError like `exact_form`."""
    return len(exact_form(data).value)


def merge_data(record: SubjectRecord, sid: bytes, changes: Mapping[str, Any], now: float, cap: int) -> Change[bool]:
    """Write the changed keys of a session; the result is False when the session has ended meanwhile.

    Raises ValueError if the data of all writers together exceeds *cap* bytes, and TypeError like `exact_form`.
    """
    session = record.session(sid)
    if session is None or now >= session.ends:
        return Change(record, result=False)
    old = session.data or {}
    merged = exact_form({key: value for key, value in {**old, **changes}.items() if value is not REMOVED})
    if merged.value == _encode(old):
        return Change(record, result=True)
    if len(merged.value) > cap:
        raise ValueError(f"the session's data would be over {cap} bytes")
    return Change(with_session(record, replace(session, data=merged.data or None)), result=True)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
