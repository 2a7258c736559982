"""What a user loader may return, and what the view is handed for it."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypedDict

import pytest

from .users import KEY, Customer, Person, Row


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


def test_an_orm_object_is_refused_with_advice(make):
    """What is not plain data fails at the first load, and the sentence says what to return instead."""
    users = make(user_loader=Row).users
    with pytest.raises(TypeError, match=r"Row.*dataclass.*GOSESSION_USER_TTL = 0"):
        users.load("ada")


@pytest.mark.parametrize("odd", [{"row": Row("ada")}, {1: "one"}, {"n": 2**70}, {"s": "\ud800"}])
def test_a_value_that_cannot_come_back_is_refused(make, store, odd):
    """A dict with something in it that the store could not give back is refused, and nothing is written."""
    users = make(user_loader=lambda _: odd).users
    with pytest.raises(TypeError, match="The user loader returned"):
        users.load("ada")
    assert store.count("swap") == 0


def test_a_loader_of_two_types_is_refused(make):
    """A second type of user is an error: read back as the first type it would lose its fields without a word."""
    users = make(user_loader=lambda subject: Person(subject, KEY) if subject == "ada" else Customer(subject, [])).users
    users.load("ada")
    with pytest.raises(TypeError, match="Customer where Person is expected"):
        users.load("bob")


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
