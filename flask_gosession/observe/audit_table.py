"""The audit trail in an SQL table: its own engine, rows appended in batches, the oldest deleted by age and number.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from flask_gosession.deadline import let_others_go_on
from flask_gosession.errors import StoreUnavailable
from flask_gosession.observe.entries import LONGEST, AuditEntry
from flask_gosession.stores.names import table_name
from flask_gosession.stores.sql.edge import edge
from flask_gosession.stores.sql.engine import open_engine, parse_url
from flask_gosession.stores.sql.lifetime import PoolPerProcess, close_with
from flask_gosession.stores.sql.options import split_options
from flask_gosession.stores.sql.table import create_table

log: logging.Logger = logging.getLogger("flask_gosession")

TIMEOUT = 5.0
"""Seconds that the writer's thread may wait for the server, unless the URL says otherwise; no request waits for it."""
POOL = 2
CHUNK = 1000
PURGE_INTERVAL = 3600.0
_TEXTS = ("action", "realm", "subject", "sid", "client", "ip", "agent", "reason", "actor")
_MY = ("mysql", "mariadb")


def audit_table(key_prefix: str) -> sa.Table:
    """Return the table for *key_prefix*. Texts are UTF-8 bytes, so no collation takes two subjects for one."""
    name = table_name(key_prefix).replace("_subjects", "_audit", 1)
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    text = sa.LargeBinary().with_variant(mysql.VARBINARY(4 * LONGEST), *_MY)
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Double(), nullable=False),
        *(sa.Column(column, text, nullable=False) for column in _TEXTS),
        sa.Index(f"{name}_subject", "subject", "id", mysql_length={"subject": 255}, mariadb_length={"subject": 255}),
        sa.Index(f"{name}_actor", "actor", mysql_length={"actor": 255}, mariadb_length={"actor": 255}),
        sa.Index(f"{name}_at", "at"),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )


class AuditTable:
    """Entries in the SQL database at *url*, kept for *max_age* seconds, and at most about *max_entries* of them.

    The table is made at the first use. Raises ConfigError for a URL that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        key_prefix: str,
        max_age: float,
        max_entries: int,
        clock: Callable[[], float],
    ) -> None:
        target, options = split_options(parse_url(url), {})
        timeout = options.timeout if "timeout" in sa.make_url(url).query else TIMEOUT
        self._engine = open_engine(target, timeout=timeout, pool_size=POOL)
        self._table = audit_table(key_prefix)
        self._created = not options.create
        self._max_age, self._max_entries = max_age, max_entries
        self._clock = clock
        self._purged_at: float | None = None
        self._pools = PoolPerProcess(self._engine)
        close_with(self, self._engine)

    def write(self, entries: Sequence[AuditEntry]) -> None:
        """Append *entries* in one statement, and now and then delete the oldest. Raises StoreUnavailable."""
        rows = [{name: _stored(value) for name, value in _plain(entry).items()} for entry in entries]
        with self._connected() as connection:
            connection.execute(self._table.insert().values(rows))
        if self._purged_at is None or time.monotonic() >= self._purged_at + PURGE_INTERVAL:
            self._purged_at = time.monotonic()
            self._purge_leniently()

    def trail(
        self, subject: str | None, *, since: float = 0.0, until: float | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Return the last *limit* entries about or by *subject* (None: about anybody), the newest first.

        *since* and *until* are Unix times. Raises StoreUnavailable.
        """
        columns = self._table.c
        wanted: sa.ColumnElement[bool] = sa.true()
        if subject is not None:
            name = _stored(subject)
            wanted = sa.or_(columns.subject == name, columns.actor == name)
        if until is not None:
            wanted = sa.and_(wanted, columns.at < until)
        newest_first = (columns.at.desc(), columns.id.desc())
        query = self._table.select().where(columns.at >= since, wanted).order_by(*newest_first).limit(limit)
        with self._connected() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def purge(self) -> int:
        """Delete entries that are too old or too many, in steps; return how many. Raises StoreUnavailable."""
        columns = self._table.c
        newest = sa.select(columns.id).order_by(columns.id.desc()).offset(self._max_entries).limit(1)
        with self._connected() as connection:
            last = connection.execute(newest).scalar()
        doomed = columns.at < self._clock() - self._max_age
        return self._delete(doomed if last is None else sa.or_(doomed, columns.id <= last))

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _purge_leniently(self) -> None:
        """Purge if possible: entries must not be written twice because a purge failed."""
        try:
            self.purge()
        except StoreUnavailable:
            log.warning("old entries of the audit trail could not be deleted; it will be tried again later")

    def _delete(self, doomed: sa.ColumnElement[bool]) -> int:
        total, columns = 0, self._table.c
        while True:
            with self._connected() as connection:
                ids = list(connection.execute(sa.select(columns.id).where(doomed).limit(CHUNK)).scalars())
                if not ids:
                    return total
                total += connection.execute(self._table.delete().where(columns.id.in_(ids))).rowcount
            let_others_go_on()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        with edge():
            if not self._created:
                create_table(self._engine, self._table)
                self._created = True
            with self._engine.connect() as connection:
                yield connection


def _plain(entry: AuditEntry) -> dict[str, Any]:
    return {"at": entry.at, **{name: getattr(entry, name) for name in _TEXTS}}


def _stored(value: Any) -> Any:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _entry(row: sa.Row[Any]) -> AuditEntry:
    texts = {name: bytes(getattr(row, name)).decode("utf-8", "replace") for name in _TEXTS}
    return AuditEntry(at=row.at, **texts)
