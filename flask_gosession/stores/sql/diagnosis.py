"""A look at a database: its settings for our connections, its clock, the table, and any pooler in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from flask_gosession.findings import Finding, ok
from flask_gosession.stores.disk import exposed_paths, space

DEAD_SHARE = 0.5
FEW_ROWS = 10_000
"""Fewer dead rows than this do not matter."""


def estimated_rows(dialect: str, table: str) -> sa.TextClause | None:
    """Return the query for the server's own estimate of the number of rows; None if it has none."""
    questions = {
        "postgresql": "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)",
        **dict.fromkeys(
            ("mysql", "mariadb"),
            "SELECT table_rows FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = :name",
        ),
    }
    question = questions.get(dialect)
    return None if question is None else sa.text(question).bindparams(name=table)


def diagnose(connection: sa.Connection, table: sa.Table, now: float, tolerance: float) -> Iterator[Finding]:
    """Look at the database behind *connection*, which is in autocommit. Raises SQLAlchemyError."""
    dialect = connection.dialect.name
    yield ok("sql.version", f"This is {dialect} {_version(connection)}.")
    yield from _table(connection, table)
    for check in _CHECKS[dialect]:
        yield from check(connection, table)
    if dialect in _CLOCKS:
        yield _clock(float(connection.execute(sa.text(_CLOCKS[dialect])).scalar_one()) - now, tolerance)


_CLOCKS = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    **dict.fromkeys(("mysql", "mariadb"), "SELECT unix_timestamp(now(6))"),
}


def _version(connection: sa.Connection) -> str:
    return ".".join(str(part) for part in connection.dialect.server_version_info or ("of unknown version",))


def _clock(skew: float, tolerance: float) -> Finding:
    if abs(skew) <= tolerance:
        return ok("sql.clock", f"The clocks of the database and of this host are {abs(skew):.1f} s apart.")
    return Finding(
        "sql.clock",
        "error",
        f"The clock of the database is {abs(skew):,.0f} s off this host's; {tolerance:g} s are allowed for.",
        "One of the two is wrong, and sessions end by this host's: too early, or too late.",
        "timedatectl set-ntp true  # on both hosts",
    )


def _table(connection: sa.Connection, table: sa.Table) -> Iterator[Finding]:
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name):
        fix = "Run what `SQLStore.ddl` returns, or leave out create=false."
        yield Finding("sql.table", "error", f"There is no table {table.name}.", "Nobody can sign in.", fix)
        return
    found = {tuple(index["column_names"]) for index in inspector.get_indexes(table.name)}
    if ("expires_at",) in found:
        yield ok("sql.indexes", f"The table {table.name} has its index.")
        return
    yield Finding(
        "sql.indexes",
        "warning",
        f"The table {table.name} has no index on expires_at.",
        "Each purge reads the whole table.",
        f"CREATE INDEX {table.name}_expires ON {table.name} (expires_at)",
    )


def _isolation(setting: str) -> Callable[[sa.Connection, sa.Table], Iterator[Finding]]:
    def check(connection: sa.Connection, _table: sa.Table) -> Iterator[Finding]:
        level = str(connection.exec_driver_sql(setting).one()[-1]).lower().replace("-", " ")
        if level == "read committed":
            yield ok("sql.isolation", "Statements run at read committed.")
            return
        yield Finding(
            "sql.isolation",
            "warning",
            f"Statements run at {level}.",
            "A swap that waited for another one may fail with 503 instead of trying again.",
            "Leave the isolation level to the store, or set it to read committed.",
        )

    return check


def _timeouts(connection: sa.Connection, _table: sa.Table) -> Iterator[Finding]:
    if connection.dialect.driver != "psycopg":
        return
    if connection.exec_driver_sql("SHOW statement_timeout").scalar() != "0":
        yield ok("sql.timeouts", "The database bounds our statements.")
        return
    yield Finding(
        "sql.timeouts",
        "warning",
        "The database does not bound our statements: statement_timeout is 0.",
        "The store asks for a bound when it connects; PgBouncer drops it with ignore_startup_parameters = options.",
        "ALTER ROLE <user> SET statement_timeout = '250ms'; ALTER ROLE <user> SET lock_timeout = '250ms'",
    )


def _pooler(connection: sa.Connection, _table: sa.Table) -> Iterator[Finding]:
    driver: Any = connection.connection.driver_connection
    told = getattr(getattr(driver, "info", None), "backend_pid", None)
    if told is None or told == connection.exec_driver_sql("SELECT pg_backend_pid()").scalar():
        return
    yield Finding(
        "sql.pooler",
        "advice",
        "There is a pooler such as PgBouncer between the store and the database.",
        "Each statement of the store is a transaction of its own, so every mode of pooling works; but settings "
        "made at the start of a connection, such as timeouts, may be lost.",
        "Check that sql.timeouts is well; else set the timeouts for the role.",
    )


def _dead_rows(connection: sa.Connection, table: sa.Table) -> Iterator[Finding]:
    statement = "SELECT n_live_tup, n_dead_tup FROM pg_stat_user_tables WHERE relid = to_regclass(:name)"
    row = connection.execute(sa.text(statement).bindparams(name=table.name)).first()
    live, dead = row or (0, 0)
    if dead > FEW_ROWS and dead > DEAD_SHARE * live:
        yield Finding(
            "sql.bloat",
            "warning",
            f"The table {table.name} has {dead:,} dead rows for {live:,} live ones.",
            "Records are rewritten often; autovacuum does not keep up, and reads get slower.",
            f"ALTER TABLE {table.name} SET (autovacuum_vacuum_scale_factor = 0.05); VACUUM {table.name}",
        )


def _sqlite(connection: sa.Connection, _table: sa.Table) -> Iterator[Finding]:
    path = Path(str(connection.engine.url.database))
    files = (each for each in (path, Path(f"{path}-wal")) if each.exists())
    found = list(exposed_paths("sql", files, fix=f"chmod 600 {path}*"))
    yield from found or [ok("sql.permissions", f"Only this user may read and write {path}.")]
    yield space("sql", path.parent)
    mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
    if mode != "wal":
        why = "Readers wait for writers, and time out when there are many."
        yield Finding("sql.journal", "warning", f"SQLite's journal is in mode {mode}.", why, "PRAGMA journal_mode=WAL")


_Check = Callable[[sa.Connection, sa.Table], Iterator[Finding]]
_MY_ISOLATION = "SHOW VARIABLES WHERE variable_name IN ('tx_isolation', 'transaction_isolation')"
_CHECKS: Mapping[str, tuple[_Check, ...]] = {
    "sqlite": (_sqlite,),
    "postgresql": (_isolation("SHOW transaction_isolation"), _timeouts, _pooler, _dead_rows),
    **dict.fromkeys(("mysql", "mariadb"), (_isolation(_MY_ISOLATION),)),
}
