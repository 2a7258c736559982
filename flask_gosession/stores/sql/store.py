"""Records in a SQL database: SQLite, PostgreSQL, MariaDB and MySQL, by one conditional statement per swap."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from flask_gosession.deadline import Deadline, bounded, let_others_go_on
from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.findings import Finding
from flask_gosession.keyed_lock import KeyedLock
from flask_gosession.stores.base import Record, StoreFull, Swap
from flask_gosession.stores.capabilities import Page
from flask_gosession.stores.sql.diagnosis import diagnose, estimated_rows
from flask_gosession.stores.sql.edge import DuplicateRow, edge, was_cut, was_refused
from flask_gosession.stores.sql.engine import open_engine, parse_url
from flask_gosession.stores.sql.lifetime import PoolPerProcess, close_with
from flask_gosession.stores.sql.options import SQLOptions, split_options
from flask_gosession.stores.sql.reserve import Reserve
from flask_gosession.stores.sql.table import create_table, subjects_table, table_ddl

log: logging.Logger = logging.getLogger("flask_gosession")

PATIENCE = SQLOptions().timeout
"""Seconds that a writer waits for its turn, unless the URL says otherwise."""

START_TIMEOUT = 5.0
EXPIRY_STEP = 1800.0
PAGE = 500
CHUNK, FILE_CHUNK = 100, 500
"""How many ended rows one transaction deletes; each waits for the disk, and in SQLite all other writers wait for it."""
FOUND = 1000
"""How many ended rows one read finds: MariaDB walks each time over all that were just deleted."""
AT_ONCE = 0.1
"""A read that failed within so many seconds met a closed connection, and is tried once more."""


class SQLStore:
    """One row per subject, in a table of its own, by an engine of its own, one statement per transaction.

    It also takes a ready SQLAlchemy engine; the timeouts are then its owner's, and it should hide its parameters.
    """

    shared = True

    def __init__(self, engine: sa.Engine, *, key_prefix: str = "gosession", create: bool = True) -> None:
        """Make the table at the first use, unless *create* is false."""
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._table = subjects_table(key_prefix)
        self._created = not create
        self._opened: sa.Pool | None = None
        self._first = KeyedLock()
        self._closed = False
        self._pools = PoolPerProcess(engine)
        # SQLite has one writer at a time anyway; the others would poll, each with the same odds.
        self._locks = KeyedLock() if engine.dialect.name == "sqlite" else None
        self._reserve = Reserve(engine.url)
        self._patience = PATIENCE
        self.budget: float = math.inf

    @classmethod
    def from_url(cls, url: str, *, key_prefix: str = "gosession", wait_replicas: int = 0, **options: Any) -> SQLStore:
        """Open an SQLAlchemy URL; the table is made now, or at the first use if the server does not answer yet.

        Options, here or in the query: ``create`` (true), ``pool_size`` (16 connections kept per process, twice as many
        in a burst) and ``timeout`` (0.25 seconds). Everything else in the query is the driver's. Raises ConfigError.
        """
        if wait_replicas:
            raise ConfigError(
                "WAIT_REPLICAS must be 0 with an SQL store: the settings of the database decide what it waits for."
            )
        target, ours = split_options(parse_url(url), options)
        engine = open_engine(target, timeout=ours.timeout, pool_size=ours.pool_size)
        store = cls(engine, key_prefix=key_prefix, create=ours.create)
        close_with(store, engine)
        store._patience, store.budget = ours.timeout, 2 * ours.timeout
        if ours.create:
            store._create_patiently(target)
        return store

    @property
    def connections_in_use(self) -> int:
        """How many connections of this process are in use right now."""
        pool = self._engine.pool
        return pool.checkedout() if isinstance(pool, sa.QueuePool) else 0

    def create(self) -> None:
        """Make the table unless it exists; several processes may do so at once. Raises StoreUnavailable."""
        with edge():
            create_table(self._engine, self._table)
        self._created = True
        self._reserve.fill()

    def ddl(self, dialect: str) -> str:
        """Return the statements that make the table in *dialect* (``postgresql``, ...), for a migration tool."""
        return table_ddl(self._table, dialect)

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*, or None: one statement, one round trip."""
        table = self._table
        rows = self._read(sa.select(table.c.value, table.c.etag).where(table.c.id == _id(subject)))
        return Record(_bytes(rows[0].value), _bytes(rows[0].etag)) if rows else None

    def swap(
        self,
        subject: str,
        etag: bytes | None,
        new: Record | None,
        expires_at: float,
        *,
        announce: bool = False,  # noqa: ARG002 - a table announces nothing
    ) -> Swap:
        """Put or delete by one conditional statement, never sent twice. Raises StoreUnavailable."""
        if etag is None and new is None:
            return Swap.DONE if self.load(subject) is None else Swap.LOST
        statement = self._statement(subject, etag, new, expires_at)
        try:
            return self._write(statement)
        except StoreUnavailable as error:
            if not was_refused(error) or not self._is_overtaken(subject, etag, new):
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
        """Delete at most *limit* rows that ended before *now*, some hundred per transaction; return how many."""
        purge_some, purged = self._purge_found if self._locks is None else self._purge_file, 0
        while purged < limit and (count := purge_some(now, limit - purged)):
            purged += count
            let_others_go_on()
        self._reserve.fill()
        return purged

    def _purge_file(self, now: float, limit: int) -> int:
        """Delete in one statement: SQLite has one writer, and each row that came here would cost a turn of the GIL."""
        table = self._table
        some = sa.select(table.c.id).where(table.c.expires_at < now).limit(min(FILE_CHUNK, limit))
        return self._execute(table.delete().where(table.c.id.in_(some))).rowcount

    def _purge_found(self, now: float, limit: int) -> int:
        """Delete by primary key, like every other write: two orders of locking would be a deadlock."""
        table = self._table
        rows = self._read(sa.select(table.c.id).where(table.c.expires_at < now).limit(min(FOUND, limit)))
        ids = sorted(bytes(row.id) for row in rows)
        # The sum is what keeps a server from looking into the index of the ends instead.
        still = table.c.expires_at + 0.0 < now
        some = (table.c.id.in_(ids[at : at + CHUNK]) for at in range(0, len(ids), CHUNK))
        return sum(self._execute(table.delete().where(each, still)).rowcount for each in some)

    def page(self, position: str | None, limit: int) -> Page:
        """Return the next *limit* rows in the order of their ids; a position is the last id as hexadecimal text."""
        table, after = self._table, bytes.fromhex(position or "")
        columns = sa.select(table.c.id, table.c.subject, table.c.etag, table.c.value).order_by(table.c.id).limit(limit)
        rows = self._read(columns.where(table.c.id > after))
        records = [(bytes(row.subject).decode(), Record(bytes(row.value), bytes(row.etag))) for row in rows]
        return Page(records, bytes(rows[-1].id).hex() if len(rows) == limit else None)

    def size(self) -> int:
        """Return about how many rows there are, by the server's own statistics if it keeps any."""
        guess = estimated_rows(self._engine.dialect.name, self._table.name)
        found = None if guess is None else self._read(guess)[0][0]
        if found is None or found < 0:
            found = self._read(sa.select(sa.func.count()).select_from(self._table))[0][0]
        return int(found)

    def count_ended(self, now: float) -> int:
        """Return how many rows ended before *now*."""
        table = self._table
        return int(self._read(sa.select(sa.func.count()).where(table.c.expires_at < now))[0][0])

    def locate(self, subject: str) -> str:
        """Return the table and the id of the row of *subject*."""
        return f"table {self._table.name}, row with id X'{_id(subject).hex()}'"

    def diagnose(self, now: float, tolerance: float) -> Iterator[Finding]:
        """Look at the server, its settings for our connections, and the table."""
        with self._connected() as connection:
            yield from diagnose(connection, self._table, now, tolerance)

    def ping(self) -> None:
        """Return when the database answers; raise StoreUnavailable otherwise."""
        self._read(sa.select(1))

    def close(self) -> None:
        """Close the pooled connections, and those in use as soon as they are free. May be called twice."""
        self._closed = True
        self._engine.dispose()

    def _statement(self, subject: str, etag: bytes | None, new: Record | None, expires_at: float) -> sa.UpdateBase:
        table = self._table
        mine = sa.and_(table.c.id == _id(subject), table.c.etag == etag)
        if new is None:
            return table.delete().where(mine)
        content = {"etag": new.etag, "value": new.value, "expires_at": _whole_steps(expires_at)}
        if etag is None:
            return table.insert().values(id=_id(subject), subject=subject.encode(), **content)
        return table.update().where(mine).values(**content)

    def _write(self, statement: sa.UpdateBase) -> Swap:
        try:
            count = self._execute(statement).rowcount
        except DuplicateRow:
            return Swap.LOST
        except StoreFull:
            if not isinstance(statement, sa.Delete) or self._locks is None:
                raise
            count = self._delete_without_room(statement).rowcount
        # Not every driver says how many rows an INSERT made; that it did not fail is enough.
        return Swap.DONE if isinstance(statement, sa.Insert) or count == 1 else Swap.LOST

    def _delete_without_room(self, statement: sa.Delete) -> sa.CursorResult[Any]:
        """Delete on a full disk, in room that the log no longer needs, or else in the reserve. Raises StoreFull."""
        while True:
            with suppress(StoreFull):
                self._fetch(sa.text("PRAGMA wal_checkpoint(RESTART)"))
            with suppress(StoreFull):
                return self._execute(statement)
            if not self._reserve.release():
                raise StoreFull

    def _is_overtaken(self, subject: str, etag: bytes | None, new: Record | None) -> bool:
        """Whether another write won: a writer that times out behind others loses the swap; the store is well."""
        stored = self.load(subject)
        ours = {etag, new.etag if new else None}
        return (stored.etag if stored else None) not in ours

    def _read(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        started = time.monotonic()
        try:
            return self._fetch(statement)
        except StoreUnavailable as error:
            if not was_cut(error) or time.monotonic() - started > AT_ONCE:
                raise
            return self._fetch(statement)

    def _fetch(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        with Deadline(self.budget), self._connected() as connection:
            return connection.execute(statement).all()

    def _execute(self, statement: sa.UpdateBase) -> sa.CursorResult[Any]:
        with edge(), Deadline(self.budget), self._exclusively(), self._connected() as connection:
            return connection.execute(statement)

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        turn = self._locks.hold(None, self._patience) if self._locks else nullcontext(enter_result=True)
        with turn as ours:
            if not ours:
                raise exc.TimeoutError("the other writers of this process took too long")
            yield

    def _prepare(self) -> None:
        """Make the table and a pool's first connection, one thread at a time: SQLAlchemy makes others wait for ever."""
        with self._first.hold(None, None if self.budget == math.inf else bounded(self.budget)) as ours:
            if not ours:
                raise StoreUnavailable from TimeoutError("the first connection, by another thread, took too long")
            if not self._created:
                self.create()
            pool = self._engine.pool
            if pool is not self._opened:
                with edge(), self._engine.connect():
                    self._opened = pool

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        pool = self._engine.pool
        if not self._created or pool is not self._opened:
            self._prepare()
        try:
            with edge(), self._engine.connect() as connection:
                yield connection
        finally:
            # A purge may be under way when the store is closed; its connection comes back to a pool left behind.
            if self._closed:
                pool.dispose()

    def _create_patiently(self, url: sa.URL) -> None:
        engine = open_engine(url, timeout=START_TIMEOUT, pool_size=1)
        try:
            create_table(engine, self._table)
            self._created = True
            self._reserve.fill()
            with suppress(StoreUnavailable):
                self._prepare()  # SQLAlchemy asks the server much at first: no request is to wait for that
        except exc.SQLAlchemyError as error:
            log.warning(
                "the table of the session store is not made yet (%s); the first use tries again", type(error).__name__
            )
        finally:
            engine.dispose()
            self._engine.dispose()


def _whole_steps(expires_at: float) -> float:
    """Return the end of its half hour: using a session then rarely moves the index, and PostgreSQL updates HOT."""
    return math.ceil(expires_at / EXPIRY_STEP) * EXPIRY_STEP


def _bytes(value: object) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise StoreUnavailable from TypeError(f"a column of bytes holds {type(value).__name__}")
    return bytes(value)


def _id(subject: str) -> bytes:
    return hashlib.sha256(subject.encode()).digest()
