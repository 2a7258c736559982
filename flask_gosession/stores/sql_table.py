"""The one table of the SQL store, in the dialect of each server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement

from flask_gosession.errors import ConfigError
from flask_gosession.stores.corner import corner_name

DIALECTS: Mapping[str, str] = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""What we have a table for, and the driver that is meant where none is named."""
_MY = ("mysql", "mariadb")
_ATTEMPTS = 3


def subjects_table(key_prefix: str) -> sa.Table:
    """Return the table for *key_prefix*. Everything is bytes, so that no collation takes two subjects for one.

    ``id`` is the SHA-256 of the subject in UTF-8, ``subject`` is there to be listed, ``expires_at`` is in Unix seconds.
    """
    name = corner_name(key_prefix)
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
        # SQLite alone would take text for bytes.
        sa.CheckConstraint("typeof(etag) = 'blob' AND typeof(value) = 'blob'").ddl_if(dialect="sqlite"),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )


def table_ddl(table: sa.Table, dialect: str) -> str:
    """Return the statements that make *table*, for a migration. Raises ConfigError for an unknown dialect."""
    if dialect not in DIALECTS:
        raise ConfigError(f"There is no table for {dialect}; known are {', '.join(DIALECTS)}.")
    target = sa.make_url(f"{DIALECTS[dialect]}://").get_dialect()()
    statements: list[DDLElement] = [CreateTable(table), *(CreateIndex(index) for index in table.indexes)]
    return "\n".join(f"{str(statement.compile(dialect=target)).strip()};" for statement in statements) + "\n"


def create_table(engine: sa.Engine, table: sa.Table) -> None:
    """Make *table* unless it is there. Raises SQLAlchemyError.

    Whoever is overtaken by another process, at which each server fails in its own way, finds the table made.
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
