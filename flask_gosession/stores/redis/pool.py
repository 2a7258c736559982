"""Pools in which callers wait their turn, and, behind Sentinel, get connections to the current primary only."""

from __future__ import annotations

import errno
import queue
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import redis
from redis.connection import BlockingConnectionPool
from redis.exceptions import MaxConnectionsError
from redis.sentinel import SentinelConnectionPool

from flask_gosession.keyed_lock import KeyedLock

TIMEOUT = 0.25
"""Seconds to wait for a free or new connection, and again for an answer, unless the URL says otherwise."""

LEASE = 1.0
"""Seconds for which a Sentinel's answer about the primary holds, counted from the question.

Shorter than any sensible ``down-after-milliseconds``, the least time in which a silent primary is replaced.
"""


class PoolEmpty(MaxConnectionsError):
    """Every connection of the pool stayed in use."""


class _Queue(queue.LifoQueue[Any]):
    """The free connections of *pool*; before a caller waits for one, those lent out are recalled."""

    def __init__(self, pool: PatientPool, size: int) -> None:
        super().__init__(size)
        self._pool = pool

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - as in the library
        """Return a connection, or None if a new one may be made. Raises queue.Empty."""
        with suppress(queue.Empty):
            return super().get(block=False)
        # In this order: a thread that puts one away then looks for waiting threads.
        waiting = self._pool.waiting
        waiting.append(None)
        try:
            self._pool.hand_over()
            return super().get(block, timeout)
        finally:
            waiting.pop()


class PatientPool(BlockingConnectionPool):
    """A pool whose callers wait up to 0.25 seconds for a connection that is in use."""

    def __init__(self, **options: Any) -> None:
        self.fits: Callable[[Any], bool] | None = None
        """Whether an idle connection still leads to the right server, if that can change."""
        self.hand_over: Callable[[], None] = _nothing
        """Gives the pool the idle connections that it has lent, such as to a lane."""
        self.idle_elsewhere: Callable[[], int] = int
        """Counts the lent idle connections."""
        parent: Any = super()
        parent.__init__(**{"timeout": TIMEOUT, "queue_class": partial(_Queue, self), **options})

    def reset(self) -> None:
        """Start afresh, also in a forked child."""
        self.waiting: deque[None] = deque()
        """The limit of the wait for a connection."""
        parent: Any = super()
        parent.reset()

    @property
    def in_use(self) -> int:
        """How many connections are in use right now."""
        taken: int = self.pool.maxsize - self.pool.qsize()
        return max(taken - self.idle_elsewhere(), 0)

    def get_connection(self, *command: Any, **options: Any) -> Any:
        """Return a connection. Raises PoolEmpty when none becomes free."""
        parent: Any = super()
        try:
            return parent.get_connection(*command, **options)
        except redis.ConnectionError as error:
            if isinstance(error.__context__, queue.Empty):
                raise PoolEmpty("every connection of the pool is in use") from None
            raise

    def release(self, connection: Any) -> None:
        """Take a connection back, or forget it if it led to a former primary."""
        parent: Any = super()
        parent.release(connection)
        if not self.owns_connection(connection):
            with suppress(ValueError):
                self._connections.remove(connection)

    def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as in redis-py
        """Disconnect all connections, or the free ones; nobody can take one that is about to be closed."""
        self.hand_over()
        free = self.pool
        with ExitStack() as back, suppress(queue.Empty):
            # One by one: gevent's queues have no lock to hold. Whatever interrupts this, they all go back.
            while True:
                connection = free.get_nowait()
                back.callback(free.put_nowait, connection)
                if connection is not None:
                    back.callback(connection.disconnect)
        if inuse_connections:
            for connection in list(self._connections):
                connection.disconnect()

    def disconnect_free_connections(self, *_moved: Any, **_options: Any) -> None:
        """Disconnect the free connections, as a cluster's client does when it looks for its nodes anew."""
        self.disconnect(inuse_connections=False)


class SentinelPool(SentinelConnectionPool, PatientPool):
    """Connections to the primary that a Sentinel has named within the last second.

    A worker that was idle while a replica took over would otherwise go on with the former primary, which answers again
    once it wakes and knows nothing of its demotion.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._asked = -LEASE
        self._turns = KeyedLock()
        parent: Any = super()
        parent.__init__(*arguments, **options)
        self.fits: Callable[[Any], bool] | None = self._leads_to_primary

    def primary(self) -> tuple[str, int]:
        """Return the address of the primary, asking the Sentinels first if their last answer is too old."""
        if self._is_due():
            self._ask_for_primary()
        host, port = self.master_address or ("", 0)
        return host, port

    def get_connection(self, *command: Any, **options: Any) -> Any:
        """Return a connection to the primary, asking the Sentinels first if their last answer is too old."""
        if self._is_due():
            self._ask_for_primary()
        pool: Any = super()
        connection = pool.get_connection(*command, **options)
        if (connection.host, connection.port) != self.master_address:
            try:
                connection.disconnect()
                connection.connect()
            except BaseException:
                pool.release(connection)
                raise
        return connection

    def _leads_to_primary(self, connection: Any) -> bool:
        """Whether an idle connection leads to the primary; asks the Sentinels first if their answer is too old."""
        if self._is_due():
            self._ask_for_primary()
        return bool((connection.host, connection.port) == self.master_address)

    def _is_due(self) -> bool:
        return time.monotonic() >= self._asked + LEASE

    def _ask_for_primary(self) -> None:
        """Ask, one thread at a time; idle connections to another server than the primary are dropped."""
        with self._turns.hold(None, TIMEOUT) as ours:
            if not ours:
                raise redis.TimeoutError("the Sentinels did not answer in time")
            if self._is_due():
                asked = time.monotonic()
                ask: Callable[[], object] = self.get_master_address
                ask()
                self._asked = asked


def _nothing() -> None:
    """Give nothing back: nothing is lent."""


_CROWDED = ("max number of clients", "Too many connections")
"""What a server says that takes no more clients, and what an empty pool of redis-py says before release 6.4."""


def lacks_room(error: BaseException | None) -> bool:
    """Whether a driver's error only means that connections or file descriptors are used up."""
    while error is not None:
        if isinstance(error, MaxConnectionsError) or any(words in str(error) for words in _CROWDED):
            return True
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__ or error.__context__
    return False
