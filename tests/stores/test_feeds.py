"""The announcements of swaps, on every store that makes them; and what may happen to a connection to Redis."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
import servers
from gevents import needs_gevent, run_script
from relays import relay

from flask_gosession import ids
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, Store
from flask_gosession.stores.breaker import BreakerStore
from flask_gosession.stores.feed import Subscription, feed_of
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.stores.redis import pubsub
from flask_gosession.stores.redis.feed import RedisFeed
from flask_gosession.stores.redis.pubsub import Listener
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.proofs.feeds import FeedContract, heard


class TestFeed(FeedContract):
    @pytest.fixture
    def store(self, any_store: Store) -> Store:
        if feed_of(any_store) is None:
            pytest.skip("this store tells nobody of its swaps")
        return any_store


def announce(store: Store, subject: str = "ada") -> None:
    """Write to a subject's record, whatever is there."""
    old = store.load(subject)
    new = Record(b"value", ids.new_etag())
    store.swap(subject, old and old.etag, new, time.time() + 60, announce=True)


def read_until(subscription: Subscription) -> float:
    """Read what has arrived; return up to when the subscription has then heard everything."""
    subscription.read()
    return subscription.known_until


def test_files_have_no_feed(tmp_path: Path) -> None:
    """A store that tells nobody says so, behind its breaker too."""
    store = open_store(f"file://{tmp_path}/records")
    assert feed_of(store) is None
    assert feed_of(BreakerStore(store)) is None
    store.close()


def test_a_breaker_passes_the_feed_on() -> None:
    """The feed is the store's own."""
    store = MemoryStore()
    assert feed_of(BreakerStore(store)) is store.feed


def test_an_unread_subscription_holds_each_subject_once() -> None:
    """What nobody reads does not grow with the number of announcements."""
    store = MemoryStore()
    subscription = store.feed.subscribe(0.0)
    for _ in range(5):
        announce(store)
    assert subscription.read() == ["ada"]


def test_a_killed_connection_is_a_gap(server: servers.RedisAt, admin: redis.Redis, key_prefix: str) -> None:
    """It is pending at once, raises, and never connects again by itself."""
    store = open_store(server.url, key_prefix=key_prefix)
    subscription = store.feed.subscribe(0.0)
    admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    servers.wait_until(subscription.pending, "the end of the connection")
    with pytest.raises(StoreUnavailable):
        subscription.read()
    with pytest.raises(StoreUnavailable):
        subscription.read()
    subscription.close()
    assert subscription.pending()
    store.close()


@pytest.mark.parametrize("rule", ["-publish", "-subscribe"])
def test_a_refusal_is_told_at_the_subscription(
    server: servers.RedisAt, admin: redis.Redis, key_prefix: str, rule: str
) -> None:
    """A user who may not publish, or not listen, gets no subscription, and one after the rule is changed."""
    admin.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", rule)
    store = open_store(f"redis://app:pw@127.0.0.1:{server.port}", key_prefix=key_prefix)
    with pytest.raises(StoreUnavailable) as caught:
        store.feed.subscribe(0.0)
    assert isinstance(caught.value.__cause__, (redis.RedisError, ValueError))
    admin.execute_command("ACL", "SETUSER", "app", "+@all")
    store.feed.subscribe(0.0).close()
    store.close()


def test_a_refused_announcement_ends_the_subscriptions(
    server: servers.RedisAt, admin: redis.Redis, key_prefix: str
) -> None:
    """At once, because others are refused, too; with a new subscription that is forgotten."""
    admin.execute_command("ACL", "SETUSER", "writer", "on", ">pw", "~*", "&*", "+@all")
    store = open_store(f"redis://writer:pw@127.0.0.1:{server.port}", key_prefix=key_prefix)
    subscription = store.feed.subscribe(0.0)
    admin.execute_command("ACL", "SETUSER", "writer", "-publish")
    announce(store)
    assert not store.announces
    assert subscription.pending()
    with pytest.raises(StoreUnavailable):
        subscription.read()
    subscription.close()
    admin.execute_command("ACL", "SETUSER", "writer", "+@all")
    store.feed.subscribe(0.0).close()
    assert store.announces
    store.close()


def test_what_others_publish_is_no_subject(server: servers.RedisAt, admin: redis.Redis, key_prefix: str) -> None:
    """A message that is no encoded subject is passed over."""
    store = open_store(server.url, key_prefix=key_prefix)
    subscription = store.feed.subscribe(0.0)
    admin.publish(store.channel, b"\xff\xfe")
    admin.publish(store.channel, b"")
    announce(store)
    assert heard(subscription, 1.0) == ["ada"]
    subscription.close()
    store.close()


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_ready_client(server: servers.RedisAt, key_prefix: str, protocol: int) -> None:
    """A client of the app's own has a feed, too, whichever protocol it speaks."""
    with redis.Redis(port=server.port, protocol=protocol) as client:
        store = open_store(client, key_prefix=key_prefix)
        subscription = store.feed.subscribe(0.0)
        announce(store)
        assert heard(subscription, 1.0) == ["ada"]
        subscription.close()


def test_a_beat_counts_when_it_comes_back(server: servers.RedisAt, key_prefix: str) -> None:
    """Over a link that is silently cut beats can be sent for long; the echo alone shows that nothing was missed."""
    with relay("127.0.0.1", server.port) as link:
        store = open_store(f"redis://127.0.0.1:{link.port}", key_prefix=key_prefix)
        subscription = store.feed.subscribe(0.0)
        link.passing.clear()
        subscription.beat(5.0)
        assert subscription.read() == []
        assert subscription.known_until == 0.0
        link.passing.set()
        servers.wait_until(lambda: read_until(subscription) == 5.0, "the echo")
        subscription.close()
        store.close()


@pytest.mark.parametrize("silent", [0, 1], ids=["first", "last"])
def test_one_silent_node_of_two(server: servers.RedisAt, key_prefix: str, silent: int) -> None:
    """What the others say does not stand for the node that says nothing: its announcements may be on their way."""
    store = open_store(server.url, key_prefix=key_prefix)
    with relay("127.0.0.1", server.port) as link:
        ports = [server.port, server.port]
        ports[silent] = link.port
        places = {str(number): partial(redis.Connection, port=port, protocol=2) for number, port in enumerate(ports)}
        subscription = RedisFeed(lambda: places, store.channel, 5.0).subscribe(0.0)
        link.passing.clear()
        subscription.beat(5.0)
        announce(store)
        servers.wait_until(subscription.read, "the announcement, behind the echo of the node that speaks")
        assert subscription.known_until == 0.0
        link.passing.set()
        servers.wait_until(lambda: read_until(subscription) == 5.0, "the other node's echo")
        subscription.close()
    store.close()


class Scripted:
    """A connection whose server sends what a test says, some bytes at a time."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)
        self._sock = self

    def connect(self) -> None: ...

    def send_command(self, *_command: Any, **_options: Any) -> None: ...

    def read_response(self) -> None: ...

    def settimeout(self, _seconds: float) -> None: ...

    def recv(self, _size: int) -> bytes:
        if not self.chunks:
            raise BlockingIOError
        return self.chunks.pop(0)


SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
MESSAGE = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\na\r\nb_\r\n"


@pytest.mark.parametrize("cut", range(1, len(MESSAGE)))
def test_a_message_in_two_halves(cut: int) -> None:
    """What has not arrived whole is read when it has, and nobody waits for the rest."""
    scripted: Any = Scripted(SUBSCRIBED)
    listener = Listener(scripted, "c", 0.0)
    scripted.chunks = [MESSAGE[:cut]]
    assert listener.read() == []
    scripted.chunks = [MESSAGE[cut:] + MESSAGE]
    assert listener.read() == [b"a\r\nb_", b"a\r\nb_"]


def test_messages_behind_the_acknowledgement() -> None:
    """What came in one piece with it is not lost."""
    scripted: Any = Scripted(SUBSCRIBED + MESSAGE)
    assert Listener(scripted, "c", 0.0).read() == [b"a\r\nb_"]


def test_what_is_no_message_is_an_error() -> None:
    """As it is where a proxy answers in the place of Redis."""
    scripted: Any = Scripted(SUBSCRIBED)
    listener = Listener(scripted, "c", 0.0)
    scripted.chunks = [b"HTTP/1.1 400 Bad Request\r\n\r\n"]
    with pytest.raises(ValueError):
        listener.read()


@pytest.mark.long
def test_tls(tmp_path: Path, key_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that TLS has taken off the socket already are read, too, however many calls that takes: none is told of."""
    if servers.REDIS_SERVER is None:
        pytest.skip(servers.WITHOUT_REDIS)
    monkeypatch.setattr(pubsub, "CHUNK", 100)
    with servers.served_tls(tmp_path) as (url, certificate):
        store = open_store(f"{url}?ssl_ca_certs={certificate}", key_prefix=key_prefix)
        subscription = store.feed.subscribe(0.0)
        subjects = [f"{number}{'x' * 200}" for number in range(300)]
        for subject in subjects:
            announce(store, subject)
        assert heard(subscription, 1.0) == subjects
        announce(store, subjects[0])
        subscription.wait(servers.PATIENCE)
        assert subscription.read() == subjects[:1]
        assert not subscription.pending()
        subscription.close()
        store.close()


MANY_FILES = """
from gevent import monkey
monkey.patch_all()
import os, resource, sys, time
from flask_gosession.stores.feed import feed_of
from flask_gosession.stores.registry import open_store

most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most if most != resource.RLIM_INFINITY else 4096, most))
others = [os.open(os.devnull, os.O_RDONLY) for _ in range(1024)]
store = open_store(sys.argv[1])
subscription = feed_of(store).subscribe(0.0)
began = time.monotonic()
subscription.wait(0.1)
print(time.monotonic() - began >= 0.1)
subscription.beat(1.0)
subscription.wait(10)
subscription.read()
print(subscription.known_until)
"""


@needs_gevent
@pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)
def test_a_busy_gevent_worker_waits() -> None:
    """A worker with a thousand open streams waits for announcements, and does not ask a hundred times a second."""
    with servers.running_redis() as server:
        assert run_script(MANY_FILES, server.url).split() == ["True", "1.0"]
