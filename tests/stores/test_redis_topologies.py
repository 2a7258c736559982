"""The same store behind Sentinel and in a Cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
import redis
import servers
from gevents import needs_gevent, run_script
from pools import take

from flask_gosession import ids
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, Swap
from flask_gosession.stores.registry import open_store

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
]


def record(value: bytes = b"value") -> Record:
    return Record(value, ids.new_etag())


def soon() -> float:
    return time.time() + 60


@pytest.fixture(scope="module")
def sentinel_hosts() -> Iterator[str]:
    """Run a master with a password, a Sentinel that watches it, and nobody at the first of the two addresses."""
    with servers.running_redis("--requirepass", "master-pw") as master:
        config = (
            f"sentinel monitor service 127.0.0.1 {master.port} 1\n"
            "sentinel auth-pass service master-pw\n"
            "requirepass sentinel-pw\n"
        )
        with servers.running_sentinel(config) as sentinel:
            yield f"127.0.0.1:{servers.free_port()},127.0.0.1:{sentinel.port}"


def test_sentinel(sentinel_hosts: str, key_prefix: str) -> None:
    """The master is found through the Sentinels, each with its own password, though the first one is down."""
    url = f"redis+sentinel://:master-pw@{sentinel_hosts}/service/2?sentinel_password=sentinel-pw"
    store = open_store(url, key_prefix=key_prefix)
    new = record()
    assert store.swap("a:b", None, new, soon(), announce=True) is Swap.DONE
    assert store.load("a:b") == new
    assert list(store.subjects()) == ["a:b"]
    store.ping()
    store.close()
    store.close()


def test_unknown_service_is_unavailable(sentinel_hosts: str) -> None:
    """A service that no Sentinel watches is an unavailable store. STO-08."""
    store = open_store(f"redis+sentinel://{sentinel_hosts}/other/0?sentinel_password=sentinel-pw")
    with pytest.raises(StoreUnavailable):
        store.load("a")
    store.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[servers.RedisAt]:
    """Run a cluster of two primaries."""
    with _cluster_node() as one, _cluster_node() as two:
        with redis.Redis(port=one.port) as first, redis.Redis(port=two.port) as second:
            first.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
            second.execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
            second.execute_command("CLUSTER", "SET-CONFIG-EPOCH", 2)
            bus = second.config_get("cluster-port")["cluster-port"]
            first.execute_command("CLUSTER", "MEET", "127.0.0.1", two.port, bus)
            for node in (first, second):
                servers.wait_until(lambda node=node: b"cluster_state:ok" in _info(node), "a cluster that is whole")
        yield one


def _cluster_node() -> AbstractContextManager[servers.RedisAt]:
    # The usual bus port, ten thousand above the other, may lie beyond the last port.
    return servers.running_redis("--cluster-enabled", "yes", "--cluster-port", str(servers.free_port()))


def _info(node: redis.Redis) -> bytes:
    answer = node.execute_command("CLUSTER", "INFO")
    return str(answer).encode() if isinstance(answer, dict) else answer


GREENLETS = """
from gevent import monkey

monkey.patch_all()

import sys
import time

from flask_gosession import ids
from flask_gosession.stores.base import Record
from flask_gosession.stores.registry import open_store

store = open_store(sys.argv[1], key_prefix=sys.argv[2])
new = Record(b"value", ids.new_etag())
store.swap("ada", None, new, time.time() + 60, announce=True)
store.close()
print(store.load("ada") == new, store.connections_in_use)
store.close()
"""


@needs_gevent
def test_under_gevent(sentinel_hosts: str, cluster: servers.RedisAt, key_prefix: str) -> None:
    """Gevent puts queues of its own in the place of the library's; closed, a store connects again when it is used."""
    behind_sentinel = f"redis+sentinel://:master-pw@{sentinel_hosts}/service/2?sentinel_password=sentinel-pw"
    with servers.running_redis() as alone:
        for url in (alone.url, behind_sentinel, f"redis+cluster://127.0.0.1:{cluster.port}"):
            assert run_script(GREENLETS, url, key_prefix).strip() == "True 0"


@pytest.mark.parametrize("wait_replicas", [0, 1])
def test_cluster(cluster: servers.RedisAt, key_prefix: str, wait_replicas: int) -> None:
    """Records spread over all primaries; each verb finds its own, and the listing finds all of them."""
    store = open_store(
        f"redis+cluster://127.0.0.1:{servers.free_port()},127.0.0.1:{cluster.port}",
        key_prefix=key_prefix,
        wait_replicas=wait_replicas,
    )
    records = {f"user:{number}": record() for number in range(20)}
    expected = Swap.UNCONFIRMED if wait_replicas else Swap.DONE
    for subject, new in records.items():
        assert store.swap(subject, None, new, soon(), announce=True) is expected
    assert {subject: store.load(subject) for subject in records} == records
    assert sorted(store.subjects()) == sorted(records)
    store.ping()
    store.close()
    store.close()


def test_connections_in_use_are_counted_in_a_cluster(cluster: servers.RedisAt, key_prefix: str) -> None:
    """Those to each of its nodes are; before the first command there are none."""
    store = open_store(f"redis+cluster://127.0.0.1:{cluster.port}", key_prefix=key_prefix)
    assert store.connections_in_use == 0
    for number in range(20):
        store.load(f"user:{number}")
    assert store.connections_in_use == 0
    pools = [node.redis_connection.connection_pool for node in store._client().get_primaries()]
    lent = [take(pool) for pool in pools]
    assert store.connections_in_use == len(pools) == 2
    for pool, connection in zip(pools, lent, strict=True):
        pool.release(connection)
    assert store.connections_in_use == 0
    store.close()
    assert store.connections_in_use == 0


def test_absent_cluster_is_unavailable() -> None:
    """A cluster of which no node answers is an unavailable store, noticed at the first use only. STO-08."""
    store = open_store(f"redis+cluster://127.0.0.1:{servers.free_port()}")
    with pytest.raises(StoreUnavailable):
        store.load("a")
    with pytest.raises(StoreUnavailable):
        store.swap("a", None, record(), soon(), announce=True)
    store.close()


def test_pages_of_a_cluster(cluster: servers.RedisAt, key_prefix: str) -> None:
    """Page by page the records of every primary come once, from a position that can be kept."""
    store = open_store(f"redis+cluster://127.0.0.1:{cluster.port}", key_prefix=key_prefix)
    for number in range(60):
        store.swap(f"user-{number}", None, record(), soon())
    found, position = [], None
    while page := store.page(position, 10):
        found += [subject for subject, _ in page.records]
        position = page.next
        if position is None:
            break
    assert sorted(found) == sorted(f"user-{number}" for number in range(60))
    assert store.size() == 60
    assert {one.severity for one in store.diagnose(time.time(), 10)} <= {"ok", "warning"}
    store.close()
