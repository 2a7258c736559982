"""One operation takes half a second at most, however slowly the bytes of an answer arrive. TRU-05."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import databases
import pytest
from drawn import drawn
from faults.proxy import Way, fault_proxy
from flask import Flask
from odd_redis import odd_redis
from relays import relay

from flask_gosession import GoSession
from flask_gosession.deadline import Deadline, Pause, seconds_left
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import StoreUnavailable
from flask_gosession.session.record import Actor
from flask_gosession.stores.base import Record, Store
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.stores.registry import open_store
from flask_gosession.stores.sql import SQLStore
from flask_gosession.testing.faulty import FaultyStore
from flask_gosession.tokens.opaque import OpaqueCodec

LOOSELY = 2
BOUND = 0.5 * LOOSELY


def seconds_of(call: Callable[[], object]) -> float:
    """Return how long *call* takes to say that the store is not available."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        call()
    return time.monotonic() - began


def drip(connection: socket.socket, _command: bytes) -> None:
    """Begin an answer of a hundred bytes, and send one of them ten times a second."""
    connection.sendall(b"$100\r\n")
    for _ in range(100):
        time.sleep(0.1)
        connection.sendall(b"x")


def test_an_answer_of_redis_that_trickles():
    """A server that sends a byte each tenth of a second holds nobody for the ten seconds of its answer."""
    with odd_redis(drip) as port:
        store = open_store(f"redis://127.0.0.1:{port}/0")
        record = Record(b"value", b"12345678")
        assert seconds_of(lambda: store.load("ada")) < BOUND
        assert seconds_of(lambda: store.swap("ada", None, record, 2e9)) < BOUND
        store.close()


@contextmanager
def dripping(host: str, port: int) -> Iterator[tuple[int, threading.Event]]:
    """Run a relay that, once the event is set, passes answers on byte by byte, ten a second."""
    slowly = threading.Event()
    with relay(host, port, drips=slowly) as running:
        yield running.port, slowly


@pytest.mark.parametrize("name", list(databases.SERVERS))
def test_an_answer_of_a_database_that_trickles(name):
    """A database behind a line that drips is refused in time, also where a new connection is made."""
    if not databases.answers(name):
        pytest.skip(databases.without(name))
    with databases.own_database(name) as text:
        url = databases.sa.make_url(text)
        with dripping(url.host, url.port) as (port, slowly):
            store = open_store(url.set(port=port).render_as_string(hide_password=False))
            store.swap("ada", None, Record(b"value", b"12345678"), 2e9)
            slowly.set()
            assert seconds_of(lambda: store.load("ada")) < BOUND
            assert seconds_of(lambda: store.load("ada")) < BOUND
            store.close()


def slowest_of_a_crowd(store: Store) -> float:
    """Let thirty-two threads load at once; return how long the slowest took, whatever came of it."""
    seconds: list[float] = []
    line = threading.Barrier(32)

    def load() -> None:
        line.wait(10)
        began = time.monotonic()
        with suppress(StoreUnavailable):
            store.load("ada")
        seconds.append(time.monotonic() - began)

    crowd = [threading.Thread(target=load) for _ in range(32)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(30)
    assert len(seconds) == len(crowd)
    return max(seconds)


@pytest.mark.parametrize("name", list(databases.SERVERS))
@pytest.mark.parametrize("options", ["", "?create=false"])
def test_the_first_connections_of_many_threads(name, options):
    """Nobody waits for the first connections of others: SQLAlchemy would let them, one after the other, without end."""
    if not databases.answers(name):
        pytest.skip(databases.without(name))
    with databases.own_database(name) as text:
        url = databases.sa.make_url(text)
        with fault_proxy(url.port or 0) as proxy:
            through = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
            store = open_store(through + options)
            proxy.turn(Way(delay=0.1))
            assert slowest_of_a_crowd(store) < BOUND
            store.close()


def test_a_pool_that_is_empty_late_in_an_operation(tmp_path):
    """The wait for a free connection ends with the operation that it belongs to."""
    with closing(SQLStore.from_url(f"sqlite:///{tmp_path}/a.db?pool_size=1&timeout=5")) as store:
        pool = store._engine.pool
        with store._engine.connect(), store._engine.connect(), Deadline(0.1):
            assert seconds_of(lambda: store.load("ada")) < BOUND
        assert (pool.timeout(), pool.recreate().timeout()) == (5, 5)


class SlowStore(MemoryStore):
    """Takes a third of a second for every load, or what the operation has left."""

    shared = True
    budget = 0.5

    def load(self, subject):
        with Deadline(self.budget):
            if seconds_left() < 0.3:
                raise StoreUnavailable
            time.sleep(0.3)
            return super().load(subject)


def test_two_records_share_one_deadline():
    """A check that reads the record of the actor, too, does not get the time of two."""
    store = SlowStore()
    manager = SessionManager(FaultyStore(store), OpaqueCodec(bytes(32)))
    behind = manager.login("admin")
    checked = manager.authenticate(behind.access_token)
    token = manager.login("ada", actor=Actor("admin", checked.session.id)).access_token
    assert seconds_of(lambda: manager.check(token)) < 0.5
    assert manager.check(behind.access_token)


def test_a_deadline_inside_another_changes_nothing():
    """The outermost operation says when all of it ends, and nothing of it stays."""
    with Deadline(0.2), Deadline(60):
        assert 0 < seconds_left() <= 0.2
    assert seconds_left() > 1e9


def test_a_pause_ends_what_it_interrupted_no_later():
    """However many operations of its own the app's code has made in a pause, the rest of the time left counts again."""
    with Deadline(0.2):
        with Pause():
            assert seconds_left() > 1e9
            with Deadline(60):
                assert 50 < seconds_left() <= 60
        assert 0 < seconds_left() <= 0.2
    assert seconds_left() > 1e9


def test_public_pages_do_not_wait():
    """A page that does not ask who is there never waits for the store, whatever token the request brings."""
    store = FaultyStore(MemoryStore())
    app = Flask(__name__)
    app.testing = True
    app.config.update(SECRET_KEY=drawn("deadline"), GOSESSION_STORE=store)
    gosession = GoSession(app)
    app.add_url_rule("/", view_func=lambda: "welcome")
    with app.test_request_context():
        token = gosession.login_user("ada").access_token
    store.calls.clear()
    assert app.test_client().get("/", headers={"Authorization": f"Bearer {token}"}).text == "welcome"
    assert store.calls == []
