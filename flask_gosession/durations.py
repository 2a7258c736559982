"""The forms in which callers may give durations and times; each is read into seconds.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

Duration = timedelta | float | str
"""A timedelta, a number of seconds, or text such as ``15m``."""
Instant = datetime | float
"""A datetime with its time zone, or a Unix time in seconds."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SPOKEN = ((86_400, "day"), (3600, "hour"), (60, "minute"))
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w)?\s*", re.ASCII)

FORMS = 'a timedelta, a number of seconds, or text such as "15m" (ms, s, m, h, d, w)'
INSTANTS = "a Unix time in seconds, or a datetime with its time zone"


def seconds_of(value: object) -> float:
    """Return the seconds of a duration; the caller checks its range.

    Raises TypeError for another type, ValueError for text that is not a duration.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if match is None:
            raise ValueError(f"must be {FORMS}")
        return float(match[1]) * _UNITS[match[2] or "s"]
    return _number(value, FORMS)


def spoken(seconds: float) -> str:
    """Return a duration in its largest whole unit: ``15 minutes``."""
    size, unit = next((each for each in _SPOKEN if seconds and seconds % each[0] == 0), (1, "second"))
    return f"{seconds / size:g} {unit}{'' if seconds == size else 's'}"


def unix_time_of(value: object) -> float:
    """Return the Unix time of a moment. Raises TypeError for another type, ValueError without a time zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("must have a time zone, such as datetime.now(timezone.utc) has")
        return value.timestamp()
    return _number(value, INSTANTS)


def _number(value: object, forms: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"must be {forms}, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
