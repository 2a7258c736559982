"""Want of connections is not an outage: whoever finds none is refused alone, and the breaker stays closed. TRU-04."""

from __future__ import annotations

import errno
import os
import resource
import threading
import time
from collections import Counter
from contextlib import ExitStack

import databases
import pytest
import redis
import servers
import sqlalchemy as sa
from gevents import run_script
from odd_redis import odd_redis

from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import StoreBusy
from flask_gosession.stores.breaker import BreakerStore, BrokenCircuit
from flask_gosession.stores.redis.connect import connector_of
from flask_gosession.stores.redis.store import RedisStore
from flask_gosession.stores.registry import open_store
from flask_gosession.stores.sql import SQLStore


def slowly_nothing(connection, _command):
    """Answer nil after a while."""
    time.sleep(0.05)
    connection.sendall(b"$-1\r\n")


def outcomes_of(store, threads: int) -> Counter[str]:
    """Let so many threads load at once; return how that ended, by name."""
    outcomes: list[str] = []
    line = threading.Barrier(threads)

    def load() -> None:
        line.wait(10)
        try:
            outcomes.append(str(store.load("ada")))
        except StoreUnavailable as error:
            outcomes.append(type(error).__name__)

    workers = [threading.Thread(target=load) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    return Counter(outcomes)


def test_a_redis_pool_that_is_empty():
    """Forty threads on a pool of two: those that wait too long are refused, and the next one is served at once."""
    with odd_redis(slowly_nothing) as port:
        store = BreakerStore(open_store(f"redis://127.0.0.1:{port}/0?max_connections=2"))
        outcomes = outcomes_of(store, 40)
        assert set(outcomes) == {"None", "StoreBusy"}
        assert store.load("ada") is None
        store.close()


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from collections import Counter
from flask_gosession.stores.breaker import BreakerStore
from flask_gosession.stores.registry import open_store
store = BreakerStore(open_store(sys.argv[1]))
def load():
    try:
        return str(store.load("ada"))
    except Exception as error:
        return type(error).__name__
crowd = [gevent.spawn(load) for _ in range(300)]
gevent.joinall(crowd, raise_error=True)
print(sorted(Counter(one.value for one in crowd)), store.load("ada"))
"""


@pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)
def test_three_hundred_greenlets_on_a_pool_of_sixty_four():
    """All are answered, or refused for themselves alone; nobody meets an open breaker."""
    with servers.running_redis() as at:
        printed = run_script(GREENLETS, f"{at.url}?socket_timeout=5&socket_connect_timeout=5").strip()
    assert printed in ("['None'] None", "['None', 'StoreBusy'] None")


@pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)
def test_the_connection_limit_of_redis():
    """A Redis that takes no more clients is busy, not down; a pool that raises MaxConnectionsError likewise."""
    with servers.running_redis() as at, redis.Redis(port=at.port) as admin, ExitStack() as stack:
        admin.config_set("maxclients", 3)
        for _ in range(2):
            stack.enter_context(redis.Redis(port=at.port)).ping()
        store = BreakerStore(open_store(at.url))
        for _ in range(5):
            with pytest.raises(StoreBusy):
                store.load("ada")
        store.close()
    with odd_redis(slowly_nothing) as port, redis.Redis(port=port, max_connections=1, protocol=2) as client:
        outcomes = outcomes_of(BreakerStore(RedisStore(connector_of(client))), 8)
        assert set(outcomes) == {"None", "StoreBusy"}


def test_no_file_descriptor_left():
    """A process without descriptors is refused its connection, which says nothing about Redis."""
    store = BreakerStore(open_store("redis://127.0.0.1:1/0"))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            store.load("ada")
        except StoreBusy:
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_file_store_out_of_descriptors(tmp_path, monkeypatch):
    """A file that cannot be opened for want of descriptors is no outage either."""
    pytest.importorskip("filelock")
    store = BreakerStore(open_store(f"file://{tmp_path}/sessions"))

    def refuse(*_arguments, **_options):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        for _ in range(5):
            with pytest.raises(StoreBusy):
                store.load("ada")
    assert store.load("ada") is None


def test_a_sql_pool_that_is_empty(tmp_path):
    """Connections that others keep are waited for; whoever finds none is refused alone."""
    store = SQLStore(sa.create_engine(f"sqlite:///{tmp_path}/a.db", pool_size=1, max_overflow=0, pool_timeout=0.05))
    breaker = BreakerStore(store)
    assert breaker.load("ada") is None
    with store._engine.connect():
        for _ in range(5):
            with pytest.raises(StoreBusy):
                breaker.load("ada")
    assert breaker.load("ada") is None
    breaker.close()


@pytest.mark.parametrize("name", list(databases.SERVERS))
def test_the_connection_limit_of_a_role(name):
    """A database user who may have no more connections is busy, whatever the driver calls that."""
    if not databases.answers(name):
        pytest.skip(databases.without(name))
    with limited_user(name) as url, ExitStack() as stack:
        store = BreakerStore(open_store(url))
        assert store.load("ada") is None
        store.store._engine.dispose()
        engine = sa.create_engine(store.store._engine.url, poolclass=sa.NullPool)
        for _ in range(2):
            stack.enter_context(engine.connect())
        for _ in range(5):
            with pytest.raises(StoreBusy):
                store.load("ada")
        stack.close()
        servers.wait_until(lambda: answers(store), "a free connection")
        store.close()


def answers(store) -> bool:
    try:
        return store.load("ada") is None
    except BrokenCircuit:
        raise
    except StoreUnavailable:
        return False


def limited_user(name: str):
    return databases.own_database_of_a_limited_user(name, connections=2)
