"""The last resort of a revocation on a full store: a deletion needs no room, so the whole record goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from msgspec import structs

from flask_gosession.session.change import Change, Ended
from flask_gosession.session.record import SubjectRecord

T = TypeVar("T")


def drop(record: SubjectRecord, change: Change[T], now: float) -> Change[T] | None:
    """Return *change* with everything deleted, or None where that must not be.

    Only what ends sessions and brings none may end all of them, and a ban in force may never be lost with them.
    Whoever is ended beside those that were meant is told so as by ``revoked_all``.
    """
    known = {session.id for session in record.sessions}
    brings = any(session.id not in known for session in change.record.sessions)
    if not change.ended or brings or any(_in_force(one, now) for one in (record, change.record)):
        return None
    others = tuple(Ended(session, "revoked_all") for session in change.record.sessions)
    empty = structs.replace(record, sessions=(), ended=(), ban=None, user=None, marker_until=0.0)
    return replace(change, record=empty, ended=change.ended + others, announce=True)


def _in_force(record: SubjectRecord, now: float) -> bool:
    return record.ban is not None and now < record.ban.until
