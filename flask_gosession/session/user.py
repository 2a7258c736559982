"""The rules of the cached user info: a slow loader cannot put stale data back."""

from __future__ import annotations

from msgspec.structs import replace

from flask_gosession.session.change import MARKER_LIFETIME, Change
from flask_gosession.session.record import SubjectRecord, UserInfo

FILL_WINDOW = 30.0


def fill(record: SubjectRecord, info: UserInfo, version: int, now: float) -> Change[bool]:
    """Cache *info* unless newer info was asked for since its load began (``info.loaded_at``, under *version*)."""
    if record.user_version != version or now - info.loaded_at > FILL_WINDOW:
        return Change(record, result=False)
    old = record.user
    changed = old is not None and old.value != info.value
    known_gone = old is not None and old.gone and now < old.expires
    return Change(replace(record, user=info), result=True, announce=changed or (info.gone and not known_gone))


def forget(record: SubjectRecord, version: int, now: float) -> Change[None]:
    """Drop the cached user info, and refuse the answers of loaders under way; *version* is newly drawn."""
    until = max(record.marker_until, now + MARKER_LIFETIME)
    marked = replace(record, user=None, user_version=version, marker_until=until)
    return Change(marked, None, announce=True)
