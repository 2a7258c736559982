"""How the SQL store's statements are carried out: touches in place, purges by key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import databases
import pytest
import servers
import sqlalchemy as sa

from flask_gosession import ids
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record
from flask_gosession.stores.sql import SQLStore
from flask_gosession.stores.sql import store as sql_store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.tokens.opaque import OpaqueCodec

HOUR = 3600.0
TOUCHES = 200


def store_on(name: str) -> Iterator[SQLStore]:
    if not databases.answers(name):
        pytest.skip(databases.without(name))
    with databases.own_database(name) as url:
        store = SQLStore.from_url(f"{url}?timeout=5")
        yield store
        store.close()


@pytest.fixture
def postgresql() -> Iterator[SQLStore]:
    yield from store_on("postgresql")


@pytest.fixture(params=list(databases.SERVERS))
def store(request: pytest.FixtureRequest) -> Iterator[SQLStore]:
    yield from store_on(request.param)


def test_touches_are_updates_in_place(postgresql):
    """Uses of a session a minute apart are HOT updates in PostgreSQL: no index is written for them."""
    clock = FakeClock()
    manager = SessionManager(postgresql, OpaqueCodec(bytes(32)), clock=clock)
    token = manager.login("ada").access_token
    for _ in range(TOUCHES):
        clock.advance(61)
        manager.check(token)
    postgresql._engine.dispose()
    engine = sa.create_engine(postgresql._engine.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        asked = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables"

        def updates() -> tuple[int, int]:
            return tuple(connection.exec_driver_sql(asked).one())

        servers.wait_until(lambda: updates()[0] >= TOUCHES, "statistics of all touches")
        assert updates()[1] >= 0.9 * TOUCHES


def test_a_purge_goes_by_the_primary_key(store):
    """A purge finds what has ended by the index of the ends, and deletes it by the primary key, as every write does."""
    past, future = time.time() - 2 * HOUR, time.time() + 1000 * HOUR
    rows = [
        {"id": number.to_bytes(32, "big"), "subject": b"x", "etag": ids.new_etag(), "value": b"v", "expires_at": end}
        for number in range(3000)
        for end in [past if number % 100 == 0 else future + number]
    ]
    with store._engine.connect() as connection:
        connection.execute(store._table.insert(), rows)
        analyse = "ANALYZE TABLE" if connection.dialect.name != "postgresql" else "ANALYZE"
        connection.exec_driver_sql(f"{analyse} {store._table.name}")
    plans: list[str] = []

    @sa.event.listens_for(store._engine, "before_cursor_execute")
    def explain(connection, _cursor, statement, parameters, _context, _many) -> None:
        if statement.startswith(("SELECT", "DELETE")) and not plans_of(statement):
            with sa.create_engine(store._engine.url, poolclass=sa.NullPool).connect() as other:
                cursor = other.connection.cursor()
                cursor.execute(f"EXPLAIN {statement}", parameters)
                plans.append(f"{statement[:6]} {cursor.fetchall()}")

    def plans_of(statement: str) -> list[str]:
        return [plan for plan in plans if plan.startswith(statement[:6])]

    assert store.purge(time.time()) == 30
    (found,), (deleted,) = plans_of("SELECT"), plans_of("DELETE")
    key = "PRIMARY" if store._engine.dialect.name != "postgresql" else "gosession_subjects_pkey"
    assert "gosession_subjects_expires" in found
    assert key in deleted
    assert "'gosession_subjects_expires'," not in deleted.replace("possible", "")


def test_a_purge_finds_many_and_deletes_some_at_a_time(store, monkeypatch):
    """One read finds what several transactions delete, and what is over the limit stays."""
    monkeypatch.setattr(sql_store, "FOUND", 20)
    monkeypatch.setattr(sql_store, "CHUNK", 8)
    for number in range(50):
        store.swap(str(number), None, Record(b"v", ids.new_etag()), time.time() - 2 * HOUR)
    statements: list[str] = []
    sa.event.listen(store._engine, "before_cursor_execute", lambda *told: statements.append(told[2][:6]))
    assert store.purge(time.time(), 45) == 45
    assert [name for name in statements if name in ("SELECT", "DELETE")] == [
        *["SELECT", *["DELETE"] * 3] * 2,
        *["SELECT", "DELETE"],
    ]
    assert len(list(store.subjects())) == 5


def test_a_column_of_another_type(tmp_path):
    """A value that is not bytes, as another version of a table may have, is an outage and not a crash."""
    store = SQLStore.from_url(f"sqlite:///{tmp_path}/a.db")
    store.swap("ada", None, Record(b"value", b"12345678"), time.time() + HOUR)
    rows: Any = [type("Row", (), {"value": 5, "etag": "text"})()]
    store._read = lambda _statement: rows
    with pytest.raises(StoreUnavailable):
        store.load("ada")
    store.close()
