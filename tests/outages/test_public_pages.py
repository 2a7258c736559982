"""Public pages never wait for a store that is known to fail. TRU-05."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import databases
import pytest
import servers
import sqlalchemy as sa
from faults.proxy import Way, fault_proxy

from flask_gosession import current_user
from flask_gosession.stores.base import Record
from flask_gosession.stores.breaker import PROBE, BreakerStore
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.faulty import FaultyStore
from flask_gosession.web.state import state_of

from .load import make_app
from .machines import machine


class Breakable(NamedTuple):
    """A store that can be made silent, and heard again."""

    url: str
    silence: Callable[[], object]
    restore: Callable[[], object]


@contextmanager
def frozen_redis() -> Iterator[Breakable]:
    if servers.REDIS_SERVER is None:
        pytest.skip(servers.WITHOUT_REDIS)
    with machine() as server:
        yield Breakable(server.url, server.freeze, server.thaw)


@contextmanager
def silent_postgresql() -> Iterator[Breakable]:
    if not databases.answers("postgresql"):
        pytest.skip(databases.without("postgresql"))
    with databases.own_database("postgresql") as text:
        url = sa.make_url(text)
        with fault_proxy(url.port or 5432) as proxy:
            through = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
            yield Breakable(through, lambda: proxy.turn(Way(silent=True)), proxy.heal)


class Asked(FaultyStore):
    """A store that notes which threads load from it."""

    def __init__(self, store):
        super().__init__(store)
        self.threads: list[str] = []

    def load(self, subject: str) -> Record | None:
        self.threads.append(threading.current_thread().name)
        return super().load(subject)


@pytest.mark.parametrize("starting", [frozen_redis, pytest.param(silent_postgresql, marks=pytest.mark.long)])
def test_silent_store(starting):
    """Two requests find out; then each page is shown at once, as to a guest, until a thread finds that all is well."""
    with starting() as server:
        store = Asked(open_store(server.url))
        app = make_app(BreakerStore(store))
        app.add_url_rule("/", "page", lambda: "hello" if current_user else "guest")
        client = app.test_client()
        token = client.post("/login", json={"user": "ada"}).get_json()["access_token"]

        def page() -> str:
            return client.get("/", headers={"Authorization": f"Bearer {token}"}).text

        assert page() == "hello"
        store.threads.clear()
        server.silence()
        servers.wait_until(lambda: page() == "guest" and PROBE in store.threads, "a probe by a thread")
        server.restore()
        servers.wait_until(lambda: page() == "hello", "a greeting")
        assert sum(name != PROBE for name in store.threads) <= 3  # the third is the greeting
        state_of("default", app).manager.close()
