"""How many round trips each operation makes, counted at the store and on the wire to a real Redis."""

from __future__ import annotations

import pytest
import redis

from flask_gosession.stores.registry import open_store
from flask_gosession.testing.faulty import FaultyStore


@pytest.fixture
def counted(any_store):
    return FaultyStore(any_store)


def trips(store, work):
    """Return the verbs that *work* makes the store do."""
    before = len(store.calls)
    work()
    return [call.verb for call in store.calls[before:]]


def test_the_road(make, counted):
    """Check 1, login 2, refresh 2, logout 2, list 1: whatever the store."""
    manager = make(counted)
    pairs = []
    assert trips(counted, lambda: pairs.append(manager.login("ada"))) == ["load", "swap"]
    assert trips(counted, lambda: manager.check(pairs[0].access_token)) == ["load"]
    assert trips(counted, lambda: pairs.append(manager.refresh(pairs[0].refresh_token))) == ["load", "swap"]
    assert trips(counted, lambda: manager.refresh(pairs[0].refresh_token)) == ["load"]
    assert trips(counted, lambda: manager.check(pairs[1].access_token)) == ["load", "swap"]
    assert trips(counted, lambda: manager.check(pairs[1].access_token)) == ["load"]
    assert trips(counted, lambda: manager.sessions("ada")) == ["load"]
    assert trips(counted, lambda: manager.logout(pairs[1].access_token)) == ["load", "swap"]
    assert trips(counted, lambda: manager.logout(pairs[1].access_token)) == ["load"]


def test_a_check_with_cached_user_info_is_one_load(make, counted):
    """Session, ban and user info come together; only the first check fills."""
    manager = make(counted, user_loader=lambda subject: {"name": subject})
    token = manager.login("ada").access_token
    assert trips(counted, lambda: manager.check_with_user(token)) == ["load", "load", "swap"]
    assert trips(counted, lambda: manager.check_with_user(token)) == ["load"]


def test_a_refresh_that_asks_for_the_user_is_two_trips(make, counted):
    """With user info in the cache, a refresh is one load and one swap, like one that asks nobody."""
    manager = make(counted, user_loader=lambda subject: {"name": subject})
    pair = manager.login("ada")
    manager.check_with_user(pair.access_token)
    assert trips(counted, lambda: manager.refresh(pair.refresh_token)) == ["load", "swap"]


def test_fifty_sessions_cost_no_more(make, counted):
    """Listing 50 sessions is 1 trip, ending them all 2, signing in over the limit 2."""
    manager = make(counted)
    for _ in range(50):
        manager.login("ada")
    assert trips(counted, lambda: manager.sessions("ada")) == ["load"]
    assert trips(counted, lambda: manager.login("ada")) == ["load", "swap"]
    ended = []
    assert trips(counted, lambda: ended.append(manager.revoke_all("ada"))) == ["load", "swap"]
    assert ended[0].count == 50


def test_one_command_a_trip_on_the_wire(make, backends, key_prefix):
    """On Redis a check is one GET and a login one GET and one script, on one key, by the server's own count."""
    url = backends.get("redis").url
    store, probe = open_store(url, key_prefix=key_prefix), redis.Redis.from_url(url)
    try:
        manager = make(store, user_loader=lambda subject: {"name": subject})
        token = manager.login("ada").access_token
        manager.check_with_user(token)
        spoken = commands(probe, lambda: manager.check_with_user(token))
        assert spoken == {"get": 1}
        assert commands(probe, lambda: manager.login("ada")) == {"get": 1, "evalsha": 1}
    finally:
        store.close()
        probe.close()


def commands(probe, work):
    """Return how often the server was sent each command by *work*, scripts counted as one."""

    def counts():
        stats = probe.info("commandstats")
        found = {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}
        return {name: found.get(name, 0) for name in ("get", "mget", "evalsha", "eval", "hgetall", "exists")}

    before = counts()
    work()
    return {name: number - before[name] for name, number in counts().items() if number > before[name]}
