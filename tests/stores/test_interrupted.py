"""Callers of Redis that are interrupted while an answer is on its way, as by gevent.Timeout or Celery's time limit."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import redis
import servers

from flask_gosession.stores.redis.connect import SHARE, no_retry
from flask_gosession.stores.redis.deadline import with_deadline
from flask_gosession.stores.redis.pool import SentinelPool

pytestmark = [
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no such timers here"),
]


class Interrupted(BaseException):
    """Comes from outside, as a greenlet's end does."""


class Agreed:
    """Sentinels that all name the same primary."""

    def __init__(self, *address: object) -> None:
        self.address = address

    def discover_master(self, _service: str) -> tuple[object, ...]:
        """Return its address."""
        return self.address


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def agreed() -> Iterator[Agreed]:
    with servers.running_redis() as at:
        yield Agreed("127.0.0.1", at.port)


def pool_of(agreed: Agreed, kind: type = redis.sentinel.SentinelManagedConnection) -> SentinelPool:
    managed = with_deadline(kind, share=SHARE)
    return SentinelPool(
        "service", agreed, connection_class=managed, retry=no_retry(), max_connections=2, socket_timeout=5
    )


def test_nobody_gets_the_answer_to_an_earlier_question(agreed):
    """Behind Sentinel, a connection that was interrupted in the middle of an answer is closed."""
    with closing(redis.Redis(connection_pool=pool_of(agreed))) as client:
        client.set("ada", "hers")
        with pytest.raises(Interrupted), interrupted_after(0.05):
            client.blpop(["nothing"], timeout=2)
        assert client.get("ada") == b"hers"


def test_a_primary_that_is_not_ready_costs_no_connection(agreed):
    """A connection that cannot follow a failover goes back to the pool, which would run out of them."""
    ready, not_ready = agreed.address, ("127.0.0.1", servers.free_port())

    class Overtaken(redis.sentinel.SentinelManagedConnection):
        """While it connects, another thread hears of the next primary."""

        def connect(self) -> None:
            super().connect()
            if failovers and agreed.address == ready:
                agreed.address = failovers.pop()
                pool.get_master_address()

    pool = pool_of(agreed, Overtaken)
    failovers = [not_ready] * 3
    with closing(redis.Redis(connection_pool=pool)) as client:
        while failovers:
            with pytest.raises(redis.ConnectionError):
                client.ping()
            agreed.address = ready
            pool.get_master_address()
        assert client.ping()
