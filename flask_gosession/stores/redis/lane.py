"""Connections that pass from one caller to the next, without the pool and the client in between."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import redis
from redis.connection import ConnectionPool

from flask_gosession import at_fork
from flask_gosession.stores.redis.pool import PatientPool

ROOM = 16
"""How many idle connections a lane keeps at most: as many as are used at once in a worker of threads."""

_GET = b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n"
"""The command in wire format: the driver takes five times as long to pack it."""


class Lane:
    """Reads and writes over connections of *pool*, and keeps a few idle ones, the last used on top.

    A pool looks at the socket before it hands a connection out, and a client adds closures for retries and metrics:
    together more than half the cost of a GET. A connection stays in the lane only after a complete answer that was not
    an error. A reader that meets a dead one empties the lane: the others may be dead, too. What becomes of a request
    that has met one is the caller's to find out: a read can be asked again, and a write whose answer is lost is looked
    up.
    """

    def __init__(self, pool: PatientPool) -> None:
        self._pool = pool
        # redis-py before 5.3 wants a command here, later versions warn about it.
        command_name = inspect.signature(ConnectionPool.get_connection).parameters["command_name"]
        named = command_name.default is inspect.Parameter.empty
        self._take: Callable[[], Any] = partial(pool.get_connection, "GET") if named else pool.get_connection
        self._checks_health = bool(pool.connection_kwargs.get("health_check_interval"))
        self._release: Callable[[Any], None] = pool.release
        self._begin_anew()
        at_fork.in_child(self._begin_anew)
        pool.hand_over = self.hand_over
        pool.idle_elsewhere = lambda: len(self._idle)

    def get(self, key: str) -> Any:
        """Return what is stored under *key*. Raises what the driver raises; nothing is asked twice."""
        name = key.encode()
        return self._ask(_GET % (len(name), name))

    def execute(self, *command: str | bytes | int) -> Any:
        """Return the answer to a command that may write. Raises what the driver raises; nothing is sent twice."""
        return self._ask(_packed(command))

    def _ask(self, packed: bytes) -> Any:
        idle = self._idle  # the connections of this process, even if it forks meanwhile
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._take()
        try:
            if self._pool.fits is not None and not self._pool.fits(connection):
                connection.disconnect()
                connection.connect()  # sending would connect, too, but to the earlier server
            connection.send_packed_command([packed], check_health=self._checks_health)
            answer = connection.read_response()
        except BaseException as error:
            # Half an answer may be on its way, as after a killed greenlet, and an error may not be the answer.
            self._drop(connection)
            if isinstance(error, redis.ConnectionError):
                self._drop_idle()
            raise
        if len(idle) < ROOM:
            idle.append(connection)
        else:
            self._release(connection)
        if self._pool.waiting:
            self.hand_over()
        return answer

    def hand_over(self) -> None:
        """Give all idle connections back to the pool, where a caller may be waiting for one."""
        while (connection := self._next_idle()) is not None:
            self._release(connection)

    def _drop_idle(self) -> None:
        while (connection := self._next_idle()) is not None:
            self._drop(connection)

    def _next_idle(self) -> Any:
        """Take an idle connection out of the lane; None if there is none, or another thread has taken the last one."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _drop(self, connection: Any) -> None:
        connection.disconnect()
        self._release(connection)

    def _begin_anew(self) -> None:
        """Forget the connections: after a fork they are the parent's."""
        self._idle: deque[Any] = deque()


def _packed(command: Sequence[str | bytes | int]) -> bytes:
    """Return a command as the server reads it; the driver calls a function for each part."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])
