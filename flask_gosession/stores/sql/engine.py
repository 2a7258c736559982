"""An engine that gives up in time: bounded pool, bounded waits, one statement per transaction."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection

from flask_gosession.errors import ConfigError
from flask_gosession.stores import keepalive
from flask_gosession.stores.sql.driver_options import read_driver_options
from flask_gosession.stores.sql.pool import BoundedPool
from flask_gosession.stores.sql.reserve import CHECKPOINT_PAGES, Reserve
from flask_gosession.stores.sql.table import DIALECTS

log: logging.Logger = logging.getLogger("flask_gosession")

RECYCLE = 1800
CACHE = 512
"""KiB of pages that each connection to SQLite keeps; with SQLite's own 2 MiB, fifty connections would keep 100 MiB.

A read costs the same: what is read most fits, and the operating system has the rest.
"""
_FULL_WORDS = ("disk I/O error", "disk is full")
"""How SQLite reports a full disk; the first also stands for its shared memory, and for a broken disk."""
KEEPALIVES = {
    "keepalives_idle": keepalive.IDLE,
    "keepalives_interval": keepalive.INTERVAL,
    "keepalives_count": keepalive.COUNT,
}
"""TCP keepalive as libpq calls it, which switches it on by itself."""
CLIENT_SHARE = 1.2
"""The client waits a little longer than the server, to receive the server's own refusal."""


def parse_url(text: str) -> sa.URL:
    """Return the URL with its driver named. Raises ConfigError, which never repeats the URL: it may hold a password."""
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError):
        raise ConfigError("The URL of the SQL store cannot be parsed.") from None
    url = url.set(drivername=DIALECTS.get(url.drivername, url.drivername))
    if url.get_backend_name() not in DIALECTS:
        raise ConfigError(f"The SQL store knows {', '.join(DIALECTS)}, not {url.get_backend_name()}.")
    if url.get_backend_name() == "sqlite" and _is_in_memory(url):
        raise ConfigError("An SQLite database in memory belongs to one connection: name a file, or use memory://.")
    return url


def open_engine(url: sa.URL, *, timeout: float, pool_size: int) -> sa.Engine:
    """Return an engine with no call much longer than *timeout* seconds. Does not connect yet.

    Every statement of the store is a transaction of its own, so the engine is in autocommit: a check is one round
    trip, without BEGIN and ROLLBACK. Raises ConfigError, and ImportError if the driver is not installed.
    """
    try:
        plain, given = read_driver_options(url)
        engine = sa.create_engine(
            plain,
            connect_args={**_connect_args(url, timeout), **given},
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            hide_parameters=True,
            poolclass=BoundedPool,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=timeout,
            pool_recycle=RECYCLE,
            pool_use_lifo=True,
        )
    except (exc.ArgumentError, TypeError, ValueError) as error:
        raise ConfigError(f"The URL of the SQL store cannot be used: {error}") from error
    if engine.dialect.is_async:
        raise ConfigError(f"{url.drivername} is an asynchronous driver; the SQL store needs a synchronous one.")
    _tune(engine, timeout)
    return engine


def _is_in_memory(url: sa.URL) -> bool:
    return not url.database or ":memory:" in url.database or "memory" in url.query.get("mode", "")


def _connect_args(url: sa.URL, timeout: float) -> dict[str, Any]:
    """Return the driver's options that bound its waits; those in the URL are kept."""
    arguments = _BOUNDS.get(url.drivername.partition("+")[2], _no_bounds)(timeout, url.query)
    return {name: value for name, value in arguments.items() if name not in url.query or name == "options"}


def _bound_sqlite(timeout: float, _query: Mapping[str, Any]) -> dict[str, Any]:
    return {"timeout": timeout}


def _bound_psycopg(timeout: float, query: Mapping[str, Any]) -> dict[str, Any]:
    limit = round(timeout * 1000)
    settings = f"-c statement_timeout={limit} -c lock_timeout={limit} -c default_transaction_isolation=read\\ committed"
    return {
        "options": f"{settings} {query.get('options', '')}".strip(),
        "tcp_user_timeout": limit,
        # A pooler may give every transaction another connection, which lacks the statements prepared on the last one.
        "prepare_threshold": None,
        **KEEPALIVES,
    }


def _bound_pymysql(timeout: float, _query: Mapping[str, Any]) -> dict[str, Any]:
    patience = timeout * CLIENT_SHARE
    # Left out, "autocommit" costs two round trips per connection: one to end it, one to begin it again.
    return {"connect_timeout": patience, "read_timeout": patience, "write_timeout": patience, "autocommit": True}


def _no_bounds(_timeout: float, _query: Mapping[str, Any]) -> dict[str, Any]:
    log.warning("how to set the timeouts of this SQL driver is not known: if the server hangs, requests will hang")
    return {}


_BOUNDS: Mapping[str, Callable[[float, Mapping[str, Any]], dict[str, Any]]] = {
    "pysqlite": _bound_sqlite,
    "psycopg": _bound_psycopg,
    "pymysql": _bound_pymysql,
}


def _tune(engine: sa.Engine, timeout: float) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _make_private)
        make_room = Reserve(engine.url).release
        tuning = ("synchronous=FULL", f"wal_autocheckpoint={CHECKPOINT_PAGES}", f"cache_size=-{CACHE}")
        _on_connect(engine, *(f"PRAGMA {setting}" for setting in tuning), make_room=make_room)
    if engine.dialect.name in ("mysql", "mariadb"):
        # The wait for a lock is in whole seconds; only MariaDB takes less, and only it reads such a comment.
        _on_connect(
            engine,
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            f"SET SESSION innodb_lock_wait_timeout=1 /*M! , max_statement_time={timeout} */",
        )
    if engine.dialect.driver == "psycopg":
        connector = import_module("flask_gosession.stores.sql.psycopg").Connector(timeout * CLIENT_SHARE)
        event.listen(engine, "do_connect", lambda _d, _r, args, kwargs: connector.connect(*args, **kwargs))
    if engine.dialect.driver == "pymysql":
        connect = import_module("flask_gosession.stores.sql.pymysql").bounded_connection()
        event.listen(engine, "do_connect", lambda _d, _r, args, kwargs: connect(*args, **kwargs))


def _make_private(_dialect: object, _record: object, arguments: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Let SQLite find a file that only its owner may read; left to itself it makes one that everybody may."""
    if not options.get("uri"):
        with suppress(OSError):
            os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _on_connect(engine: sa.Engine, *statements: str, make_room: Callable[[], bool] = lambda: False) -> None:
    """Execute *statements* on each new connection; retry while the disk is full and *make_room* frees some room."""

    def execute(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            while not _fits(cursor, statement):
                if not make_room():
                    cursor.execute(statement)
        cursor.close()

    event.listen(engine, "connect", execute)


def _fits(cursor: Any, statement: str) -> bool:
    """Execute *statement*; return whether there was room for it: the first connection to SQLite makes two files."""
    try:
        cursor.execute(statement)
    except Exception as error:
        if not any(words in str(error) for words in _FULL_WORDS):
            raise
        return False
    return True
