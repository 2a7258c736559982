"""While the store is down: 503 with Retry-After within the driver's time, and never a verdict."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
import servers
from sites import add_me, open_site

from flask_gosession.stores.breaker import FAILURES, BreakerStore
from flask_gosession.stores.redis.connect import TIMEOUT

BUDGET = 2 * TIMEOUT


@pytest.fixture
def site(shop):
    shop.app.add_url_rule("/login", "login", lambda: shop.gosession.login_user("ada").to_dict(), methods=["POST"])
    shop.app.add_url_rule("/renew", "renew", lambda: shop.gosession.refresh().to_dict(), methods=["POST"])
    shop.app.add_url_rule("/logout", "logout", lambda: str(shop.gosession.logout_user()), methods=["POST"])
    return shop


WRITES = ("/login", "/renew", "/logout")
ROADS = [("/me", "load"), *((path, verb) for path in WRITES for verb in ("load", "swap"))]


@pytest.mark.parametrize(("path", "verb"), ROADS)
def test_every_road_answers_503(site, store, path, verb):
    """STO-08, REV-07: a store that does not answer is 503 with Retry-After and no-store, on every road."""
    pair = site.pair()
    store.fail(verb, 3)
    token = pair.refresh_token if path == "/renew" else pair.access_token
    answer = site.get(token, path, method="GET" if path == "/me" else "POST")
    assert (answer.status_code, answer.json["error"]) == (503, "store_unavailable")
    assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("1", "no-store")
    assert "WWW-Authenticate" not in answer.headers


def test_a_check_whose_use_cannot_be_noted(site, store):
    """A session that was read is good, also when the touch cannot be written."""
    token = site.pair(idle=10).access_token
    site.clock.advance(5)
    store.fail("swap")
    assert site.get(token).status_code == 200


@contextmanager
def black_hole_shop(clock):
    """Yield an app whose Redis takes connections and never answers."""
    with servers.black_hole() as port:
        shop = open_site(clock, STORE=f"redis://127.0.0.1:{port}/0", views=add_me)
        try:
            yield shop
        finally:
            shop.manager.close()


def test_a_server_that_never_answers(shop, clock):
    """STO-07: a request costs the time out that the driver was given, 250 ms, and no more than a loose multiple."""
    token = shop.pair().access_token
    with black_hole_shop(clock) as lost:
        begun = time.monotonic()
        answer = lost.get(token)
        took = time.monotonic() - begun
    assert (answer.status_code, answer.json["error"]) == (503, "store_unavailable")
    assert TIMEOUT == 0.25
    assert TIMEOUT * 0.9 <= took < 5 * BUDGET


def test_the_driver_is_told_the_time(clock):
    """STO-07: connecting and answering have a time out each, and nothing is tried again by the driver."""
    with black_hole_shop(clock) as shop:
        store = shop.manager.store
        pool = store.store._client().connection_pool
        options = pool.connection_kwargs
    assert options["socket_timeout"] == options["socket_connect_timeout"] == TIMEOUT
    assert options["retry"]._retries == 0


def test_after_three_failures_nobody_waits(make, store, clock):
    """STO-07: while the store rests, the breaker answers 503 without asking it."""
    shop = make(STORE=BreakerStore(store, clock=clock, rest=lambda: 1.0))
    token = shop.pair().access_token
    store.fail("load", FAILURES)
    assert [shop.get(token).status_code for _ in range(FAILURES)] == [503] * FAILURES
    asked = store.count("load")
    assert shop.get(token).json["error"] == "store_unavailable"
    assert store.count("load") == asked
    clock.advance(1)
    assert shop.get(token).status_code == 200
