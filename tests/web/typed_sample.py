"""Read by type checkers, never run: what a loader returns is what views see."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from flask import Flask
from typing_extensions import assert_type

from flask_gosession import CurrentSession, GoSession, TokenPair


@dataclass
class Person:
    """A user as a dataclass."""

    name: str


class Row(msgspec.Struct):
    """A user as a Struct."""

    name: str


def load_person(subject: str) -> Person | None:
    return Person(subject) if subject else None


def load_row(subject: str) -> Row:
    return Row(subject)


def load_dict(subject: str) -> dict[str, int] | None:
    return {subject: 1}


async def load_later(subject: str) -> Person | None:
    return Person(subject)


people = GoSession(user_loader=load_person)
rows = GoSession(Flask(__name__), user_loader=load_row)
dicts = GoSession(user_loader=load_dict)
later = GoSession(name="admin", user_loader=load_later)
untyped = GoSession(Flask(__name__))

assert_type(people, GoSession[Person])
assert_type(people.current_user, Person)
assert_type(rows.current_user, Row)
assert_type(dicts.current_user, dict[str, int])
assert_type(later.current_user, Person)


@people.login_required
def plain(number: int) -> str:
    return people.current_user.name + str(number)


@people.login_required(optional=True)
def guest(number: int) -> str:
    return str(number)


@people.roles_required("chief")
async def awaited(number: int) -> str:
    return str(number)


@people.user_loader
def load_again(subject: str) -> Person | None:
    return None


assert_type(plain(1), str)
assert_type(guest(1), str)
assert_type(load_again("ada"), "Person | None")
assert_type(people.login_user("ada", client="ios", lifetime=3600), TokenPair)
assert_type(people.current_session, CurrentSession)
assert_type(people.current_session.subject, str)

plain("one")  # wrong: not a number
_ = people.current_user.nmae  # wrong: no such field
GoSession(user_loader=lambda: None)  # wrong: a loader takes the subject
