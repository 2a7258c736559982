"""A Redis that is set up wrongly, started so."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
import servers
from cli.shop import make_shop
from faults.proxy import Way, fault_proxy

from doctor.conftest import Examine, severities
from flask_gosession.stores.redis.diagnosis import LATE
from flask_gosession.testing.clock import FakeClock

pytestmark = pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)

PATIENT = "socket_timeout=5&socket_connect_timeout=5"


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture(scope="module")
def url(stack: ExitStack) -> str:
    """Return the URL of a Redis that keeps an append-only file and evicts nothing."""
    return f"{stack.enter_context(servers.running_redis('--appendonly', 'yes')).url}?{PATIENT}"


@pytest.fixture
def client(url: str) -> Iterator[redis.Redis]:
    """Yield a client of that Redis, whose settings are put back afterwards."""
    with redis.Redis.from_url(url) as opened:
        before = {name: opened.config_get(name)[name] for name in ("maxmemory", "maxmemory-policy", "appendonly")}
        yield opened
        for name, value in before.items():
            opened.config_set(name, value)


def test_a_good_redis_is_well(examine: Examine, url: str):
    """Nothing but advice is said of a Redis that is set up as the documentation says."""
    found = examine(url)
    assert severities(found) == {}
    assert {"redis.version", "redis.clock", "redis.eviction", "redis.memory", "redis.acl"} <= found.keys()


def test_eviction_is_an_error(examine: Examine, url: str, client: redis.Redis):
    """A Redis that deletes records when it is full signs people out: an error where there is a limit."""
    client.config_set("maxmemory-policy", "allkeys-lru")
    assert severities(examine(url)) == {"redis.eviction": "warning"}
    client.config_set("maxmemory", "100mb")
    found = examine(url)["redis.eviction"]
    assert (found.severity, found.fix) == ("error", "CONFIG SET maxmemory-policy noeviction")
    assert "allkeys-lru" in found.what


def test_little_memory_is_told_in_time(examine: Examine, url: str, client: redis.Redis):
    """From 80 % of its memory on a Redis is worth a warning, from 95 % an error."""
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", int(used * 1.15))
    assert examine(url)["redis.memory"].severity == "warning"
    client.config_set("maxmemory", int(used * 0.9))
    assert examine(url)["redis.memory"].severity == "error"


def test_a_full_redis_is_found(examine: Examine, url: str, client: redis.Redis):
    """A Redis without room is found by its memory; the script of a swap is tried all the same."""
    client.config_set("maxmemory", "1mb")
    assert examine(url)["redis.memory"].severity == "error"


def test_no_append_only_file_is_a_warning(examine: Examine, url: str, client: redis.Redis):
    """Without AOF a restart forgets, or brings back, sessions."""
    client.config_set("appendonly", "no")
    assert severities(examine(url)) == {"redis.persistence": "warning"}


def test_a_clock_an_hour_off_is_an_error(url: str, clock: FakeClock):
    """A host whose clock is an hour ahead is told so, with the number of seconds."""
    shop = make_shop(url, clock, testing=False)
    clock.advance(3600)
    with shop.app.app_context():
        (finding,) = [one for one in shop.gosession.doctor() if one.check == "redis.clock"]
    assert finding.severity == "error"
    assert "behind" in finding.what
    assert "3,600" in finding.what or "3,599" in finding.what


def test_a_wrong_password_is_named(examine: Examine, stack: ExitStack):
    """With a wrong or missing password doctor says what is wrong, and repeats no password."""
    at = stack.enter_context(servers.running_redis("--requirepass", "the-right-one"))
    wrong = examine(f"redis://:hush-hush@127.0.0.1:{at.port}/0")["store.reachable"]
    missing = examine(at.url)["store.reachable"]
    assert (wrong.severity, missing.severity) == ("error", "error")
    assert "user and password" in wrong.fix
    assert "password" in missing.fix
    assert "hush-hush" not in str(wrong)
    assert severities(examine(f"redis://:the-right-one@127.0.0.1:{at.port}/0")).keys() == {"redis.persistence"}


def test_a_user_without_rights_is_found(examine: Examine, url: str, client: redis.Redis):
    """Rights are tried, not read: no scripts is an error, no channel a warning, no INFO advice."""
    rights = ["~gosession:*", "+get", "+set", "+del", "+exists", "+getrange", "+strlen", "+scan", "+ping", "+publish"]
    client.acl_setuser("weak", enabled=True, passwords=["+pw"], reset=True)
    at = url.replace("redis://", "redis://weak:pw@")
    client.execute_command("ACL", "SETUSER", "weak", *rights)
    assert examine(at)["store.reachable"].severity == "error"
    assert "ACL SETUSER" in examine(at)["store.reachable"].fix

    client.execute_command("ACL", "SETUSER", "weak", "+eval", "+evalsha")
    found = examine(at)
    assert severities(found) == {"redis.acl": "warning", "redis.info": "advice"}
    assert "&gosession:changed" in found["redis.acl"].fix

    client.execute_command("ACL", "SETUSER", "weak", "&gosession:changed", "+info", "+time", "+config|get")
    assert "may not subscribe" in examine(at)["redis.acl"].what
    client.execute_command("ACL", "SETUSER", "weak", "+subscribe")
    assert severities(examine(at)) == {}


def test_missing_replicas_are_found(examine: Examine, url: str):
    """More replicas asked for than there are is an error."""
    found = examine(url, WAIT_REPLICAS=1)
    assert severities(found) == {"redis.replicas": "error"}


def test_replicas_and_their_primary_are_looked_at(examine: Examine, url: str, stack: ExitStack):
    """A primary that would go on alone is a warning, a replica named as the store an error."""
    port = redis.Redis.from_url(url).connection_pool.connection_kwargs["port"]
    replica = stack.enter_context(servers.running_redis("--replicaof", f"127.0.0.1 {port}"))
    with redis.Redis.from_url(url) as primary:
        servers.wait_until(lambda: "online" in str(primary.info("replication")), "a replica that is online")
    found = examine(url)
    assert severities(found) == {"redis.min_replicas": "warning"}
    assert severities(examine(url, WAIT_REPLICAS=1)) == {}
    assert severities(examine(replica.url))["redis.role"] == "error"


@pytest.mark.long
def test_a_lagging_replica_is_found(examine: Examine, stack: ExitStack):
    """A replica that hangs is a warning as soon as it has said nothing for ten seconds."""
    primary = stack.enter_context(servers.running_redis("--appendonly", "yes"))
    replica = stack.enter_context(servers.running_redis("--replicaof", f"127.0.0.1 {primary.port}"))
    with redis.Redis.from_url(primary.url) as client:
        servers.wait_until(lambda: "online" in str(client.info("replication")), "a replica that is online")
        with redis.Redis.from_url(replica.url) as other:
            os.kill(other.info("server")["process_id"], signal.SIGSTOP)
        servers.wait_until(lambda: client.info("replication")["slave0"]["lag"] >= LATE, "a lag")
    assert severities(examine(f"{primary.url}?{PATIENT}"))["redis.lag"] == "warning"


def test_a_slow_redis_is_found(examine: Examine, url: str):
    """Behind a network that takes 15 ms there and back, each request waits for as long."""
    port = redis.Redis.from_url(url).connection_pool.connection_kwargs["port"]
    with fault_proxy(port) as proxy:
        proxy.turn(Way(delay=0.015))
        found = examine(url.replace(str(port), str(proxy.port)))
    assert found["store.latency"].severity == "warning"


def test_a_failed_save_is_an_error(examine: Examine, url: str, client: redis.Redis):
    """A Redis that cannot write its snapshot is found."""
    before = client.config_get("dir")["dir"]
    blocker = Path(before) / "dump.rdb"
    blocker.mkdir()
    (blocker / "full").touch()
    client.bgsave()
    servers.wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "a failed save")
    try:
        assert severities(examine(url))["redis.persistence"] == "error"
    finally:
        (blocker / "full").unlink()
        blocker.rmdir()
        client.bgsave()
        servers.wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok", "a save")
