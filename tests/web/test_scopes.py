"""Roles and permissions: what a user has, and what that covers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

import pytest

from flask_gosession.web.scopes import covers, granted


class Role(Enum):
    """Roles as an enumeration."""

    ADMIN = "admin"
    CLERK = "clerk"


class TextRole(str, Enum):
    """Roles as an enumeration of texts."""

    ADMIN = "admin"


class Level(Enum):
    """What is no name of a role."""

    ADMIN = 1


@dataclass
class Person:
    """A user with attributes."""

    role: object = None
    permissions: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("user", "held"),
    [
        ({"roles": ["admin", "clerk"]}, {"admin", "clerk"}),
        ({"roles": {"admin"}}, {"admin"}),
        ({"roles": ("admin",)}, {"admin"}),
        ({"roles": "admin"}, {"admin"}),
        ({"role": "admin"}, {"admin"}),
        ({"roles": [], "role": "admin"}, {"admin"}),
        ({"roles": [Role.ADMIN, TextRole.ADMIN]}, {"admin"}),
        ({"role": Role.CLERK}, {"clerk"}),
        ({"role": TextRole.ADMIN}, {"admin"}),
        (Person("admin"), {"admin"}),
        (Person(), set()),
        ({"roles": None}, set()),
        ({"roles": 7}, set()),
        ({"roles": {"admin": False}}, set()),
        ({"roles": MappingProxyType({"admin": True})}, set()),
        ({"roles": [{"admin": True}]}, set()),
        ({"roles": [["admin"]]}, set()),
        ({"roles": [None, True, 7, b"admin", ""]}, set()),
        ({"roles": b"admin"}, set()),
        ({"roles": Level.ADMIN}, set()),
        ({"roles": {"admin": False}, "role": "clerk"}, {"clerk"}),
        (Person({"admin": True}), set()),
        ({}, set()),
        (None, set()),
    ],
)
def test_roles_are_found_where_they_are(user, held):
    """`roles` or `role`, under a key or as an attribute, one or many, text or enumeration; anything else is no role."""
    assert granted(user, "roles") == held


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ("orders:read", "orders:read"),
        ("orders:*", "orders:read"),
        ("orders:*", "orders:read:mine"),
        ("*", "orders:read"),
        ("*:read", "orders:read"),
        ("orders:*:mine", "orders:read:mine"),
        ("orders:*:*", "orders:read:mine:today"),
    ],
)
def test_a_pattern_covers(held, wanted):
    """A star stands for one segment, and at the end for all that follow."""
    assert covers([held], wanted)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ("orders:read", "orders:write"),
        ("orders:read", "orders"),
        ("orders", "orders:read"),
        ("orders:*", "orders"),
        ("orders:*", "ordersx:read"),
        ("order*", "orders:read"),
        ("*:read", "orders:write"),
        ("*:read", "orders:items:read"),
        ("orders:*:mine", "orders:read:yours"),
        ("orders:read", "orders:*"),
        ("", "orders:read"),
        ("ORDERS:READ", "orders:read"),
    ],
)
def test_nothing_more_is_covered(held, wanted):
    """What is not the same segment by segment is not covered; a star in a demand is no pattern."""
    assert not covers([held], wanted)


def test_one_of_many_is_enough():
    """Any held scope may cover the demand; nobody holds nothing."""
    assert covers(["a", "orders:*"], "orders:read")
    assert not covers([], "orders:read")
