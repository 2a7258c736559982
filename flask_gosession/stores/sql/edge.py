"""Translates the errors of SQLAlchemy and its drivers into those of a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import StoreBusy, StoreFull

_BUSY_CODES = frozenset(
    {"53300", "55P03", "40P01", 1040, 1203, 1226, 1205, 1213, "database is locked", "database table is locked"}
)
"""Too many connections, a lock that was not available in time, a deadlock: by PostgreSQL, by MySQL, by SQLite.

sqlite3 gives its errors a code from Python 3.11 on; their texts are the same everywhere.
"""
_BUSY_WORDS = (
    "too many connections",
    "too many clients",
    "remaining connection slots",
    "no more connections allowed",
    "query_wait_timeout",
)
"""How PostgreSQL and PgBouncer refuse a connection; the driver gives no code then."""
_FULL_CODES = frozenset({"53100", 1021, 1114, "database or disk is full"})


class DuplicateRow(Exception):
    """A row with that id exists."""


@contextmanager
def edge() -> Iterator[None]:
    """Turn what SQLAlchemy raises into DuplicateRow, StoreFull, StoreBusy or StoreUnavailable."""
    try:
        yield
    except exc.IntegrityError as error:
        raise DuplicateRow from error
    except exc.SQLAlchemyError as error:
        raise _kind(error) from error


def was_cut(error: StoreUnavailable) -> bool:
    """Whether the connection was lost."""
    cause = error.__cause__
    return isinstance(cause, exc.DBAPIError) and cause.connection_invalidated


def was_refused(error: StoreUnavailable) -> bool:
    """Whether the write was certainly not made: the server itself refused it, or no connection was free."""
    cause = error.__cause__
    if isinstance(cause, exc.DBAPIError):
        return cause.statement is not None and not cause.connection_invalidated
    return isinstance(cause, exc.TimeoutError)


def _kind(error: exc.SQLAlchemyError) -> type[StoreUnavailable]:
    if isinstance(error, exc.TimeoutError):
        return StoreBusy
    if not isinstance(error, exc.DBAPIError):
        return StoreUnavailable
    codes = _codes(error.orig)
    if codes & _FULL_CODES:
        return StoreFull
    is_busy = codes & _BUSY_CODES or any(words in str(error.orig) for words in _BUSY_WORDS)
    return StoreBusy if is_busy else StoreUnavailable


def _codes(original: BaseException | None) -> set[object]:
    """Return the driver's name for an error: a SQLSTATE, MySQL's number, SQLite's text."""
    return {getattr(original, "sqlstate", None), *getattr(original, "args", ())[:1]}
