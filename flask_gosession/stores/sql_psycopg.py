"""A psycopg connection that stops waiting: libpq knows no limit for a server that hangs, nor one under two seconds."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

Y = TypeVar("Y")
S = TypeVar("S")
R = TypeVar("R")
_LOOK = 0.02
"""How often a wait that is silent is looked at, in seconds."""


def bounded_connection(patience: float) -> type[psycopg.Connection[Any]]:
    """Return a class of connections whose every wait, also that for the connection, ends after *patience* seconds."""

    class BoundedConnection(psycopg.Connection[Any]):
        """Raises OperationalError when the server is silent, and is closed then: an answer may still be on its way."""

        @classmethod
        def _connect_gen(cls, *args: Any, **kwargs: Any) -> Any:
            return _bounded(super()._connect_gen(*args, **kwargs), patience)

        def wait(self, gen: Any, interval: float = _LOOK, timeout: float | None = None) -> Any:
            more = {} if timeout is None else {"timeout": timeout}
            try:
                return super().wait(_bounded(gen, patience), min(interval, _LOOK), **more)
            except _Silence:
                self.close()
                raise

    return BoundedConnection


class _Silence(psycopg.OperationalError):
    pass


def _bounded(gen: Generator[Y, S, R], patience: float) -> Generator[Y, S, R]:
    """Pass everything through; once *patience* seconds are over, raise when nothing was ready."""
    deadline = time.monotonic() + patience
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise _Silence("the server did not answer in time")
            wanted = gen.send(ready)
    except StopIteration as end:
        result: R = end.value
        return result
    finally:
        gen.close()
