"""Databases: indexes, isolation, clocks, a pooler in between."""

from __future__ import annotations

import select
import socket
import socketserver
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import databases
import pytest
import servers
import sqlalchemy as sa
from cli.shop import make_shop

from doctor.conftest import Examine, severities
from flask_gosession.stores.sql import SQLStore
from flask_gosession.testing.clock import FakeClock

UNHURRIED = "timeout=5"


def test_a_missing_index_is_found(examine: Examine, tmp_path: Path):
    """Without its index every purge reads the whole table; the statement to paste makes it."""
    (tmp_path / "private").mkdir(mode=0o700)
    path = tmp_path / "private" / "sessions.db"
    assert severities(examine(f"sqlite:///{path}?{UNHURRIED}")) == {}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP INDEX gosession_subjects_expires")
    found = examine(f"sqlite:///{path}?{UNHURRIED}&create=false")
    assert severities(found) == {"sql.indexes": "warning"}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(found["sql.indexes"].fix)
    assert severities(examine(f"sqlite:///{path}?{UNHURRIED}&create=false")) == {}


def test_a_missing_table_is_found(examine: Examine, tmp_path: Path):
    """With create=false and no table nobody can sign in."""
    found = examine(f"sqlite:///{tmp_path}/empty.db?create=false&{UNHURRIED}")
    assert found["sql.table"].severity == "error"


def test_another_journal_is_found(examine: Examine, tmp_path: Path):
    """An SQLite database that is not in WAL mode is a warning."""
    path = tmp_path / "sessions.db"
    examine(f"sqlite:///{path}?{UNHURRIED}")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    assert examine(f"sqlite:///{path}?{UNHURRIED}&create=false")["sql.journal"].severity == "warning"


def test_a_purge_that_never_runs_is_found(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch):
    """Records that ended long ago and are still there show that nobody purges."""
    monkeypatch.setattr("flask_gosession.doctor.stores.LEFT", 3)
    shop = make_shop(f"sqlite:///{tmp_path}/sessions.db?{UNHURRIED}", clock, PURGE_INTERVAL=0)
    for number in range(3):
        shop.manager.login(f"user-{number}", lifetime=60)
    clock.advance(86_400 * 9)
    with shop.app.app_context():
        found = {one.check: one for one in reversed(shop.gosession.doctor())}
        assert found["store.purge"].severity == "warning"
        assert "flask gosession purge" in found["store.purge"].fix
        shop.run("purge")
        assert {one.check: one for one in shop.gosession.doctor()}["store.purge"].severity == "ok"


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of an empty database on each server that runs here."""
    if not databases.answers(request.param):
        pytest.skip(databases.without(request.param))
    with databases.own_database(request.param) as url:
        yield f"{url}?{UNHURRIED}"


def test_a_database_server_is_well(examine: Examine, server: str):
    """Isolation, index, clock and timeouts of a store that set itself up are right."""
    found = examine(server)
    assert severities(found) == {}
    assert {"sql.version", "sql.isolation", "sql.indexes", "sql.clock"} <= found.keys()


def test_a_clock_an_hour_off_is_found(server: str, clock: FakeClock):
    """A host whose clock is an hour ahead of the database is told so."""
    shop = make_shop(server, clock)
    clock.advance(3600)
    with shop.app.app_context():
        found = {one.check: one for one in reversed(shop.gosession.doctor())}
    shop.manager.close()
    assert found["sql.clock"].severity == "error"


def test_another_isolation_is_found(examine: Examine, server: str):
    """A ready engine that runs at another isolation level is a warning."""
    target = sa.make_url(server).difference_update_query(["timeout"])
    engine = sa.create_engine(target)

    @sa.event.listens_for(engine, "connect")
    def serializable(connection, _record):
        level = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE"
        with connection.cursor() as cursor:
            postgresql = engine.dialect.name == "postgresql"
            cursor.execute(level if postgresql else "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        connection.commit()

    found = examine(SQLStore(engine))
    engine.dispose()
    assert found["sql.isolation"].severity == "warning"


@contextmanager
def pooler(port: int) -> Iterator[int]:
    """Stand between a client and PostgreSQL as PgBouncer does: with a backend id of its own, and without options."""

    class Passage(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as upstream:
                self.pass_on(upstream)

        def pass_on(self, upstream: socket.socket) -> None:
            while True:
                for source in select.select([self.request, upstream], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is upstream:
                        self.request.sendall(self.other_pid(data))
                    else:
                        upstream.sendall(self.without_options(data))

        @staticmethod
        def other_pid(data: bytes) -> bytes:
            at = data.find(b"K\x00\x00\x00\x0c")
            return data if at < 0 else data[: at + 5] + b"\x00\x00\x00\x07" + data[at + 9 :]

        @staticmethod
        def without_options(data: bytes) -> bytes:
            """Rename the parameter to one that PostgreSQL takes for an empty extension setting."""
            return data.replace(b"-c statement_timeout=5000", b"-c my.statement_tim__=500")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Passage)
    server.daemon_threads = True
    with servers.serving(server):
        yield server.server_address[1]


def test_a_pooler_is_detected(examine: Examine):
    """A pooler is told by its backend id, and what it swallows by the timeout that is missing."""
    if not databases.answers("postgresql"):
        pytest.skip(databases.without("postgresql"))
    with databases.own_database("postgresql") as url:
        target = sa.make_url(url)
        with pooler(target.port or 5432) as port:
            through = target.set(host="127.0.0.1", port=port).update_query_dict({"timeout": "5", "sslmode": "disable"})
            found = examine(through.render_as_string(hide_password=False))
    assert found["sql.pooler"].severity == "advice"
    assert found["sql.timeouts"].severity == "warning"
