"""How the values of settings are read: each reader returns the normal form, or raises and says what is right.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask_gosession.durations import INSTANTS, seconds_of, spoken, unix_time_of
from flask_gosession.errors import BadClient
from flask_gosession.session.names import CLIENT_PATTERN

Reader = Callable[[Any], Any]

_LONGEST = 1e15
"""Seconds; neither infinity nor NaN is below it."""


LOCATIONS = ("header", "cookie", "query", "json")
LOCATION_ALIASES = {"headers": "header", "cookies": "cookie", "query_string": "query"}
"""The names that Flask-JWT-Extended has for them."""


def duration(least: float = 0.0, most: float = _LONGEST) -> Reader:
    """Read a timedelta, seconds, or text such as ``15m`` into seconds between *least* and *most*."""

    def read(value: Any) -> float:
        try:
            seconds = seconds_of(value)
        except TypeError as error:
            raise ValueError(error) from None
        if not least <= seconds <= most:
            raise ValueError(f"must be between {spoken(least)} and {spoken(most)}")
        return seconds

    return read


def moment(value: Any) -> float:
    """Read a datetime with its time zone, or text such as ``2027-01-31T00:00:00+00:00``, into a Unix time."""
    try:
        return unix_time_of(datetime.fromisoformat(value) if isinstance(value, str) else value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be {INSTANTS}, or text such as 2027-01-31T00:00:00+00:00") from error


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


def flag_or(word: str) -> Reader:
    """Read True, False or *word*."""

    def read(value: Any) -> bool | str:
        if isinstance(value, bool) or (isinstance(value, str) and value == word):
            return value
        raise ValueError(f'must be True, False or "{word}"')

    return read


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


def named(keys: tuple[str, ...], read_one: Reader) -> Reader:
    """Read a mapping of some of *keys* to what *read_one* reads."""

    def read(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping) or not all(key in keys for key in value):
            raise ValueError(f"must be a mapping of some of {_either(keys)}")
        return {key: read_one(one) for key, one in value.items()}

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
    try:
        found = texts(value)
    except ValueError:
        found = ("",)
    if not all(re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", origin) for origin in found):
        raise ValueError('must be a list of origins such as "https://id.example"')
    return found


def view(value: Any) -> str:
    """Read where a person is sent: an endpoint, a path on this host, or an address that begins with http(s)."""
    target = text(value)
    if not re.fullmatch(r"(?:/(?![/\\])|https?://[^/?#@\\\s]+)[^\\\s]*|[^/:?#\\\s]+", target):
        raise ValueError('must be an endpoint such as "pages.login", a path such as "/login", or an https:// address')
    return target


def views(value: Any) -> Mapping[str, str | None]:
    """Read a mapping of the names of blueprints to where a person is sent; None sends nobody."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise ValueError('must be a mapping of blueprints such as {"admin": "admin.login", "api": None}')
    read = optional(view)
    return {name: read(target) for name, target in value.items()}


def message(value: Any) -> Any:
    """Read None, text, text that is translated when it is shown, or a function that makes it."""
    if isinstance(value, (bool, int, float, bytes, bytearray, list, tuple, set, dict)):
        raise ValueError("must be text, or a function that takes the error and returns text")
    return value


def limits(value: Any) -> Mapping[str, int]:
    """Read a mapping of client class to number of sessions."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise ValueError('must be a mapping such as {"web": 1, "ios": 1, "*": 5}')
    count = whole(0, 1000)
    return {name: count(number) for name, number in value.items()}


def client_limits(value: Any) -> Mapping[str, int]:
    """Read limits by client class; a class that no login can have is an error."""
    read = limits(value)
    for name in read:
        if name != "*" and not re.fullmatch(CLIENT_PATTERN, name):
            raise ValueError(f"names {name!r}, which is not a client class; {BadClient.text}")
    return read


def locations(value: Any) -> tuple[str, ...]:
    """Read where tokens may come from: a list, or one word alone. Raises ValueError for other words."""
    words: tuple[str, ...] = some_of(*LOCATIONS, *LOCATION_ALIASES)(value)
    return tuple(dict.fromkeys(LOCATION_ALIASES.get(word, word) for word in words))


def audit(value: Any) -> Any:
    """Read None, a word or URL that names a sink, or a function."""
    named = value in ("logging", "sql") or (isinstance(value, str) and "://" in value)
    if value is None or value is False or value == "":
        return None
    if not named and not callable(value):
        raise ValueError('must be None, "logging", "sql", the URL of an SQL database, or a function of an entry')
    return value


def items(value: Any) -> tuple[Any, ...]:
    """Read a list of anything; one thing alone is a list of one."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def optional(read: Reader) -> Reader:
    """Read None as None, and anything else by *read*."""
    return lambda value: None if value is None else read(value)


def anything(value: Any) -> Any:
    """Take the value unchanged; its user checks it."""
    return value


def _either(choices: tuple[str, ...]) -> str:
    quoted = [f'"{choice}"' for choice in choices]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
