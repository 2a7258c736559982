"""A Redis, or something in its place, that answers with what nobody asked for. STO-08."""

from __future__ import annotations

import pytest
from odd_redis import odd_redis

from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record
from flask_gosession.stores.registry import open_store


@pytest.mark.parametrize(
    "answer", [b":5\r\n", b"*1\r\n:1\r\n", b"%0\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n"]
)
def test_replies_of_an_unexpected_type(answer):
    """A reply of another type than the command has is an outage: no record, no swap, no crash."""
    with odd_redis(lambda connection, _command: connection.sendall(answer)) as port:
        store = open_store(f"redis://127.0.0.1:{port}/0")
        if answer != b"+OK\r\n":  # bytes, and too few for a record
            with pytest.raises(StoreUnavailable):
                store.load("ada")
        with pytest.raises(StoreUnavailable):
            store.swap("ada", None, Record(b"value", b"12345678"), 2e9)
        store.close()
