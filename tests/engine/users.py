"""Users as loaders return them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import msgspec


@dataclass
class Person:
    """A user as a dataclass."""

    id: str
    key: uuid.UUID


class Customer(msgspec.Struct):
    """A user as a Struct."""

    id: str
    roles: list[str]


class Row:
    """What an ORM returns: an object with state of its own."""

    def __init__(self, id: str) -> None:  # noqa: A002
        self.id = id


KEY = uuid.UUID(int=7)
