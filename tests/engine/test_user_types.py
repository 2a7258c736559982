"""What a user loader may return, and what the view is handed for it."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from enum import Enum
from typing import Any, TypedDict
from uuid import UUID

import pytest

from .users import KEY, Customer, Person, Row


class Colour(str, Enum):
    """A word that is more than text."""

    RED = "red"


class Account(TypedDict):
    """A user as a typed dict."""

    id: str


def person(subject: str) -> Person | None:
    return Person(subject, KEY)


def account(subject: str) -> Account:
    return {"id": subject}


def plain(subject: str) -> dict[str, Any]:
    return {"id": subject}


LOADERS = {
    "dict": lambda subject: {"id": subject, "since": dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc)},
    "dataclass": lambda subject: Person(subject, KEY),
    "annotated dataclass": person,
    "Struct": lambda subject: Customer(subject, ["admin"]),
    "typed dict": account,
}


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
def test_hit_and_miss_give_the_same(make, any_store, loader):
    """A user is of one type and value, whether the loader was asked or the store."""
    users = make(any_store, user_loader=loader).users
    miss, hit = users.load("ada"), users.load("ada")
    assert type(hit) is type(miss) is type(loader("ada"))
    assert hit == miss == loader("ada")


@pytest.mark.parametrize("loader", [person, account, plain])
def test_a_declared_type_is_read_without_a_load(make, loader):
    """A process that has never asked an annotated loader still reads what another one has cached."""
    make(user_loader=loader).users.load("ada")
    fresh = make(user_loader=loader)
    fresh.users.use(_forbidden(loader))
    assert fresh.users.load("ada") == loader("ada")


def _forbidden(loader):
    def load(subject):
        raise AssertionError("asked")

    load.__annotations__ = loader.__annotations__
    load.__wrapped__ = loader
    return load


def test_an_orm_object_is_loaded_each_time_with_one_line_of_advice(make, store, caplog):
    """A row works at once, is never kept, and the log says once what to return instead."""
    caplog.set_level("INFO", "flask_gosession")
    users = make(user_loader=Row).users
    assert isinstance(users.load("ada"), Row)
    assert users.load("ada") is not users.load("ada")
    assert store.count("swap") == 0
    advice = [one.getMessage() for one in caplog.records if "user loader" in one.getMessage()]
    assert len(advice) == 1
    assert "Row" in advice[0]
    assert "dataclass" in advice[0]


ODD = [
    {"row": Row("ada")},
    {1: "one"},
    {"n": 2**70},
    {"s": "\ud800"},
    {"born": dt.date(1815, 12, 10)},
    {"key": UUID(int=1)},
    {"balance": Decimal("1.50")},
    {"roles": ("a", "b")},
    {"roles": {"a"}},
    {"since": dt.datetime(2030, 1, 1)},  # noqa: DTZ001 - that is the point
    {"colour": Colour.RED},
    {"list": [{"deep": (1,)}]},
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_what_would_not_come_back_as_it_is_is_not_kept(make, store, odd):
    """A dict with something in it that the store would change, or not give back, is handed on as it was loaded."""
    users = make(user_loader=lambda _: odd).users
    assert users.load("ada") is odd
    assert users.load("ada") is odd
    assert store.count("swap") == 0


SAME = [
    {"text": "é", "bytes": b"x", "n": 1, "float": 1.5, "none": None, "yes": True, "list": [1, [2]], "dict": {"a": {}}},
    {"since": dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc), "nan": float("inf")},
    Person("ada", KEY),
]


@pytest.mark.parametrize("user", SAME, ids=range(len(SAME)))
def test_what_comes_back_is_what_went_in(make, user):
    """What is kept has the same types on a hit as on a miss."""
    asked = []
    users = make(user_loader=lambda subject: asked.append(subject) or user).users
    for _ in range(3):
        found = users.load("ada")
        assert found == user
        assert type(found) is type(user)
    assert asked == ["ada"]


def test_a_second_type_of_user_is_not_kept(make):
    """Read back as the first type it would lose its fields without a word."""
    users = make(user_loader=lambda subject: Person(subject, KEY) if subject == "ada" else Customer(subject, [])).users
    users.load("ada")
    assert users.load("bob") == users.load("bob") == Customer("bob", [])


def test_a_row_is_never_given_to_another_thread(make):
    """Two threads that ask at once get a row each: one that belongs to the session of another would fail there."""
    begun, ended = threading.Event(), threading.Event()
    rows = []

    def loader(subject):
        row = Row(subject)
        rows.append(row)
        if len(rows) == 1:
            begun.set()
            ended.wait(10)
        return row

    users = make(user_loader=loader).users
    with ThreadPoolExecutor() as pool:
        first = pool.submit(users.load, "ada")
        begun.wait(10)
        second = pool.submit(users.load, "ada")
        ended.set()
        assert first.result(10) is not second.result(10)


def test_without_a_cache_anything_goes(make, store):
    """With USER_TTL = 0 the loader is asked each time, may return any object, and nothing is stored."""
    users = make(user_loader=Row, user_ttl=0).users
    assert isinstance(users.load("ada"), Row)
    assert users.load("ada") is not users.load("ada")
    assert store.count("swap") == 0


def test_a_new_class_loads_again(make):
    """Info that was cached in the form of an older release no longer fits, and is loaded again."""
    make(user_loader=lambda subject: {"id": subject}).users.load("ada")
    assert make(user_loader=person).users.load("ada") == Person("ada", KEY)


def test_subjects_may_be_numbers(make):
    """A user id of int is the subject of its digits, for users as for logins."""
    users = make(user_loader=lambda subject: {"id": subject}).users
    assert users.load(7) == {"id": "7"}
    assert users.refresh([7]) == {"7": {"id": "7"}}
    users.forget(7)
