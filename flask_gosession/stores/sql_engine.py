"""An engine that gives up in time: bounded pool, bounded waits, one statement a transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection

from flask_gosession.errors import ConfigError
from flask_gosession.stores.sql_table import DIALECTS

log = logging.getLogger("flask_gosession")

RECYCLE = 1800
CLIENT_SHARE = 1.2
"""The client waits a little longer than the server, so that the server's own refusal is heard."""


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
    """Return an engine of which no call takes much longer than *timeout* seconds. Connects to nothing yet.

    Every statement of the store is a transaction of its own, so the engine is in autocommit: a check is one round
    trip, without BEGIN and ROLLBACK. Raises ConfigError, and ImportError where the driver is not installed.
    """
    try:
        engine = sa.create_engine(
            url,
            connect_args=_connect_args(url, timeout),
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            hide_parameters=True,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=timeout,
            pool_recycle=RECYCLE,
            pool_use_lifo=True,
        )
    except (exc.ArgumentError, TypeError) as error:
        raise ConfigError(f"The URL of the SQL store cannot be used: {error}") from error
    if engine.dialect.is_async:
        raise ConfigError(f"{url.drivername} is an asynchronous driver; the SQL store needs a synchronous one.")
    _tune(engine, timeout)
    return engine


def _is_in_memory(url: sa.URL) -> bool:
    return not url.database or ":memory:" in url.database or "memory" in url.query.get("mode", "")


def _connect_args(url: sa.URL, timeout: float) -> dict[str, Any]:
    """Return what bounds the driver's waits; what the URL says itself is left alone."""
    arguments = _BOUNDS.get(url.drivername.partition("+")[2], _no_bounds)(timeout, url.query)
    return {name: value for name, value in arguments.items() if name not in url.query or name == "options"}


def _bound_sqlite(timeout: float, _query: Mapping[str, Any]) -> dict[str, Any]:
    return {"timeout": timeout}


def _bound_psycopg(timeout: float, query: Mapping[str, Any]) -> dict[str, Any]:
    limit = round(timeout * 1000)
    settings = f"-c statement_timeout={limit} -c lock_timeout={limit} -c default_transaction_isolation=read\\ committed"
    return {"options": f"{settings} {query.get('options', '')}".strip(), "tcp_user_timeout": limit}


def _bound_pymysql(timeout: float, _query: Mapping[str, Any]) -> dict[str, Any]:
    patience = timeout * CLIENT_SHARE
    return {"connect_timeout": patience, "read_timeout": patience, "write_timeout": patience}


def _no_bounds(_timeout: float, _query: Mapping[str, Any]) -> dict[str, Any]:
    log.warning("the timeouts of this SQL driver are not known: a server that hangs will hang requests")
    return {}


_BOUNDS: Mapping[str, Callable[[float, Mapping[str, Any]], dict[str, Any]]] = {
    "pysqlite": _bound_sqlite,
    "psycopg": _bound_psycopg,
    "pymysql": _bound_pymysql,
}


def _tune(engine: sa.Engine, timeout: float) -> None:
    if engine.dialect.name == "sqlite":
        _on_connect(engine, "PRAGMA synchronous=FULL")
    if engine.dialect.name in ("mysql", "mariadb"):
        # A lock is waited for in whole seconds; only MariaDB can be told less, and only it reads such a comment.
        _on_connect(
            engine,
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            f"SET SESSION innodb_lock_wait_timeout=1 /*M! , max_statement_time={timeout} */",
        )
    if engine.dialect.driver == "psycopg":
        bounded = import_module("flask_gosession.stores.sql_psycopg").bounded_connection(timeout * CLIENT_SHARE)
        event.listen(engine, "do_connect", lambda _d, _r, args, kwargs: bounded.connect(*args, **kwargs))


def _on_connect(engine: sa.Engine, *statements: str) -> None:
    def execute(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()

    event.listen(engine, "connect", execute)
