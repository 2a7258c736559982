"""Writers of one process take turns in the order in which they come, and wait for so long only."""

from __future__ import annotations

import threading

import pytest
import servers
from sqlalchemy.exc import TimeoutError as TookTooLong

from flask_gosession.stores.registry import open_store
from flask_gosession.stores.sql_turns import Turns


def test_one_at_a_time_in_order():
    """Whoever came first is next."""
    turns, order = Turns(10), []

    def write(number):
        with turns:
            order.append(number)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(10)]
    with turns:
        for number, writer in enumerate(writers):
            writer.start()
            servers.wait_until(lambda expected=number + 1: len(turns._waiting) == expected, "a waiting writer")
        assert order == []
    for writer in writers:
        writer.join()
    assert order == list(range(10))


def test_waiting_has_an_end():
    """Who waits in vain is told so, holds nothing, and leaves the turn to others."""
    turns = Turns(0.01)
    with turns:
        with pytest.raises(TookTooLong), turns:
            pass
        assert not turns._waiting
    with turns:
        pass


def test_a_failing_write_ends_its_turn():
    """A write that raises does not keep the others out."""
    turns = Turns(0.01)
    with pytest.raises(ZeroDivisionError), turns:
        1 / 0  # noqa: B018 - it raises
    with turns:
        pass


def test_only_sqlite_needs_turns(tmp_path):
    """The turns of an SQLite store wait as long as its URL says; a server orders its writers itself."""
    store = open_store(f"sqlite:///{tmp_path}/x.sqlite?timeout=1.5")
    assert store._turns.patience == 1.5
    store.close()
    server = open_store("postgresql+psycopg://127.0.0.1:1/x?create=false")
    assert server._turns is None
    server.close()
