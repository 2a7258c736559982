"""The one table of the SQL store, in the dialect of each server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement

from flask_gosession.errors import ConfigError
from flask_gosession.stores.names import table_name

DIALECTS: Mapping[str, str] = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The databases that we have a table for, each with its default driver."""
_MY = ("mysql", "mariadb")
_ATTEMPTS = 3


def subjects_table(key_prefix: str) -> sa.Table:
    """Return the table for *key_prefix*. All text is bytes, so no collation takes two subjects for one.

    ``id`` is the SHA-256 of the subject in UTF-8, ``subject`` is there to be listed, ``expires_at`` is in Unix seconds.
    """
    name = table_name(key_prefix)
    blob = sa.LargeBinary()
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", blob.with_variant(sa.BINARY(32), *_MY), primary_key=True),
        sa.Column("subject", blob.with_variant(mysql.BLOB(), *_MY), nullable=False),
        sa.Column("etag", blob.with_variant(sa.BINARY(8), *_MY), nullable=False),
        sa.Column("value", blob.with_variant(mysql.MEDIUMBLOB(), *_MY), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Index(f"{name}_expires", "expires_at"),
        # Only SQLite would accept text for bytes.
        sa.CheckConstraint("typeof(etag) = 'blob' AND typeof(value) = 'blob'").ddl_if(dialect="sqlite"),
        # Room in each page for the next versions of its rows; SQLAlchemy 2.0 cannot say so.
        **_STORAGE,
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )


_TAKES_STORAGE = "with" in (dict(PGDialect.construct_arguments or ()).get(sa.Table) or {})
_STORAGE: dict[str, Any] = {"postgresql_with": {"fillfactor": 70}} if _TAKES_STORAGE else {}


def table_ddl(table: sa.Table, dialect: str) -> str:
    """Return the statements that make *table*, for a migration. Raises ConfigError for an unknown dialect."""
    if dialect not in DIALECTS:
        raise ConfigError(f"There is no table for {dialect}; known are {', '.join(DIALECTS)}.")
    target = sa.make_url(f"{DIALECTS[dialect]}://").get_dialect()()
    statements: list[DDLElement] = [CreateTable(table), *(CreateIndex(index) for index in table.indexes)]
    return "\n".join(f"{str(statement.compile(dialect=target)).strip()};" for statement in statements) + "\n"


def create_table(engine: sa.Engine, table: sa.Table) -> None:
    """Make *table* unless it exists. Raises SQLAlchemyError.

    Another process may be quicker. Each server then fails in its own way, and the table exists.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(exc.DBAPIError):
            return _create_once(engine, table)
    return _create_once(engine, table)


def _create_once(engine: sa.Engine, table: sa.Table) -> None:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        table.metadata.create_all(connection)
