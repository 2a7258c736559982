"""Whether roles and permissions that a user has cover what a route asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from typing import Any


def granted(user: Any, kind: str) -> frozenset[str]:
    """Return what *user* has under the key or attribute *kind* (``roles``), or its singular (``role``)."""
    for name in (kind, kind[:-1]):
        value = user.get(name) if isinstance(user, Mapping) else getattr(user, name, None)
        if isinstance(value, (str, Enum)):
            return frozenset({_name(value)})
        if isinstance(value, Collection) and value:
            return frozenset(_name(one) for one in value)
    return frozenset()


def _name(one: object) -> str:
    return str(one.value if isinstance(one, Enum) else one)


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
