"""What one request may wait for a store that is down: half a second in all, however much it had to do there."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest
import servers

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.breaker import BreakerStore
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.faulty import FaultyStore
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.web.state import state_of

from .load import LOOSELY, make_app
from .machines import Machine, machine

pytestmark = pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)


@pytest.fixture
def server() -> Iterator[Machine]:
    with machine() as one:
        yield one


@pytest.mark.parametrize("operation", ["login", "refresh", "logout", "ban"])
def test_hole_that_opens_after_the_load(server, operation):
    """STO-07: a write that times out is neither looked up nor tried again: the caller hears of it at once."""
    store = FaultyStore(open_store(server.url))
    manager = SessionManager(store, OpaqueCodec(secrets.token_bytes(32)))
    pair = manager.login("alice")
    operations = {
        "login": lambda: manager.login("alice"),
        "refresh": lambda: manager.refresh(pair.refresh_token or ""),
        "logout": lambda: manager.logout(pair.access_token),
        "ban": lambda: manager.ban("alice", until=time.time() + 60),
    }
    store.before_swap(server.freeze)
    swaps, began = store.count("swap"), time.monotonic()
    with pytest.raises(StoreUnavailable):
        operations[operation]()
    assert time.monotonic() - began < 0.5 * LOOSELY
    assert (store.calls[-1].verb, store.count("swap")) == ("swap", swaps + 1)
    server.thaw()
    manager.close()


def test_everything_a_request_can_do(server):
    """STO-07: a request that notes its use, caches its user and saves data meets the hole twice, not three times."""
    store = FaultyStore(open_store(server.url))
    app = make_app(BreakerStore(store))
    client = app.test_client()
    token = client.post("/login", json={"user": "user"}).get_json()["access_token"]
    store.calls.clear()
    store.before_swap(server.freeze)
    began = time.monotonic()
    answer = client.post("/me", json={"note": 1}, headers={"Authorization": f"Bearer {token}"})
    assert time.monotonic() - began < 0.5 * LOOSELY
    assert answer.status_code == 503
    assert [call.verb for call in store.calls] == ["load", "swap", "load"]
    server.thaw()
    state_of("default", app).manager.close()


def test_silent_store_is_slow_three_times_at_most():
    """STO-07: of many requests at most three wait for a store that never answers; the rest is refused at once."""
    with servers.black_hole() as port:
        app = make_app(f"redis://127.0.0.1:{port}/0")
        client = app.test_client()
        seconds = []
        for _ in range(20):
            began = time.monotonic()
            assert client.post("/login", json={"user": "alice"}).status_code == 503
            seconds.append(time.monotonic() - began)
        state_of("default", app).manager.close()
    assert sum(one > 0.2 for one in seconds) <= 3
    assert max(seconds) < 0.5 * LOOSELY
