"""When each key signs: pure rules on the entries of ``KEYS``, which give every process the same answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timezone
from typing import Any

import msgspec

from flask_gosession.errors import ConfigError
from flask_gosession.tokens.key_entries import new_entry
from flask_gosession.tokens.keys import Status

Entry = Mapping[str, Any]

FIELD = "signs_from"
"""The moment from which a key signs, as ISO 8601 with a time zone or as a Unix time; it replaces a status."""

JWKS_MAX_AGE = 300
"""Seconds for which fetched public keys may be cached."""

LEAST_AHEAD = JWKS_MAX_AGE + 60.0
"""A key is published at least this many seconds before it signs; the minute is for clocks and other processes."""


class Schedule(msgspec.Struct, frozen=True):
    """How keys succeed one another; all in seconds."""

    every: float
    """How long a key signs; 0: no new keys are made."""
    ahead: float
    """How long before it signs a key is published."""
    kept: float
    """How long a key still verifies after it last signed: no token lives longer."""


def resolved(entries: Sequence[Any], now: float) -> list[dict[str, Any]]:
    """Return *entries*, each with its status *now* in place of the moment from which it signs.

    Of those that may sign, the latest is active; if none may yet, because the clock that set the moment is ahead of
    this one, the first is. An entry that has a status and no moment keeps it, but for an active one that a moment has
    superseded. Raises ConfigError for an invalid moment.
    """
    since = [_since(entry) for entry in entries]
    moments = [moment for moment in since if moment is not None]
    latest = max((moment for moment in moments if moment <= now), default=min(moments, default=None))
    return [_with_status(entry, moment, latest) for entry, moment in zip(entries, since, strict=True)]


def moved_on(entries: Sequence[Entry], now: float, schedule: Schedule) -> list[dict[str, Any]]:
    """Return *entries* without keys that are no longer needed, and with the next key if it is time to publish it.

    If nothing is due, the very same entries come back. Raises ConfigError for an invalid moment.
    """
    kept = [dict(entry) for entry in entries if not _is_over(entry, entries, now - schedule.kept)]
    if not schedule.every or any(moment > now for moment in _moments(kept)):
        return kept
    active = next((entry for entry in resolved(kept, now) if entry["status"] == "active"), None)
    if active is None:
        return kept
    began = max([*(moment for moment in _moments(kept) if moment > 0), _made_at(active)])
    if now < began + schedule.every - schedule.ahead:
        return kept
    signs_from = max(now + schedule.ahead, began + schedule.every)
    return [scheduled(str(active["alg"]), now, signs_from), *kept]


def hastened(entries: Sequence[Entry], now: float, schedule: Schedule) -> list[dict[str, Any]]:
    """Return *entries* one step on by hand: with a next key, or with the next key signing from now on."""
    upcoming = [entry for entry in entries if (_since(entry) or 0) > now]
    if upcoming:
        first = min(upcoming, key=lambda entry: _since(entry) or 0)
        return [{**entry, FIELD: _text(math.floor(now))} if entry is first else dict(entry) for entry in entries]
    return moved_on(entries, now, Schedule(1e-9, schedule.ahead, schedule.kept))


def scheduled(alg: str, now: float, signs_from: float) -> dict[str, Any]:
    """Return an entry with a newly drawn key that signs from that moment on."""
    entry = new_entry(alg, _day(now))
    del entry["status"]
    return {**entry, FIELD: _text(math.ceil(signs_from))}


def _with_status(entry: Any, moment: float | None, latest: float | None) -> Any:
    if not isinstance(entry, Mapping):  # the reader of the keys reports it
        return entry
    plain = {name: value for name, value in entry.items() if name != FIELD}
    if moment is None:
        return plain
    status: Status = "next" if latest is None or moment > latest else "active" if moment == latest else "retired"
    return {**plain, "status": status}


def _is_over(entry: Entry, entries: Sequence[Entry], long_ago: float) -> bool:
    """Whether the key's successor has signed for so long that no token of the key is still valid."""
    moment = _since(entry)
    if moment is None:
        return False
    return any(moment < later <= long_ago for later in _moments(entries))


def _moments(entries: Iterable[Entry]) -> list[float]:
    return [moment for moment in map(_since, entries) if moment is not None]


def _since(entry: Any) -> float | None:
    """Return from when the key signs; 0 for one that is active by its status, None for one that never will."""
    if not isinstance(entry, Mapping):
        return None
    if FIELD not in entry:
        return 0.0 if entry.get("status") == "active" else None
    given = entry[FIELD]
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return float(given)
    try:
        moment = datetime.fromisoformat(str(given).replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "status" in entry:
        raise ConfigError(
            f"The key {entry.get('kid')!r} needs a {FIELD} such as 2026-01-31T00:00:00+00:00, and no status with it."
        )
    return moment.timestamp()


def _made_at(entry: Entry) -> float:
    """Return the beginning of the day on which a key was made; 0 if that is unknown."""
    made = entry.get("created")
    day = date.fromisoformat(made) if isinstance(made, str) else None
    return 0.0 if day is None else datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp()


def _day(now: float) -> date:
    return datetime.fromtimestamp(now, timezone.utc).date()


def _text(moment: int) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).isoformat()
