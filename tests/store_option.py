"""The option --store: which stores the suite runs against."""

from __future__ import annotations

import re
from collections.abc import Iterable

DEFAULT = ("memory", "fakeredis", "redis")
NAMES = (*DEFAULT, "file", "sqlite", "postgresql", "mariadb", "mongomock")

_BOUNDARY = re.compile(rf",(?=(?:{'|'.join(NAMES)})(?:,|$)|[a-z][a-z0-9+.-]*://)")


def split_stores(values: Iterable[str]) -> list[str]:
    """Return each store that is asked for once; a comma inside a Sentinel or Cluster URL does not part it."""
    asked = [name.strip() for value in values for name in _BOUNDARY.split(value)]
    return list(dict.fromkeys(name for name in asked if name))


def unknown_stores(stores: Iterable[str]) -> list[str]:
    """Return what is neither a name nor a URL."""
    return [store for store in stores if store not in NAMES and "://" not in store]
