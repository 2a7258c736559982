"""The rule of session data: changed keys are merged with what others wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from flask_gosession.session.change import Change
from flask_gosession.session.check import with_session
from flask_gosession.session.record import SubjectRecord

REMOVED = object()
"""Stands for the value of a key that was deleted."""


DEEPEST = 32
"""So many levels of lists and dicts in each other can be read back wherever a request may stand."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


def size_of(data: Mapping[str, Any]) -> int:
    """Return the stored size of session data in bytes. Raises TypeError for what could not be stored and read again."""
    return len(_encode_checked(data))


def merge_data(record: SubjectRecord, sid: bytes, changes: Mapping[str, Any], now: float, cap: int) -> Change[bool]:
    """Write the changed keys of a session; the result is False when the session has ended meanwhile.

    Raises ValueError when the data of all writers together are over *cap* bytes, and TypeError like `size_of`.
    """
    session = record.session(sid)
    if session is None or now >= session.ends:
        return Change(record, result=False)
    old = session.own_data or {}
    merged = {key: value for key, value in {**old, **changes}.items() if value is not REMOVED}
    value = _encode_checked(merged)
    if value == _encode(old):
        return Change(record, result=True)
    if len(value) > cap:
        raise ValueError(f"the session's data would be over {cap} bytes")
    return Change(with_session(record, replace(session, own_data=merged or None)), result=True)


def _encode_checked(data: Mapping[str, Any]) -> bytes:
    """Encode what will also decode: one value that does not would make the whole record unreadable."""
    try:
        value = _encode(data)
        levels = _depth(_decode(value))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise TypeError(f"session data takes text keys and plain values only: {error}") from error
    if levels > DEEPEST:
        raise TypeError(f"session data is nested deeper than {DEEPEST} levels")
    return value


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
