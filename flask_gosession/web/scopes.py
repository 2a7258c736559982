"""Whether roles and permissions that a user has cover what a route asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from typing import Any


def granted(user: Any, kind: str) -> frozenset[str]:
    """Return what *user* has under the key or attribute *kind* (``roles``), or its singular (``role``).

    That is text, an enumeration of texts, or a collection of these. Anything else grants nothing, least of all a
    mapping, whose values may switch its keys off.
    """
    for name in (kind, kind[:-1]):
        value = user.get(name) if isinstance(user, Mapping) else getattr(user, name, None)
        names = frozenset(filter(None, map(_name, _each(value))))
        if names:
            return names
    return frozenset()


def _each(value: object) -> Collection[object]:
    if isinstance(value, Collection) and not isinstance(value, (str, Mapping)):
        return value
    return (value,)


def _name(one: object) -> str | None:
    """Return *one* as a name, or None if it is not one."""
    given = one.value if isinstance(one, Enum) else one
    return str(given) if isinstance(given, str) else None


def includes(held: Collection[str], kind: str, wanted: str) -> bool:
    """Whether what is *held* includes *wanted*: a role by its exact name, a permission also by a pattern."""
    return wanted in held if kind == "roles" else covers(held, wanted)


def covers(held: Iterable[str], wanted: str) -> bool:
    """Whether one of *held* is *wanted*, or a pattern of it: ``orders:*`` covers ``orders:read`` and all below.

    Segments are separated by ``:``; a ``*`` stands for one segment, and at the end for all that follow.
    """
    asked = wanted.split(":")
    return any(_matches(pattern.split(":"), asked) for pattern in held)


def _matches(pattern: list[str], asked: list[str]) -> bool:
    if pattern[-1] == "*":
        asked = asked[: len(pattern)]
    return len(pattern) == len(asked) and all(p in ("*", a) for p, a in zip(pattern, asked, strict=True))
