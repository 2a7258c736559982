"""Our own options in the URL of an SQL store, separated from the driver's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from flask_gosession.errors import ConfigError


@dataclass(frozen=True)
class SQLOptions:
    """*pool_size*: how many connections a process keeps, a burst may open as many again; *timeout* in seconds."""

    create: bool = True
    pool_size: int = 16
    timeout: float = 0.25


def split_options(url: sa.URL, named: Mapping[str, Any]) -> tuple[sa.URL, SQLOptions]:
    """Return the URL with only the driver's options, and our options; those given by name win. Raises ConfigError."""
    names = [field.name for field in fields(SQLOptions)]
    if unknown := sorted(set(named) - set(names)):
        raise ConfigError(f"The SQL store does not know {', '.join(unknown)}; it knows {', '.join(names)}.")
    given = {name: url.query[name] for name in names if name in url.query} | dict(named)
    found = {name: _parse(name, str(value).lower()) for name, value in given.items()}
    return url.difference_update_query(names), SQLOptions(**found)


def _parse(name: str, text: str) -> Any:
    try:
        return _PARSERS[name](text)
    except (KeyError, ValueError):
        raise ConfigError(f"{name} of the SQL store is {_WANTED[name]}.") from None


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0.0 < number < math.inf:
        raise ValueError(text)
    return number


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "create": {"true": True, "false": False}.__getitem__,
    "pool_size": _whole,
    "timeout": _seconds,
}
_WANTED = {
    "create": "true or false",
    "pool_size": "a number of connections, at least 1",
    "timeout": "a number of seconds above 0",
}
