"""Stores by URL: a table of schemes, open to others by entry point.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from flask_gosession.errors import ConfigError
from flask_gosession.stores.base import Store

ENTRY_POINTS = "flask_gosession.stores"
"""The entry-point group of other packages' stores: the name is the scheme, the object has ``from_url`` like ours."""


class _StoreClass(NamedTuple):
    module: str
    name: str
    extra: str = ""


_REDIS = _StoreClass("flask_gosession.stores.redis", "RedisStore")

SCHEMES: Mapping[str, _StoreClass] = {
    "memory": _StoreClass("flask_gosession.stores.memory", "MemoryStore"),
    "file": _StoreClass("flask_gosession.stores.file", "FileStore", "file"),
    **dict.fromkeys(("redis", "rediss", "redis+unix", "redis+sentinel", "redis+cluster"), _REDIS),
    **dict.fromkeys(("valkey", "valkeys", "valkey+unix", "valkey+sentinel", "valkey+cluster"), _REDIS),
    "mongodb": _StoreClass("flask_gosession.stores.mongo", "MongoStore", "mongo"),
    "mongodb+srv": _StoreClass("flask_gosession.stores.mongo", "MongoStore", "mongo"),
}

DATABASES: Mapping[str, _StoreClass] = {
    "sqlite": _StoreClass("flask_gosession.stores.sql", "SQLStore", "sql"),
    "postgresql": _StoreClass("flask_gosession.stores.sql", "SQLStore", "postgresql"),
    "mysql": _StoreClass("flask_gosession.stores.sql", "SQLStore", "mysql"),
    "mariadb": _StoreClass("flask_gosession.stores.sql", "SQLStore", "mysql"),
}
"""Schemes that may name a driver of SQLAlchemy: ``postgresql+psycopg://``."""


def open_store(target: object, *, key_prefix: str = "gosession", wait_replicas: int = 0, **options: Any) -> Store:
    """Return the store for *target*: a URL, a ready Redis client, or a store, which is returned unchanged.

    *key_prefix* separates apps that share a server. *wait_replicas*: see `RedisStore`. *options* are the store's own.
    Raises ConfigError for an unknown scheme, a URL that cannot work, or a driver that is not installed.
    """
    if isinstance(target, str):
        return _open_url(target, key_prefix=key_prefix, wait_replicas=wait_replicas, **options)
    if isinstance(target, Store):
        return target
    if hasattr(target, "execute_command") and hasattr(target, "register_script"):
        opened: Store = _load(_REDIS).from_client(target, key_prefix=key_prefix, wait_replicas=wait_replicas, **options)
        return opened
    raise ConfigError(
        f"A session store is a URL, a Redis client or an object with the methods of Store, not {type(target).__name__}."
    )


def _open_url(url: str, **options: Any) -> Store:
    scheme, separator, _ = url.partition("://")
    home = SCHEMES.get(scheme) or DATABASES.get(scheme.partition("+")[0])
    if not separator or home is None:
        return _open_foreign(scheme if separator else "", url, **options)
    try:
        opened: Store = _load(home).from_url(url, **options)
    except ImportError as error:
        raise ConfigError(
            f'{scheme}:// needs the package {error.name}, which is not installed: pip install "{_requirement(home)}".'
        ) from error
    return opened


def _open_foreign(scheme: str, url: str, **options: Any) -> Store:
    for entry in entry_points(group=ENTRY_POINTS, name=scheme) if scheme else ():
        opened: Store = entry.load().from_url(url, **options)
        return opened
    names = sorted({*SCHEMES, *DATABASES, *entry_points(group=ENTRY_POINTS).names})
    near, known = difflib.get_close_matches(scheme, names, 1), ", ".join(f"{name}://" for name in names)
    # Never the URL itself: there may be a password in it.
    what = f"{scheme}:// is not known as a session store" if scheme else "The URL of the session store has no scheme"
    hint = f": did you mean {near[0]}://? Known" if near else "; known"
    raise ConfigError(f"{what}{hint} are {known}.")


def _load(home: _StoreClass) -> Any:
    return getattr(import_module(home.module), home.name)


def _requirement(home: _StoreClass) -> str:
    return f"Flask-GoSession[{home.extra}]" if home.extra else "Flask-GoSession"
