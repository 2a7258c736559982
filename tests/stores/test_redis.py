"""What Redis alone can do to a store: full, read-only, without its scripts, deaf, slow, damaged, without a channel."""

from __future__ import annotations

import inspect
import logging
import multiprocessing
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from functools import wraps
from importlib.resources import files

import fakeredis
import pytest
import redis
import servers
from backends import UNHURRIED_REDIS
from redis.cluster import RedisCluster

from flask_gosession import ids
from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.stores.base import Record, Store, StoreFull, Swap
from flask_gosession.stores.redis import RedisStore
from flask_gosession.stores.redis.connect import no_retry
from flask_gosession.stores.registry import open_store

pytestmark = pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)


SWAP_SCRIPT = files("flask_gosession.stores.redis").joinpath("swap.lua").read_text("utf-8")


def record(value: bytes = b"value") -> Record:
    return Record(value, ids.new_etag())


def soon() -> float:
    return time.time() + 60


@pytest.fixture
def store(server: servers.RedisAt, key_prefix: str) -> Iterator[RedisStore]:
    store = RedisStore.from_url(f"{server.url}?{UNHURRIED_REDIS}", key_prefix=key_prefix)
    yield store
    store.close()


def commands_of(admin: redis.Redis, work) -> list[str]:
    """Return the names of the commands that *work* makes the server receive, without those of a new connection."""
    with admin.monitor() as monitor:
        work()
        admin.echo("end")
        seen = []
        for event in monitor.listen():
            if event["command"] == "ECHO end":
                return [name for name in seen if name not in ("CLIENT", "SELECT", "HELLO")]
            if event["client_type"] != "lua":
                seen.append(event["command"].split()[0].upper())
    raise AssertionError("the monitor ended")


def test_check_is_one_get(store: RedisStore, admin: redis.Redis) -> None:
    """A load is exactly one GET, found or not."""
    store.swap("a", None, record(), soon())
    assert commands_of(admin, lambda: (store.load("a"), store.load("nobody"))) == ["GET", "GET"]


def test_swap_is_one_evalsha(store: RedisStore, admin: redis.Redis) -> None:
    """A swap is exactly one EVALSHA, announced or not."""
    store.swap("a", None, record(), soon())
    assert commands_of(admin, lambda: store.swap("b", None, record(), soon(), announce=True)) == ["EVALSHA"]


def test_stored_as_one_string_with_etag_first(store: RedisStore, admin: redis.Redis, key_prefix: str) -> None:
    """In Redis a record is one string under the prefix: eight bytes of etag, then the value."""
    store.swap("a", None, Record(b"value", b"etagetag"), soon())
    assert admin.get(f"{key_prefix}:a") == b"etagetagvalue"


def test_expires_by_itself(store: RedisStore, admin: redis.Redis, key_prefix: str) -> None:
    """Every key has an end, also one whose end already lies in the past. STO-05."""
    store.swap("a", None, record(), time.time() + 60)
    store.swap("past", None, record(), time.time() - 60)
    store.swap("zero", None, record(), 0)
    assert 58_000 < admin.pttl(f"{key_prefix}:a") <= 60_000
    assert admin.exists(f"{key_prefix}:past", f"{key_prefix}:zero") == 0


@pytest.mark.parametrize("subject", ["a:b", "{a}", "a*", "a?b", "../a", "a.b", "a\x00b", "$a", "a b", "é\n"], ids=ascii)
def test_keys_are_plain(store: RedisStore, admin: redis.Redis, key_prefix: str, subject: str) -> None:
    """No character with a meaning reaches Redis. STO-02."""
    store.swap(subject, None, record(), soon())
    (key,) = admin.keys(f"{key_prefix}*")
    spelling = key.decode().removeprefix(f"{key_prefix}:")
    assert not set(spelling) & set("*?{}[]:/.\x00$\\ \n")
    assert list(store.subjects()) == [subject]


def test_prefixes_do_not_mix(server: servers.RedisAt, key_prefix: str) -> None:
    """Stores with other prefixes do not see each other, not even when one prefix is a pattern or a beginning."""
    prefixes = [key_prefix, f"{key_prefix}:x", f"{key_prefix}*", f"{key_prefix}[a]", f"{key_prefix}\\"]
    stores = [RedisStore.from_url(server.url, key_prefix=prefix) for prefix in prefixes]
    for number, one in enumerate(stores):
        one.swap(str(number), None, record(), soon())
    assert [list(one.subjects()) for one in stores] == [["0"], ["1"], ["2"], ["3"], ["4"]]
    for one in stores:
        one.close()


def test_survives_script_flush(store: RedisStore, admin: redis.Redis) -> None:
    """A server that has forgotten the script gets it again within the same swap."""
    first = record()
    store.swap("a", None, first, soon())
    admin.script_flush()
    assert store.swap("a", first.etag, record(), soon()) is Swap.DONE


@pytest.mark.parametrize("damage", ["LPUSH", "SADD", "APPEND"])
def test_foreign_value_is_replaced(store: RedisStore, admin: redis.Redis, key_prefix: str, damage: str) -> None:
    """A key of another type, or too short, reads as a corrupt record, and is replaced or deleted by its etag."""
    for subject in ("a", "b"):
        admin.execute_command(damage, f"{key_prefix}:{subject}", "x")
    corrupt, new = store.load("a"), record()
    assert corrupt is not None
    assert corrupt.value == b""
    assert store.swap("a", None, record(), soon()) is Swap.LOST
    assert store.swap("a", corrupt.etag, new, soon()) is Swap.DONE
    assert store.swap("b", corrupt.etag, None, soon()) is Swap.DONE
    assert (store.load("a"), store.load("b")) == (new, None)


def test_empty_value_is_foreign(store: RedisStore, admin: redis.Redis, key_prefix: str) -> None:
    """An empty string in Redis is a corrupt record, not a missing one."""
    admin.set(f"{key_prefix}:a", b"")
    assert store.swap("a", None, record(), soon()) is Swap.LOST
    assert store.swap("a", store.load("a").etag, record(), soon()) is Swap.DONE


def test_foreign_keys_are_not_listed(store: RedisStore, admin: redis.Redis, key_prefix: str) -> None:
    """Keys under the prefix that we would not have written are not taken for subjects."""
    store.swap("a", None, record(), soon())
    for name in ("a.b", "%61", "a:b", "%zz", "\x00"):
        admin.set(f"{key_prefix}:{name}", "x")
    admin.set(f"{key_prefix}:".encode() + b"\xff", "x")
    assert list(store.subjects()) == ["a"]


@pytest.fixture
def full(admin: redis.Redis) -> Iterator[None]:
    """Let the server have no memory left while the test runs: call it after what must be stored before."""
    yield
    admin.config_set("maxmemory", 0)


def fill(admin: redis.Redis) -> None:
    admin.config_set("maxmemory-policy", "noeviction")
    admin.config_set("maxmemory", 1)


@pytest.mark.usefixtures("full")
def test_full_redis_refuses_growth(store: RedisStore, admin: redis.Redis) -> None:
    """On a full Redis a new record, and one that grows, is refused and changes nothing. STO-08."""
    first = record(b"12345")
    store.swap("a", None, first, soon())
    fill(admin)
    with pytest.raises(StoreFull) as refused:
        store.swap("b", None, record(), soon())
    assert isinstance(refused.value.__cause__, redis.exceptions.OutOfMemoryError)
    with pytest.raises(StoreFull):
        store.swap("a", first.etag, record(b"123456"), soon(), announce=True)
    assert (store.load("a"), store.load("b")) == (first, None)


@pytest.mark.usefixtures("full")
def test_full_redis_takes_revocations(store: RedisStore, admin: redis.Redis) -> None:
    """On a full Redis a record that does not grow is written, and one is deleted: a revocation works."""
    first, second = record(b"12345"), record(b"1234")
    store.swap("a", None, first, soon())
    fill(admin)
    assert store.swap("a", first.etag, second, soon(), announce=True) is Swap.DONE
    assert store.swap("a", first.etag, record(b""), soon()) is Swap.LOST
    assert store.load("a") == second
    assert store.swap("a", second.etag, None, soon(), announce=True) is Swap.DONE
    assert store.load("a") is None


def test_announces_in_the_swap(store: RedisStore, admin: redis.Redis) -> None:
    """An announced swap that was done publishes the encoded subject once; lost and unannounced ones publish nothing."""
    first = record()
    with admin.pubsub() as heard:
        heard.subscribe(store.channel)
        assert heard.get_message(timeout=5)["type"] == "subscribe"
        store.swap("silent", None, record(), soon())
        store.swap("a:b", None, first, soon(), announce=True)
        store.swap("a:b", None, record(), soon(), announce=True)
        store.swap("a:b", first.etag, None, soon(), announce=True)
        admin.publish(store.channel, "end")
        messages = [heard.get_message(timeout=5)["data"] for _ in range(3)]
    assert messages == [b"a%3Ab", b"a%3Ab", b"end"]
    assert store.announces


def test_refused_announcement(
    server: servers.RedisAt, admin: redis.Redis, key_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where an ACL forbids the channel the swap stands, and the broken feed is reported once."""
    admin.execute_command("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all", "resetchannels")
    store = RedisStore.from_url(f"redis://deaf:pw@127.0.0.1:{server.port}/0", key_prefix=key_prefix)
    with caplog.at_level(logging.ERROR, "flask_gosession"):
        assert store.swap("a", None, record(), soon(), announce=True) is Swap.DONE
        assert store.swap("b", None, record(), soon(), announce=True) is Swap.DONE
    assert store.load("b") is not None
    assert not store.announces
    assert len(caplog.records) == 1
    store.close()


def test_refused_commands_are_unavailable(server: servers.RedisAt, admin: redis.Redis, key_prefix: str) -> None:
    """A user who may not read or write is an unavailable store, not a missing or corrupt record. STO-08."""
    admin.execute_command("ACL", "SETUSER", "blind", "on", ">pw", "~*", "+@all", "-get", "-getrange", "-ping", "-scan")
    store = RedisStore.from_url(f"redis://blind:pw@127.0.0.1:{server.port}/0", key_prefix=key_prefix)
    assert_unavailable(store)
    store.close()


def test_wrong_password_is_unavailable(server: servers.RedisAt) -> None:
    """A wrong password is an unavailable store, with the driver's error as the cause. STO-08."""
    store = open_store(f"redis://default:wrong@127.0.0.1:{server.port}/0")
    admin = redis.Redis(port=server.port)
    admin.config_set("requirepass", "right")
    try:
        with pytest.raises(StoreUnavailable) as refused:
            store.load("a")
    finally:
        redis.Redis(port=server.port, password="right").config_set("requirepass", "")
        store.close()
        admin.close()
    assert isinstance(refused.value.__cause__, redis.AuthenticationError)


def test_read_only_replica_refuses_writes(server: servers.RedisAt, store: RedisStore, admin: redis.Redis) -> None:
    """A server that has become a replica is an unavailable store for writes. STO-08, STO-09."""
    admin.replicaof("127.0.0.1", server.port + 1)
    try:
        with pytest.raises(StoreUnavailable) as refused:
            store.swap("a", None, record(), soon())
    finally:
        admin.replicaof("NO", "ONE")
    assert isinstance(refused.value.__cause__, redis.ReadOnlyError)


def test_replicas_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of a Cluster is told nothing that lets it read from replicas, nor can a URL ask for it. STO-09."""
    given: list[dict[str, object]] = []
    made = RedisCluster.__init__

    @wraps(made)
    def note(*_arguments: object, **options: object) -> None:
        given.append(options)
        raise redis.ConnectionError

    monkeypatch.setattr(RedisCluster, "__init__", note)
    with pytest.raises(StoreUnavailable):
        open_store("redis+cluster://127.0.0.1:1").load("a")
    assert given
    assert not [
        name for options in given for name in options if "replica" in name or "balanc" in name or "read" in name
    ]
    defaults = {name: each.default for name, each in inspect.signature(made).parameters.items()}
    assert defaults.get("read_from_replicas", False) is False
    assert defaults.get("load_balancing_strategy") is None
    for option in ("read_from_replicas=true", "load_balancing_strategy=round_robin"):
        with pytest.raises(ConfigError):
            open_store(f"redis+cluster://127.0.0.1:1?{option}")


def test_too_few_replicas_refuses_writes(store: RedisStore, admin: redis.Redis) -> None:
    """A server that demands replicas it does not have is an unavailable store for writes. STO-08."""
    admin.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(StoreUnavailable, match="not available"):
            store.swap("a", None, record(), soon())
    finally:
        admin.config_set("min-replicas-to-write", 0)


def test_busy_server_is_unavailable(store: RedisStore, admin: redis.Redis, server: servers.RedisAt) -> None:
    """A server that is busy with somebody's script is an unavailable store, and answers again later. STO-08."""
    admin.config_set("busy-reply-threshold", 10)
    with redis.Redis(port=server.port, socket_timeout=0.05, retry=no_retry()) as hog:
        with pytest.raises(redis.TimeoutError):
            hog.execute_command("EVAL", "while true do end", 0)
        try:
            assert_unavailable(store)
        finally:
            admin.script_kill()
    servers.wait_until(lambda: answers(store), "an answer after the script was killed")
    admin.config_set("busy-reply-threshold", 5000)


def answers(store: Store) -> bool:
    try:
        store.ping()
    except StoreUnavailable:
        return False
    return True


def assert_unavailable(store: Store) -> None:
    for verb in (
        lambda: store.load("a"),
        lambda: store.swap("a", None, record(), soon(), announce=True),
        lambda: list(store.subjects()),
        store.ping,
    ):
        with pytest.raises(StoreUnavailable) as refused:
            verb()
        assert refused.value.__cause__ is not None


def test_absent_server_is_unavailable() -> None:
    """A port where nobody listens is an unavailable store, for every verb. STO-08."""
    store = open_store(f"redis://127.0.0.1:{servers.free_port()}/0")
    assert_unavailable(store)
    store.close()


def test_black_hole_costs_half_a_second() -> None:
    """A server that accepts and never answers costs a request at most 500 ms (here a loose multiple). STO-07."""
    with servers.black_hole() as port:
        store = open_store(f"redis://127.0.0.1:{port}/0")
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.load("a")
        assert time.monotonic() - started < 1.5
        store.close()


def test_timeouts_handed_to_the_driver() -> None:
    """The driver gets a quarter of a second to connect and to answer, a bounded pool and no retries. STO-07."""
    store = RedisStore.from_url("redis://127.0.0.1:1/0")
    pool = store._client().connection_pool
    options = pool.connection_kwargs
    assert (options["socket_connect_timeout"], options["socket_timeout"], pool.timeout) == (0.25, 0.25, 0.25)
    assert pool.max_connections == 64
    assert options["retry"]._retries == 0
    store.close()


def test_timeouts_from_the_url() -> None:
    """The URL may ask for other timeouts and another size of the pool."""
    store = RedisStore.from_url("redis://127.0.0.1:1/0?socket_timeout=1.5&socket_connect_timeout=2&max_connections=3")
    pool = store._client().connection_pool
    assert pool.connection_kwargs["socket_timeout"] == 1.5
    assert pool.connection_kwargs["socket_connect_timeout"] == 2
    assert pool.max_connections == 3
    store.close()


def test_lost_reply_of_a_write_is_not_repeated(server: servers.RedisAt, admin: redis.Redis, key_prefix: str) -> None:
    """A swap whose reply is lost was sent once: the driver does not repeat it behind our back. STO-07."""
    admin.script_load(SWAP_SCRIPT)
    before, new = calls_of(admin, "evalsha"), record()
    with servers.swallowing_proxy(server.port, b"EVALSHA") as port:
        store = RedisStore.from_url(f"redis://127.0.0.1:{port}/0", key_prefix=key_prefix)
        with pytest.raises(StoreUnavailable):
            store.swap("a", None, new, soon())
        assert store.load("a") == new
        store.close()
    assert calls_of(admin, "evalsha") - before == 1


@pytest.mark.parametrize("verb", ["GET", "PING"])
def test_unanswered_read_is_not_repeated(
    server: servers.RedisAt, admin: redis.Redis, key_prefix: str, verb: str
) -> None:
    """A read that timed out has cost its time and is not asked again. STO-07."""
    before = calls_of(admin, verb.lower())
    with servers.swallowing_proxy(server.port, verb.encode()) as port:
        store = RedisStore.from_url(f"redis://127.0.0.1:{port}/0", key_prefix=key_prefix)
        with pytest.raises(StoreUnavailable):
            store.load("a") if verb == "GET" else store.ping()
        store.close()
    assert calls_of(admin, verb.lower()) - before == 1


def calls_of(admin: redis.Redis, command: str) -> int:
    return admin.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]


def test_dead_connection_is_replaced(store: RedisStore, admin: redis.Redis) -> None:
    """A read on a connection that the server has cut is repeated once on a new one."""
    store.swap("a", None, record(), soon())
    admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert store.load("a") is not None


def test_nothing_is_connected_before_the_first_use(server: servers.RedisAt, admin: redis.Redis) -> None:
    """Opening a store makes no connection: servers may start in any order."""
    before = admin.info("stats")["total_connections_received"]
    store = open_store(server.url)
    assert admin.info("stats")["total_connections_received"] == before
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_usable_after_fork(store: RedisStore) -> None:
    """A child process uses the store that was opened and used before the fork, and so does its parent."""
    new = record()
    store.swap("a", None, new, soon())
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=lambda: answers.put(store.load("a")))
    child.start()
    assert answers.get(timeout=10) == new
    child.join()
    answers.close()
    answers.join_thread()
    assert store.load("a") == new


def test_unix_socket(server: servers.RedisAt, key_prefix: str) -> None:
    """A Unix socket is as good as a port."""
    store = open_store(f"redis+unix://{server.socket}?db=0", key_prefix=key_prefix)
    assert store.swap("a", None, record(), soon()) is Swap.DONE
    store.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate of this test")
def test_tls(tmp_path, key_prefix: str) -> None:
    """A rediss URL speaks TLS and verifies the certificate."""
    with servers.served_tls(tmp_path) as (url, ca):
        store = open_store(f"{url}?ssl_ca_certs={ca}", key_prefix=key_prefix)
        assert store.swap("a", None, record(), soon()) is Swap.DONE
        store.close()
        stranger = open_store(url, key_prefix=key_prefix)
        with pytest.raises(StoreUnavailable):
            stranger.load("a")
        stranger.close()


@pytest.fixture(scope="module")
def replica(server: servers.RedisAt) -> Iterator[redis.Redis]:
    """Run a replica of the server; the tests stop and resume its replication."""
    options = ("--replicaof", f"127.0.0.1 {server.port}", "--repl-diskless-sync-delay", "0")
    with servers.running_redis(*options) as at, redis.Redis(port=at.port) as client:
        with redis.Redis(port=server.port) as primary:
            servers.wait_until(lambda: all(_is_replicated(primary) for _ in range(10)), "steady replication")
        yield client


def _is_replicated(primary: redis.Redis) -> bool:
    """Return whether a write reaches the replica in time; at first it acknowledges once a second only."""
    primary.set("replicated", "yes")
    return primary.execute_command("WAIT", 1, 50) == 1


@pytest.mark.long
@pytest.mark.usefixtures("replica")
def test_announced_swap_waits_for_replicas(server: servers.RedisAt, admin: redis.Redis, key_prefix: str) -> None:
    """With WAIT_REPLICAS an announced swap is confirmed by the replica, on the same connection. STO-10."""
    store = RedisStore.from_url(server.url, key_prefix=key_prefix, wait_replicas=1)
    assert store.swap("a", None, record(), soon(), announce=True) is Swap.DONE
    assert commands_of(admin, lambda: store.swap("b", None, record(), soon(), announce=True)) == ["EVALSHA", "WAIT"]
    assert commands_of(admin, lambda: store.swap("c", None, record(), soon())) == ["EVALSHA"]
    assert store.swap("a", None, record(), soon(), announce=True) is Swap.LOST
    store.close()


@pytest.mark.usefixtures("replica")
def test_too_few_replicas_are_unconfirmed(server: servers.RedisAt, admin: redis.Redis, key_prefix: str) -> None:
    """A swap that too few replicas have is done, and says so; also when the script had to be sent. STO-10."""
    store = RedisStore.from_url(server.url, key_prefix=key_prefix, wait_replicas=2)
    admin.script_flush()
    assert store.swap("a", None, record(), soon(), announce=True) is Swap.UNCONFIRMED
    assert store.load("a") is not None
    store.close()


def test_ready_client(server: servers.RedisAt, key_prefix: str) -> None:
    """A ready client is used as it is, and stays open when the store is closed."""
    with redis.Redis(port=server.port) as client:
        store = open_store(client, key_prefix=key_prefix)
        assert store.swap("a", None, record(), soon()) is Swap.DONE
        store.close()
        assert client.exists(f"{key_prefix}:a") == 1


def test_decoding_client_is_refused() -> None:
    """A client that turns bytes into text is refused at start-up, with a sentence."""
    with fakeredis.FakeRedis(decode_responses=True) as client, pytest.raises(ConfigError, match="decode_responses"):
        open_store(client)


def test_asynchronous_client_is_refused() -> None:
    """An asyncio client is refused at start-up, with a sentence."""
    with pytest.raises(ConfigError, match="synchronous"):
        open_store(redis.asyncio.Redis())


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:{secret}@127.0.0.1/0?no_such_option=1",
        "redis://user:{secret}@127.0.0.1/0?socket_timeout=soon",
        "redis://user:{secret}@127.0.0.1:port/0",
        "redis+sentinel://user:{secret}@127.0.0.1:26379",
        "redis+sentinel://user:{secret}@127.0.0.1:26379/service/zero",
        "redis+sentinel://user:{secret}@127.0.0.1:26379/service/0?ssl=perhaps",
        "redis+sentinel://user:{secret}@/service/0",
        "redis+cluster://user:{secret}@127.0.0.1:7000/3",
        "redis+cluster://user:{secret}@127.0.0.1:7000?no_such_option=1",
    ],
)
def test_unusable_url_is_a_config_error(url: str) -> None:
    """A URL that cannot work is refused at start-up, and the sentence does not repeat the password. LOG-01."""
    secret = secrets.token_hex(8)
    with pytest.raises(ConfigError) as refused:
        open_store(url.format(secret=secret))
    assert secret not in str(refused.value)
