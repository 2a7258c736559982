"""When sessions lived: read from the audit trail that the extension keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from example_app.users import User
from flask_gosession import GoSession
from flask_gosession.observe import AuditEntry

LONGEST = 180 * 86_400.0
"""Seconds that a session may live, and so how far back its beginning may be."""

MOST, MOST_LOOKED_AT = 10_000, 200
"""Entries that are read at most, and people whose sessions are looked at."""

_ENDS = frozenset({"logged_out", "evicted", "revoked", "reuse_detected", "expired"})


class Life(NamedTuple):
    """One session: its client class and, in Unix seconds, its beginning and its end, if it has ended."""

    client: str
    began: float
    ended: float | None


def lives_since(gosession: GoSession[User], start: float) -> list[Life]:
    """Return the sessions that were live at the Unix time *start* or later."""
    for subject in _seem_signed_in(gosession.audit_trail(since=start - LONGEST, limit=MOST)):
        gosession.manager.sessions(subject)  # whoever looks notices what has run out
    entries = gosession.audit_trail(since=start - LONGEST, limit=MOST)
    return [life for life in lives_of(reversed(entries)) if life.ended is None or life.ended >= start]


def _seem_signed_in(entries: Sequence[AuditEntry]) -> list[str]:
    """Return the subjects of sessions whose end is not among *entries*, the oldest session first, not too many."""
    ended = {entry.sid for entry in entries if entry.action in _ENDS}
    began = (entry for entry in reversed(entries) if entry.action == "logged_in")
    return list(dict.fromkeys(entry.subject for entry in began if entry.sid not in ended))[:MOST_LOOKED_AT]


def lives_of(entries: Iterable[AuditEntry]) -> list[Life]:
    """Return the sessions whose login is among *entries*, the oldest entry first."""
    lives: dict[str, Life] = {}
    for entry in entries:
        if entry.action == "logged_in":
            lives[entry.sid] = Life("Impersonation" if entry.actor else entry.client, entry.at, None)
        elif entry.action in _ENDS and entry.sid in lives:
            lives[entry.sid] = lives[entry.sid]._replace(ended=entry.at)
    return list(lives.values())
