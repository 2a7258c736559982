"""What the circuit breaker says when a store begins to fail and when it is back: once, with the reason, no secret."""

from __future__ import annotations

import logging

import pytest
import servers
from drawn import drawn
from flask import Flask

from flask_gosession import GoSession, signals
from flask_gosession.errors import StoreUnavailable
from flask_gosession.events import StoreFailing, StoreRecovered
from flask_gosession.stores.address import address_of, cause_of
from flask_gosession.stores.base import StoreBusy
from flask_gosession.stores.breaker import FAILURES, BreakerStore
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore


class Clock:
    """A monotonic clock that stands still."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def told() -> list[object]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore())


@pytest.fixture
def breaker(store, clock, told) -> BreakerStore:
    return BreakerStore(
        store, address="redis://cache", emit=told.append, wall_clock=FakeClock(5e8), clock=clock, rest=lambda: 0.5
    )


def fail(breaker, store, times):
    store.fail("load", times)
    for _ in range(times):
        with pytest.raises(StoreUnavailable):
            breaker.load("alice")


def test_failing_and_recovered_are_told_once_each(breaker, store, clock, told, caplog):
    """One line and one event when the breaker opens, one of each when it closes, however many requests there are."""
    breaker.load("alice")
    fail(breaker, store, FAILURES)
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            breaker.load("alice")
    clock.now += 2.5
    breaker.load("alice")
    breaker.load("alice")
    assert [type(event) for event in told] == [StoreFailing, StoreRecovered]
    assert (told[0].address, told[0].at, told[0].subject) == ("redis://cache", 5e8, "")
    assert told[1].seconds == 2.5
    assert [(record.levelname, "redis://cache" in record.getMessage()) for record in caplog.records] == [
        ("ERROR", True),
        ("WARNING", True),
    ]


def test_a_single_failure_is_not_told(breaker, store, told):
    """A connection that was cut is no news where the store has answered before."""
    breaker.load("alice")
    fail(breaker, store, FAILURES - 1)
    breaker.load("alice")
    assert told == []


def test_a_store_that_never_answered_is_told_of_at_once(breaker, store, told):
    """A wrong password shows in the log at the first request that needs the store, and not again."""
    fail(breaker, store, 2)
    assert [type(event) for event in told] == [StoreFailing]
    breaker.load("alice")
    assert [type(event) for event in told] == [StoreFailing, StoreRecovered]


def test_want_of_a_connection_is_no_failure(breaker, store, told, monkeypatch):
    """TRU-04: a pool that is empty, again and again, neither opens the breaker nor is told."""

    def busy(_subject):
        raise StoreBusy

    with monkeypatch.context() as patch:
        patch.setattr(store, "load", busy)
        for _ in range(FAILURES + 2):
            with pytest.raises(StoreBusy):
                breaker.load("alice")
    assert breaker.load("alice") is None
    assert told == []


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("redis://:pass@cache:6379/0?socket_timeout=5", "redis://cache:6379/0"),
        ("redis+sentinel://user:p@ss@a:1,b:2/service", "redis+sentinel://a:1,b:2/service"),
        ("postgresql+psycopg://u:pa/ss@db/app", "postgresql+psycopg://db/app"),
        ("postgresql://u:pa?ss@db/app", "postgresql://"),
        ("postgresql://u:p@a#ss@db/app", "postgresql://"),
        ("redis://cache?password=pass", "redis://cache"),
        ("redis://cache?password=p@ss", "redis://"),
        ("sqlite:////var/lib/app.db", "sqlite:////var/lib/app.db"),
        ("pass", "a URL without a scheme"),
        (MemoryStore(), "MemoryStore"),
    ],
)
def test_addresses_hold_no_credentials(target, address):
    """LOG-01: an address says where the store is, and never how to get in; in doubt it says less."""
    assert address_of(target) == address


def test_causes_are_one_short_line():
    """What a driver says is cut to one readable line."""
    error = StoreUnavailable()
    error.__cause__ = ValueError("first\x1b[31m\nsecond")
    assert cause_of(error) == "ValueError: first?[31m"
    error.__cause__ = ValueError("x" * 999)
    assert len(cause_of(error)) < 250
    assert cause_of(StoreUnavailable()).startswith("StoreUnavailable")


@pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)
def test_wrong_password_through_an_app(caplog):
    """The first request tells the log and the signal why the store refuses; neither has the password."""
    with servers.running_redis("--requirepass", "the-right-one") as at:
        app = Flask(__name__)
        app.testing = True
        app.config.update(
            SECRET_KEY=drawn("breaker"),
            GOSESSION_STORE=f"redis://:wrong-secret@127.0.0.1:{at.port}/0",
        )
        gosession = GoSession(app)
        told = []

        def hear(_app, event):
            told.append(event)

        with signals.store_failing.connected_to(hear, app), app.test_request_context(), caplog.at_level(logging.INFO):
            for _ in range(5):
                with pytest.raises(StoreUnavailable):
                    gosession.login_user("ada")
            gosession.manager.close()
    assert [event.address for event in told] == [f"redis://127.0.0.1:{at.port}/0"]
    assert "password" in told[0].cause
    assert len([record for record in caplog.records if "does not answer" in record.getMessage()]) == 1
    assert "wrong-secret" not in caplog.text


def test_a_ready_store_gets_a_breaker_too(tmp_path):
    """A store that is handed over ready is behind a breaker like one that is named by its URL; one's own is kept."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    sql = pytest.importorskip("flask_gosession.stores.sql")
    ready = sql.SQLStore(sqlalchemy.create_engine(f"sqlite:///{tmp_path}/a.db"))
    own = BreakerStore(ready)
    for given in (ready, own):
        app = Flask(__name__)
        app.testing = True
        app.config.update(SECRET_KEY=drawn("breaker"), GOSESSION_STORE=given)
        gosession = GoSession(app)
        with app.app_context():
            used = gosession.manager.store
        assert isinstance(used, BreakerStore)
        assert (used.store, used is own) == (ready, given is own)
    ready.close()
