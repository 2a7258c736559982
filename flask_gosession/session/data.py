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


def size_of(data: Mapping[str, Any]) -> int:
    """Return the stored size of session data in bytes. Raises TypeError for what cannot be stored."""
    return len(msgspec.msgpack.encode(data))


def merge_data(record: SubjectRecord, sid: bytes, changes: Mapping[str, Any], now: float, cap: int) -> Change[bool]:
    """Write the changed keys of a session; the result is False when the session has ended meanwhile.

    Raises ValueError when the data of all writers together are over *cap* bytes.
    """
    session = record.session(sid)
    if session is None or now >= session.ends:
        return Change(record, result=False)
    old = session.own_data or {}
    merged = {key: value for key, value in {**old, **changes}.items() if value is not REMOVED}
    if merged == old:
        return Change(record, result=True)
    if size_of(merged) > cap:
        raise ValueError(f"the session's data would be over {cap} bytes")
    return Change(with_session(record, replace(session, own_data=merged or None)), result=True)
