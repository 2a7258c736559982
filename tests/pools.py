"""Connections of a pool of redis-py, whatever its release."""

from __future__ import annotations

from typing import Any

import redis

_UNNAMED = tuple(int(part) for part in redis.__version__.split(".")[:2]) >= (5, 3)


def take(pool: Any) -> Any:
    """Return a connection of *pool*; older releases want to be told what it is for."""
    return pool.get_connection() if _UNNAMED else pool.get_connection("PING")
