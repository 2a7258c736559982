"""How the value of a setting is read: each reader returns it in its one form, or says what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

Reader = Callable[[Any], Any]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_ETERNITY = 1e15
"""No duration is as long; whole numbers beyond a float, infinity and NaN are not below it."""
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w)?\s*")


def duration(least: float = 0.0, most: float = math.inf) -> Reader:
    """Read a timedelta, seconds, or text such as ``15m`` into seconds between *least* and *most*."""

    def read(value: Any) -> float:
        seconds = _seconds(value)
        if not least <= seconds <= most:
            raise ValueError(f"must be between {least:g} and {most:g} seconds")
        return seconds

    return read


def _seconds(value: Any) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _ETERNITY:
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a timedelta, a number of seconds, or text such as "15m" (ms, s, m, h, d, w)')
    return float(match[1]) * _UNITS[match[2] or "s"]


def whole(least: int, most: int) -> Reader:
    """Read a whole number between *least* and *most*."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"must be a whole number between {least} and {most}")
        return value

    return read


def flag(value: Any) -> bool:
    """Read True or False."""
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return value


def text(value: Any) -> str:
    """Read text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text")
    return value


def matching(pattern: str, advice: str) -> Reader:
    """Read text of a certain form."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"must be {advice}")
        return value

    return read


def one_of(*choices: str) -> Reader:
    """Read one of the words *choices*."""

    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be {_either(choices)}")
        return str(value)

    return read


def some_of(*choices: str) -> Reader:
    """Read a list of words from *choices*, in order; one word alone is a list of one."""

    def read(value: Any) -> tuple[str, ...]:
        words = (value,) if isinstance(value, str) else value
        if not isinstance(words, (tuple, list)) or not all(word in choices for word in words):
            raise ValueError(f"must be a list of {_either(choices)}")
        return tuple(dict.fromkeys(words))

    return read


def texts(value: Any) -> tuple[str, ...]:
    """Read a list of texts; one text alone is a list of one."""
    words = (value,) if isinstance(value, str) else value
    if not isinstance(words, (tuple, list)) or not all(isinstance(word, str) and word for word in words):
        raise ValueError("must be a list of texts")
    return tuple(words)


def origins(value: Any) -> tuple[str, ...]:
    """Read a list of origins as browsers send them: scheme, host and perhaps a port, without a path."""
    found = texts(value)
    if not all(re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", origin) for origin in found):
        raise ValueError('must be a list of origins such as "https://id.example"')
    return found


def limits(value: Any) -> Mapping[str, int]:
    """Read a mapping of client class to number of sessions."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise ValueError('must be a mapping such as {"web": 1, "ios": 1, "*": 5}')
    count = whole(0, 1000)
    return {name: count(number) for name, number in value.items()}


def optional(read: Reader) -> Reader:
    """Read None as None, and anything else by *read*."""
    return lambda value: None if value is None else read(value)


def anything(value: Any) -> Any:
    """Take the value as it is; whoever uses it checks it."""
    return value


def _either(choices: tuple[str, ...]) -> str:
    quoted = [f'"{choice}"' for choice in choices]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
