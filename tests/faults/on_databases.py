"""What is done to PostgreSQL, MariaDB and SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress

import servers
import sqlalchemy as sa

from .on_servers import repeated
from .runs import Scene

DROP_ALL = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'",
    "mysql": "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND user = 'root'",
}

RIVALS = ("INSERT INTO rivals VALUES (1, 0)", "INSERT INTO rivals VALUES (2, 0)")
_TWO = "UPDATE rivals SET n = n + 1 WHERE id = {}; {} UPDATE rivals SET n = n + 1 WHERE id = {};"


def _either_way(wait: str, chance: str) -> str:
    return f"IF {chance} < 0.5 THEN {_TWO.format(1, wait, 2)} ELSE {_TWO.format(2, wait, 1)} END IF;"


COLLISIONS = {
    "postgresql": (
        (
            "CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            + _either_way("PERFORM pg_sleep(0.02);", "random()")
            + " RETURN NEW; END $$",
            "CREATE TRIGGER collide BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION collide()",
        ),
        ("DROP TRIGGER collide ON {table}", "DROP FUNCTION collide"),
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    ),
    "mysql": (
        tuple(
            f"CREATE TRIGGER collide_{when} BEFORE {when} ON {{table}} FOR EACH ROW BEGIN "
            + _either_way("DO SLEEP(0.02);", "RAND()")
            + " END"
            for when in ("insert", "update")
        ),
        ("DROP TRIGGER collide_insert", "DROP TRIGGER collide_update"),
        "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'",
    ),
}
"""Statements that make the triggers, statements that drop them, and one that counts deadlocks."""


def _beside(scene: Scene) -> sa.Engine:
    """Return an engine beside the app's, by which each statement is a transaction."""
    return sa.create_engine(scene.stage.direct, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)


def dropped(scene: Scene) -> AbstractContextManager[None]:
    """Let the server end every connection, again and again."""
    engine = _beside(scene)

    def drop() -> None:
        with engine.connect() as connection:
            found = connection.exec_driver_sql(DROP_ALL[connection.dialect.name]).scalars().all()
            for one in found if connection.dialect.name == "mysql" else ():
                with suppress(sa.exc.OperationalError):  # it has gone meanwhile
                    connection.exec_driver_sql(f"KILL {one}")

    return repeated(drop, 0.3)


@contextmanager
def crowded(scene: Scene) -> Iterator[None]:
    """Take every connection that the server has left, and whatever gets free."""
    engine = _beside(scene)
    with ExitStack() as held:

        def take() -> None:
            with suppress(sa.exc.OperationalError):
                held.enter_context(engine.connect())

        with repeated(take, 0.005):
            yield


def _table(engine: sa.Engine) -> str:
    (table,) = [name for name in sa.inspect(engine).get_table_names() if "gosession" in name]
    return table


@contextmanager
def colliding(scene: Scene) -> Iterator[None]:
    """Let every write lock two more rows, in this order or in that: writers get into each other's deadlocks."""
    engine = _beside(scene)
    table, (make, drop, count) = _table(engine), COLLISIONS[engine.dialect.name]
    with engine.connect() as connection:
        for statement in ("CREATE TABLE rivals (id INTEGER PRIMARY KEY, n INTEGER)", *RIVALS, *make):
            connection.exec_driver_sql(statement.format(table=table).replace("%", "%%"))
        before = connection.exec_driver_sql(count).scalar_one()
        yield
        for statement in drop:
            connection.exec_driver_sql(statement.format(table=table))
        servers.wait_until(lambda: connection.exec_driver_sql(count).scalar_one() > before, "a deadlock", 5)
        connection.exec_driver_sql("DROP TABLE rivals")


@contextmanager
def rows_locked(scene: Scene) -> Iterator[None]:
    """Hold a lock on every record."""
    engine = sa.create_engine(scene.stage.direct, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT * FROM {_table(engine)} FOR UPDATE").all()
        yield


@contextmanager
def file_locked(scene: Scene) -> Iterator[None]:
    """Hold the lock on a SQLite database."""
    with closing(sqlite3.connect(scene.stage.server, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
