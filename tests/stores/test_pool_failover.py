"""A pool behind Sentinel or in a Cluster, when its connections are closed because another server has taken over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from odd_redis import odd_redis
from pools import take

from flask_gosession.stores.redis.connect import no_retry
from flask_gosession.stores.redis.pool import PatientPool, SentinelPool


class Agreed:
    """Sentinels that all name the same primary."""

    def __init__(self, port: int) -> None:
        self.port = port

    def discover_master(self, _service: str) -> tuple[str, int]:
        return "127.0.0.1", self.port


def pong(connection, _command) -> None:
    connection.sendall(b"+PONG\r\n")


@pytest.fixture
def primary() -> Iterator[int]:
    with odd_redis(pong) as port:
        yield port


@contextmanager
def pool_behind(agreed: Agreed) -> Iterator[SentinelPool]:
    kind = redis.sentinel.SentinelManagedConnection
    pool = SentinelPool("service", agreed, connection_class=kind, retry=no_retry(), max_connections=4, protocol=2)
    yield pool
    pool.disconnect()


def test_connections_to_a_former_primary_are_forgotten(primary):
    """Neither those that were in use during a failover nor those that were free count as in use, or are kept."""
    agreed = Agreed(primary)
    with pool_behind(agreed) as pool, odd_redis(pong) as after:
        taken = [take(pool) for _ in range(3)]
        assert pool.in_use == 3
        agreed.port = after
        pool.get_master_address()
        for connection in taken:
            pool.release(connection)
        assert (pool.in_use, pool._connections) == (0, [])
        pool.release(take(pool))
        assert (pool.in_use, len(pool._connections)) == (0, 1)


def ping(connection: redis.Connection) -> object:
    connection.send_command("PING")
    return connection.read_response()


@pytest.mark.parametrize(
    "close", [lambda pool: pool.disconnect(inuse_connections=False), PatientPool.disconnect_free_connections]
)
def test_a_free_connection_is_taken_while_the_free_ones_are_closed(primary, close):
    """Whoever takes one has it for itself: closing it in the middle of an answer would be an AttributeError."""
    closing, taken = threading.Event(), threading.Event()

    class Slowly(redis.Connection):
        """Closes only after another thread has had the time to take it."""

        def disconnect(self, *arguments: object) -> None:
            if threading.current_thread() is closer:
                closing.set()
                taken.wait(0.3)
            super().disconnect(*arguments)

    pool = PatientPool(connection_class=Slowly, port=primary, retry=no_retry(), protocol=2)
    pool.release(take(pool))
    closer = threading.Thread(target=close, args=(pool,))
    closer.start()
    assert closing.wait(5)
    connection = take(pool)
    taken.set()
    closer.join()
    assert ping(connection) == b"PONG"
    pool.release(connection)
    pool.disconnect()
