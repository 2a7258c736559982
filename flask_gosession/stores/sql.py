"""Records in a SQL database: SQLite, PostgreSQL, MariaDB and MySQL, by one conditional statement a swap."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.stores import at_fork
from flask_gosession.stores.base import Record, Swap
from flask_gosession.stores.sql_engine import open_engine, parse_url
from flask_gosession.stores.sql_options import split_options
from flask_gosession.stores.sql_table import create_table, subjects_table, table_ddl
from flask_gosession.stores.sql_turns import Turns

log = logging.getLogger("flask_gosession")

START_TIMEOUT = 5.0
PAGE = 500
CHUNK = 100
AT_ONCE = 0.1
"""A read that failed within so many seconds met a connection that was closed meanwhile, and is tried once more."""


class SQLStore:
    """One row a subject, in one table of its own. Never the app's session: an own engine, a statement a transaction.

    Takes a ready SQLAlchemy engine, too; its timeouts are then its owner's, and it should hide its parameters.
    """

    shared = True

    def __init__(self, engine: sa.Engine, *, key_prefix: str = "gosession", create: bool = True) -> None:
        """Make the table at the first use, unless *create* is false."""
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._table = subjects_table(key_prefix)
        self._created = not create
        self._closed = False
        self._parents: list[sa.Pool] = []
        # SQLite has one writer at a time anyway; the others would ask again and again, each at the same odds.
        self._turns: Turns | None = Turns() if engine.dialect.name == "sqlite" else None
        at_fork.in_child(self._begin_anew)

    @classmethod
    def from_url(cls, url: str, *, key_prefix: str = "gosession", wait_replicas: int = 0, **options: Any) -> SQLStore:
        """Open a SQLAlchemy URL; the table is made now, or at the first use when the server is not there yet.

        Options, here or in the query: ``create`` (true), ``pool_size`` (16 connections kept a process, twice as many
        in a burst) and ``timeout`` (0.25 seconds). Everything else in the query is the driver's. Raises ConfigError.
        """
        if wait_replicas:
            raise ConfigError(
                "WAIT_REPLICAS must be 0 with a SQL store: a database is told by its own settings to wait."
            )
        target, ours = split_options(parse_url(url), options)
        engine = open_engine(target, timeout=ours.timeout, pool_size=ours.pool_size)
        store = cls(engine, key_prefix=key_prefix, create=ours.create)
        if store._turns is not None:
            store._turns.patience = ours.timeout
        if ours.create:
            store._create_patiently(target)
        return store

    def create(self) -> None:
        """Make the table unless it is there; safe when several processes do. Raises StoreUnavailable."""
        try:
            create_table(self._engine, self._table)
        except exc.SQLAlchemyError as error:
            raise StoreUnavailable from error
        self._created = True

    def ddl(self, dialect: str) -> str:
        """Return the statements that make the table in *dialect* (``postgresql``, ...), for a migration tool."""
        return table_ddl(self._table, dialect)

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*, or None: one statement, one round trip."""
        table = self._table
        rows = self._read(sa.select(table.c.value, table.c.etag).where(table.c.id == _id(subject)))
        return Record(bytes(rows[0].value), bytes(rows[0].etag)) if rows else None

    def swap(
        self,
        subject: str,
        etag: bytes | None,
        new: Record | None,
        expires_at: float,
        *,
        announce: bool = False,  # noqa: ARG002 - nobody listens to a table
    ) -> Swap:
        """Put or delete by one conditional statement, never sent twice. Raises StoreUnavailable."""
        if etag is None and new is None:
            return Swap.DONE if self.load(subject) is None else Swap.LOST
        statement = self._statement(subject, etag, new, expires_at)
        try:
            return self._write(statement)
        except StoreUnavailable as error:
            if not _was_refused(error) or not self._is_overtaken(subject, etag, new):
                raise
            return Swap.LOST

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects, page by page; no connection is held in between."""
        table, last = self._table, b""
        columns = sa.select(table.c.id, table.c.subject).order_by(table.c.id).limit(PAGE)
        while rows := self._read(columns.where(table.c.id > last)):
            for row in rows:
                yield bytes(row.subject).decode()
            last = bytes(rows[-1].id)

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete at most *limit* rows that ended before *now*, a hundred a transaction; return how many."""
        table = self._table
        ended = sa.select(table.c.id).where(table.c.expires_at < now)
        purged = 0
        while purged < limit and (rows := self._read(ended.limit(min(CHUNK, limit - purged)))):
            # By primary key, like every other write: two orders of locking would be a deadlock.
            ids = sorted(bytes(row.id) for row in rows)
            purged += self._execute(table.delete().where(table.c.id.in_(ids), table.c.expires_at < now)).rowcount
        return purged

    def ping(self) -> None:
        """Return when the database answers; raise StoreUnavailable otherwise."""
        self._read(sa.select(1))

    def close(self) -> None:
        """Close the pooled connections, and those in use as soon as they are free. Twice is fine."""
        self._closed = True
        self._engine.dispose()

    def _statement(self, subject: str, etag: bytes | None, new: Record | None, expires_at: float) -> sa.UpdateBase:
        table = self._table
        mine = sa.and_(table.c.id == _id(subject), table.c.etag == etag)
        if new is None:
            return table.delete().where(mine)
        content = {"etag": new.etag, "value": new.value, "expires_at": expires_at}
        if etag is None:
            return table.insert().values(id=_id(subject), subject=subject.encode(), **content)
        return table.update().where(mine).values(**content)

    def _write(self, statement: sa.UpdateBase) -> Swap:
        try:
            count = self._execute(statement).rowcount
        except _Duplicate:
            return Swap.LOST
        # How many rows an INSERT made, not every driver says; that it did not fail is enough.
        return Swap.DONE if isinstance(statement, sa.Insert) or count == 1 else Swap.LOST

    def _is_overtaken(self, subject: str, etag: bytes | None, new: Record | None) -> bool:
        """Return whether another write stands; who waited in vain behind it has lost, and the store is well."""
        stored = self.load(subject)
        ours = {etag, new.etag if new else None}
        return (stored.etag if stored else None) not in ours

    def _read(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        started = time.monotonic()
        try:
            return self._fetch(statement)
        except StoreUnavailable as error:
            if not _was_cut(error) or time.monotonic() - started > AT_ONCE:
                raise
            return self._fetch(statement)

    def _fetch(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        with self._connected() as connection:
            return connection.execute(statement).all()

    def _execute(self, statement: sa.UpdateBase) -> sa.CursorResult[Any]:
        with _edge(), self._turns or nullcontext(), self._connected() as connection:
            return connection.execute(statement)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        if not self._created:
            self.create()
        with _edge(), self._engine.connect() as connection:
            try:
                yield connection
            finally:
                # A purge may be under way when the store is closed; its connection has no pool to go back to.
                if self._closed and not connection.invalidated:
                    connection.detach()

    def _create_patiently(self, url: sa.URL) -> None:
        engine = open_engine(url, timeout=START_TIMEOUT, pool_size=1)
        try:
            create_table(engine, self._table)
            self._created = True
        except exc.SQLAlchemyError as error:
            log.warning("the table of the session store is not made yet (%s); the first use tries again", type(error))
        finally:
            engine.dispose()

    def _begin_anew(self) -> None:
        # The parent's connections are kept, not closed: to close one here would be to speak on the parent's behalf.
        self._parents.append(self._engine.pool)
        self._engine.dispose(close=False)
        if self._turns is not None:
            self._turns = Turns(self._turns.patience)


class _Duplicate(Exception):
    """A row of that id is there."""


@contextmanager
def _edge() -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError as error:
        raise _Duplicate from error
    except exc.SQLAlchemyError as error:
        raise StoreUnavailable from error


def _was_cut(error: StoreUnavailable) -> bool:
    cause = error.__cause__
    return isinstance(cause, exc.DBAPIError) and cause.connection_invalidated


def _was_refused(error: StoreUnavailable) -> bool:
    """Return whether nothing of the write is under way: the server itself said no to it, or no connection was free."""
    cause = error.__cause__
    if isinstance(cause, exc.DBAPIError):
        return cause.statement is not None and not cause.connection_invalidated
    return isinstance(cause, exc.TimeoutError)


def _id(subject: str) -> bytes:
    return hashlib.sha256(subject.encode()).digest()
