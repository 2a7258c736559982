"""Times for people."""

from __future__ import annotations

from datetime import datetime, timezone


def moment(seconds: float) -> str:
    """Return a Unix time as people read it."""
    return _utc(seconds).strftime("%Y-%m-%d %H:%M UTC")


def iso(seconds: float) -> str:
    """Return a Unix time as the ``datetime`` of a ``<time>`` element."""
    return _utc(seconds).isoformat(timespec="seconds")


def ago(seconds: float) -> str:
    """Return how long ago something was that happened so many seconds ago; `static/times.js` goes on from there."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "just now"


def hours_ago(seconds: float) -> str:
    """Return how long ago an hour was that began so many seconds ago; `static/times.js` says the same."""
    return "within the last hour" if seconds < 3600 else ago(seconds)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
