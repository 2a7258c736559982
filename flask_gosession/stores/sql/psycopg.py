"""A psycopg connection with a deadline: libpq has no limit for a server that hangs, nor one under two seconds."""

from __future__ import annotations

import logging
import selectors
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg import waiting

from flask_gosession.deadline import LATEST, bounded

log: logging.Logger = logging.getLogger("flask_gosession")

ADVICE = "let the database user have statement_timeout and lock_timeout (ALTER ROLE ... SET)"

Y = TypeVar("Y")
S = TypeVar("S")
R = TypeVar("R")
_LOOK = 0.02
"""Seconds between checks of a silent wait."""


def bounded_connection(patience: float) -> type[psycopg.Connection[Any]]:
    """Return a class of connections whose waits, including that for the connection, end after *patience* seconds."""

    class BoundedConnection(psycopg.Connection[Any]):
        """Raises OperationalError if the server is silent, and closes itself: an answer may still be on its way."""

        @classmethod
        def _connect_gen(cls, *args: Any, **kwargs: Any) -> Any:
            return _bounded(super()._connect_gen(*args, **kwargs), patience)

        def wait(self, gen: Any, interval: float = _LOOK, timeout: float | None = None) -> Any:
            more = {} if timeout is None else {"timeout": timeout}
            try:
                return super().wait(_bounded(gen, patience), min(interval, _LOOK), **more)
            except _NoAnswerInTime:
                self.close()
                raise

    return BoundedConnection


class Connector:
    """Connects with start-up options, and from then on without them if a pooler such as PgBouncer refuses them."""

    def __init__(self, patience: float) -> None:
        self._class = bounded_connection(patience)
        self._takes_options = True

    def connect(self, *args: Any, **options: Any) -> psycopg.Connection[Any]:
        """Return a new connection. Raises psycopg.OperationalError."""
        _wait_as_others_do()
        if self._takes_options:
            try:
                return self._class.connect(*args, **options)
            except psycopg.OperationalError as error:
                if "unsupported startup parameter" not in str(error):
                    raise
                self._takes_options = False
                log.warning("the pooler in front of PostgreSQL takes no start-up options: %s", ADVICE)
        options.pop("options", None)
        return self._class.connect(*args, **options)


def _wait_as_others_do() -> None:
    """Let psycopg choose anew how it waits if gevent came after its import: it would stop all greenlets."""
    chosen: Any = waiting
    if chosen.DefaultSelector is not selectors.DefaultSelector:
        chosen.DefaultSelector = selectors.DefaultSelector
        chosen.wait = getattr(chosen, "wait_poll", chosen.wait_selector)


class _NoAnswerInTime(psycopg.OperationalError):
    pass


def _bounded(gen: Generator[Y, S, R], patience: float) -> Generator[Y, S, R]:
    """Pass everything through; raise when *patience* seconds, or those of the operation, are over."""
    end = time.monotonic() + bounded(patience)
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if time.monotonic() > (end + LATEST if ready else end):
                raise _NoAnswerInTime("the server did not answer in time")
            wanted = gen.send(ready)
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        gen.close()
