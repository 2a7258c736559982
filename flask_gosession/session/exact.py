"""Whether a value comes back from the store unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import msgspec


def changed_type(given: Any, back: Any) -> str | None:
    """Return the name of the first type in *given* that the store would give back as something else, or None.

    A datetime with a time zone comes back as the same instant, in UTC; where a class says float, 1 may become 1.0.
    """
    kind = type(given)
    if kind is not type(back):
        return None if {kind, type(back)} == {int, float} and given == back else kind.__name__
    for one, other in _inside(given, back):
        found = changed_type(one, other)
        if found:
            return found
    if kind in (dict, list, tuple) or _has_fields(given):
        return None if _shape(given) == _shape(back) else kind.__name__
    is_naive = isinstance(given, datetime) and (given.tzinfo is None) != (back.tzinfo is None)
    return kind.__name__ if is_naive or not (given == back or given != given) else None


def _inside(given: Any, back: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the values at the same place in both."""
    if isinstance(given, dict):
        yield from ((value, back[key]) for key, value in given.items() if key in back)
    elif isinstance(given, (list, tuple)):
        yield from zip(given, back, strict=False)
    elif _has_fields(given):
        yield from ((getattr(given, name), getattr(back, name)) for name in _names(given))


def _shape(value: Any) -> Any:
    return frozenset(value) if isinstance(value, Mapping) else len(value) if isinstance(value, (list, tuple)) else None


def _has_fields(value: Any) -> bool:
    return isinstance(value, msgspec.Struct) or is_dataclass(value)


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    return tuple(one.name for one in fields(value))
