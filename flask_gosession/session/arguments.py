"""Checks of arguments: each function returns its argument in its normal form, or raises and says what is right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, get_args

from flask_gosession import ids
from flask_gosession.durations import seconds_of, unix_time_of
from flask_gosession.errors import Reason
from flask_gosession.session.policy import OnLimit
from flask_gosession.session.record import LATEST

T = TypeVar("T")

_TRUE = ("on", "true", "1", "yes", "y", "t")
_FALSE = ("", "off", "false", "0", "no", "n", "f")
REASONS: tuple[Reason, ...] = get_args(Reason)
ON_LIMITS: tuple[OnLimit, ...] = get_args(OnLimit)


def read_remember(value: object) -> bool:
    """Return whether to remember: from a boolean, or from what a form sends for one, also as JSON (1, 0, None).

    Text counts in any case. Raises ValueError for anything else.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    word = str(value).lower() if isinstance(value, (str, int)) else None
    if word not in (*_TRUE, *_FALSE):
        raise ValueError(f"remember is a boolean, or what a form sends: {_quoted(_TRUE)}, or {_quoted(_FALSE)}")
    return word in _TRUE


def valid_reason(value: object) -> Reason:
    """Return the reason of an end. Raises ValueError unless it is one of `errors.Reason`."""
    for reason in REASONS:
        if value == reason:
            return reason
    raise ValueError(f"a reason is one of {_quoted(REASONS)}")


def valid_on_limit(value: object) -> OnLimit | None:
    """Return what a login does at its session limit; None leaves it to the policy. Raises ValueError otherwise."""
    for choice in ON_LIMITS:
        if value == choice:
            return choice
    if value is None:
        return None
    raise ValueError(f"on_limit is one of {_quoted(ON_LIMITS)}")


def valid_limit(value: object) -> int | None:
    """Return a number of sessions; None leaves it to the policy. Raises TypeError and ValueError otherwise."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"limit is a whole number of sessions, not {type(value).__name__}")
    if value < 0:
        raise ValueError("limit is a number of sessions, 0 or more")
    return value


def valid_lifetime(name: str, value: object, longest: float) -> float:
    """Return how long something lives, in seconds; *value* is a duration in any form.

    Raises TypeError, and ValueError unless it is within *longest*.
    """
    given = _read(seconds_of, name, value)
    if not 0 < given <= longest:
        raise ValueError(f"{name} is more than 0 and at most {longest:.0f} seconds, the longer absolute timeout")
    return given


def valid_seconds(name: str, value: object) -> float:
    """Return a duration in any form in seconds. Raises TypeError for other types, ValueError for less than 0."""
    return _not_negative(name, _read(seconds_of, name, value))


def valid_instant(name: str, value: object) -> float:
    """Return a Unix time, also from a datetime with a time zone. Raises TypeError and ValueError otherwise."""
    return _not_negative(name, _read(unix_time_of, name, value))


def valid_text(name: str, value: object) -> str:
    """Return a text that a record can hold. Raises TypeError for other types, ValueError if UTF-8 cannot encode it."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is a text, not {type(value).__name__}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name} is a text that UTF-8 can write") from None
    return value


def valid_sid(name: str, value: object) -> bytes:
    """Return a session id in its stored form. Raises TypeError for other types, ValueError for other text."""
    sid = ids.from_text(valid_text(name, value))
    if sid is None:
        raise ValueError(f"{name} is a session id: 22 letters, digits, - and _")
    return sid


def valid_mapping(name: str, value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return a mapping, empty for None. Raises TypeError for anything else."""
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping, not {type(value).__name__}")
    return value or {}


def valid_cookies(value: object) -> bool | None:
    """Return whether tokens go to the browser as cookies; None leaves it to the configuration. Raises TypeError."""
    if value is None or isinstance(value, bool):
        return value
    raise TypeError(f"cookies is True, False or None, not {type(value).__name__}")


def instance_of(kind: type[T], name: str, value: Any) -> T:
    """Return *value*. Raises TypeError unless it is a *kind*."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is a {kind.__name__}, not {type(value).__name__}")
    return value


def _read(reader: Callable[[object], float], name: str, value: object) -> float:
    try:
        return reader(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} {error}") from None


def _not_negative(name: str, seconds: float) -> float:
    if not 0 <= seconds <= LATEST:
        raise ValueError(f"{name} is a number of seconds from 0 to {LATEST:.0f}")
    return seconds


def _quoted(words: Collection[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)
