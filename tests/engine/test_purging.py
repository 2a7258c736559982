"""The background purge: when it is due, one at a time, and never in the way of a request."""

from __future__ import annotations

import logging
import os
import threading
from random import Random

import pytest
from drawn import drawn
from flask import Flask
from gevents import needs_gevent, run_script

from flask_gosession import GoSession
from flask_gosession.engine.purging import Purger, purge_all
from flask_gosession.stores.base import Record
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

HOUR = 3600.0


def after_all() -> float:
    """Let the first purge be due after the whole interval."""
    return 1.0


@pytest.fixture
def store(clock: FakeClock) -> FaultyStore:
    """Return a store with two records that have ended, and one that has not."""
    store = FaultyStore(MemoryStore())
    for subject, end in (("old", -20.0), ("older", -30.0), ("live", 10 * HOUR)):
        store.swap(subject, None, Record(b"x", b"12345678"), clock() + end)
    return store


class SlowStore(FaultyStore):
    """A store whose purge lasts until it is let go."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.begun, self.go_on = threading.Event(), threading.Event()

    def purge(self, now: float, limit: int = 1000) -> int:
        self.begun.set()
        assert self.go_on.wait(10)
        return super().purge(now, limit)


def finished(thread: threading.Thread | None) -> None:
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()


def left(store: FaultyStore) -> set[str]:
    return set(store.subjects())


def test_not_due_at_the_start(store, clock):
    """A process that has just begun does not purge: a restart of many would all do so at once."""
    purger = Purger(store, HOUR, clock, after_all)
    assert purger.purge_if_due() is None
    clock.advance(HOUR - 1)
    assert purger.purge_if_due() is None
    assert left(store) == {"old", "older", "live"}


def test_workers_that_live_shorter_than_the_interval(store, clock):
    """TRU-02: with workers of ten minutes each the store is purged about once an hour all the same."""
    rng = Random(7)
    for _ in range(600):
        worker = Purger(store, HOUR, clock, rng.random)
        clock.advance(600.0)
        thread = worker.purge_if_due()
        if thread is not None:
            finished(thread)
    assert 60 < store.count("purge") < 150


def test_due_after_the_interval(store, clock):
    """After the interval what has ended is deleted, and nothing else."""
    purger = Purger(store, HOUR, clock, after_all)
    clock.advance(HOUR)
    finished(purger.purge_if_due())
    assert left(store) == {"live"}


def test_due_again_after_another_interval(store, clock):
    """A purge puts the next one off by an interval."""
    purger = Purger(store, HOUR, clock, after_all)
    clock.advance(HOUR)
    finished(purger.purge_if_due())
    clock.advance(HOUR - 1)
    assert purger.purge_if_due() is None
    clock.advance(1)
    finished(purger.purge_if_due())
    assert store.count("purge") == 2


def test_never(store, clock):
    """An interval of 0 means that no request ever purges."""
    purger = Purger(store, 0, clock, after_all)
    clock.advance(1000 * HOUR)
    assert purger.purge_if_due() is None
    assert store.count("purge") == 0


def test_one_at_a_time(clock):
    """While a purge is under way no second one begins, however long it lasts."""
    store = SlowStore()
    purger = Purger(store, HOUR, clock, after_all)
    clock.advance(HOUR)
    first = purger.purge_if_due()
    assert store.begun.wait(10)
    clock.advance(2 * HOUR)
    assert purger.purge_if_due() is None
    store.go_on.set()
    finished(first)
    finished(purger.purge_if_due())
    assert store.count("purge") == 2


def test_many_requests_begin_one_purge(store, clock):
    """Of many requests that find a purge due one begins it."""
    purger = Purger(store, HOUR, clock, after_all)
    clock.advance(HOUR)
    line, begun = threading.Barrier(8), []

    def request() -> None:
        line.wait(10)
        begun.append(purger.purge_if_due())

    threads = [threading.Thread(target=request) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    purges = [thread for thread in begun if thread is not None]
    for thread in purges:
        finished(thread)
    assert len(purges) == 1
    assert store.count("purge") == 1


def test_store_down_is_logged_and_tried_later(store, clock, caplog):
    """A store that is down costs one warning, without a word of who is in it; the next purge does the work."""
    purger = Purger(store, HOUR, clock, after_all)
    store.fail("purge")
    clock.advance(HOUR)
    with caplog.at_level(logging.WARNING, "flask_gosession"):
        finished(purger.purge_if_due())
    assert [record.getMessage() for record in caplog.records] == [
        "the session store could not be purged; it will be tried again later"
    ]
    assert purger.purge_if_due() is None
    clock.advance(HOUR)
    finished(purger.purge_if_due())
    assert left(store) == {"live"}


def test_no_thread_to_be_had(store, clock, caplog, monkeypatch):
    """A process that can start no more threads serves on, and purges when it can again."""
    purger = Purger(store, HOUR, clock, after_all)
    clock.advance(HOUR)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "flask_gosession"):
        patch.setattr(threading.Thread, "start", _refuse)
        assert purger.purge_if_due() is None
    assert "no thread could be started" in caplog.text
    clock.advance(HOUR)
    finished(purger.purge_if_due())
    assert left(store) == {"live"}


def _refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_purges_though_its_parent_was_busy(clock):
    """A worker forked in the middle of a purge is not kept from purging by its parent's."""
    store = SlowStore()
    purger = Purger(store, HOUR, clock, iter([1.0, 0.0]).__next__)
    clock.advance(HOUR)
    first = purger.purge_if_due()
    assert store.begun.wait(10)
    clock.advance(HOUR)
    child = os.fork()
    if child == 0:
        store.go_on.set()
        thread = purger.purge_if_due()
        os._exit(0 if thread is not None else 1)
    _, status = os.waitpid(child, 0)
    store.go_on.set()
    finished(first)
    assert os.waitstatus_to_exitcode(status) == 0


def test_batches_are_bounded(clock):
    """A purge deletes in batches of a bounded number, stops with the first that is not full, and after so many."""
    store = FaultyStore(MemoryStore())
    for number in range(25):
        store.swap(f"user-{number}", None, Record(b"x", b"12345678"), clock() - 20)
    assert purge_all(store, clock(), batch=4, most_batches=3) == 12
    assert store.count("purge") == 3
    assert purge_all(store, clock(), batch=10, most_batches=3) == 13
    assert store.count("purge") == 5
    assert left(store) == set()


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_through_an_app(kind, tmp_path, clock):
    """A request of an app on a store without expiry of its own begins the purge (STO-05)."""
    pytest.importorskip({"file": "filelock", "sqlite": "sqlalchemy"}[kind])
    url = {"file": f"file://{tmp_path}/sessions", "sqlite": f"sqlite:///{tmp_path}/sessions.db"}[kind]
    app = Flask(__name__)
    app.testing = True
    app.config.update(SECRET_KEY=drawn("purge"), GOSESSION_STORE=url)
    gosession = GoSession(app, clock=clock)
    app.register_blueprint(gosession.blueprint())
    with app.app_context():
        manager = gosession.manager
    try:
        pair = manager.login("ada", lifetime=60.0)
        assert list(manager.store.subjects()) == ["ada"]
        clock.advance(26 * HOUR)
        asked = app.test_client().get("/auth/session", headers={"Authorization": f"Bearer {pair.access_token}"})
        assert asked.status_code == 401
        for thread in threading.enumerate():
            if thread.name == "gosession-purge":
                finished(thread)
        assert list(manager.store.subjects()) == []
    finally:
        manager.close()


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys, time
import gevent
from flask_gosession import ids
from flask_gosession.stores.base import Record
from flask_gosession.stores.registry import open_store
from flask_gosession.stores.sql import store as sql

sql.FILE_CHUNK = 5
store = open_store(sys.argv[1])
for number in range(100):
    store.swap(str(number), None, Record(b"value", ids.new_etag()), 1.0)

turns = []
def other():
    while True:
        turns.append(None)
        gevent.sleep(0.0001)

gevent.spawn(other)
print(store.purge(time.time(), 1000), len(turns) > 10)
"""


@needs_gevent
@pytest.mark.parametrize("scheme", ["sqlite:///", "file://"])
def test_greenlets_go_on_during_a_purge(tmp_path, scheme):
    """Where nothing but a disk is waited for, timers and sockets of other requests are still looked at all the time."""
    assert run_script(GREENLETS, f"{scheme}{tmp_path}/sessions").split() == ["100", "True"]
