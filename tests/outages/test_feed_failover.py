"""The feed behind Sentinel and in a Cluster: it hears who announces today, and knows when it does not."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
import servers
from redis.cluster import RedisCluster

from flask_gosession import ids
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, Store
from flask_gosession.stores.feed import Subscription, feed_of
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.proofs.feeds import heard

from .machines import Watched, cluster, watched_by_sentinels

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
]


def announce(store: Store, subject: str = "ada") -> None:
    old, new = store.load(subject), Record(b"value", ids.new_etag())
    store.swap(subject, old and old.etag, new, time.time() + 60, announce=True)


def subscribed(store: Store, patience: float = 30.0) -> Subscription:
    """Return a subscription as soon as there is one."""
    found: list[Subscription] = []
    feed: Any = feed_of(store)

    def subscribe() -> bool:
        try:
            found.append(feed.subscribe(0.0))
        except StoreUnavailable:
            return False
        return True

    servers.wait_until(subscribe, "a subscription", patience)
    return found[0]


def is_lost(subscription: Subscription) -> bool:
    try:
        subscription.beat(1.0)
        subscription.read()
    except StoreUnavailable:
        return True
    return False


def answers(store: Store, subject: str) -> bool:
    try:
        return store.load(subject) is not None
    except StoreUnavailable:
        return False


def primary_of(watched: Watched) -> int:
    with redis.Redis(port=watched.sentinels[0].port, protocol=2) as client:
        return int(client.sentinel_master("service")["port"])


def test_sentinel():
    """A frozen primary's place is taken: the old subscription is lost though its socket lives; the next one hears."""
    with watched_by_sentinels(down_after=1500) as watched:
        store = open_store(watched.url)
        subscription = subscribed(store)
        announce(store)
        assert heard(subscription, 5.0) == ["ada"]
        watched.primary.freeze()
        servers.wait_until(lambda: primary_of(watched) == watched.replica.port, "a promotion", 30)
        servers.wait_until(lambda: is_lost(subscription), "the loss of the subscription", 10)
        subscription.close()
        watched.primary.thaw()
        following = subscribed(store)
        announce(store, "bob")
        assert heard(following, 6.0) == ["bob"]
        following.close()
        store.close()


def test_cluster():
    """Announcements of every primary are heard; when one is replaced, the subscription is lost, and the next hears."""
    with cluster(2000) as nodes:
        store = open_store("redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in nodes))
        subscription = subscribed(store)
        subjects = [f"user-{number}" for number in range(40)]
        for subject in subjects:
            announce(store, subject)
        assert set(heard(subscription, 5.0)) == set(subjects)
        with RedisCluster("127.0.0.1", nodes[0].port) as client:
            primaries = {node.port for node in client.get_primaries()}
        next(one for one in nodes if one.port in primaries).kill()
        servers.wait_until(lambda: is_lost(subscription), "the loss of the subscription", 10)
        subscription.close()
        servers.wait_until(lambda: all(answers(store, subject) for subject in subjects), "a new primary", 30)
        following = subscribed(store)
        announce(store, subjects[0])
        assert heard(following, 6.0) == [subjects[0]]
        following.close()
        store.close()
