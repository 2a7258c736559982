"""Names a device by its user agent, for the list of sessions that people see; needs the extra ``devices``."""

from __future__ import annotations

from functools import lru_cache

from ua_parser import parse


@lru_cache(maxsize=1024)
def label_of(agent: str) -> str:
    """Return a label such as ``Firefox on Linux``; empty when the agent is unknown."""
    found = parse(agent[:500])
    names = [part.family for part in (found.user_agent, found.os) if part is not None]
    return " on ".join(names)
