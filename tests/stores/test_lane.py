"""The connections that requests pass to each other: reused while sound, dropped when in doubt."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import deque
from contextlib import closing
from pathlib import Path

import pytest
import redis
import servers
from drawn import drawn
from gevents import needs_gevent, run_script
from odd_redis import odd_redis
from relays import relay

from flask_gosession import ids
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, Swap
from flask_gosession.stores.redis import RedisStore
from flask_gosession.stores.redis.lane import Lane
from flask_gosession.stores.redis.pool import PatientPool
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

pytestmark = pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)

SUBJECTS = [f"user-{number}" for number in range(8)]


@pytest.fixture
def taken(monkeypatch) -> list[str]:
    """Return a list that grows with each connection that is taken from a pool."""
    seen: list[str] = []
    take = PatientPool.get_connection

    def counted(self, *command, **options):
        seen.append("taken")
        return take(self, *command, **options)

    monkeypatch.setattr(PatientPool, "get_connection", counted)
    return seen


def opened(url: str, prefix: str) -> RedisStore:
    """Return a store that knows eight subjects, each with its own name as the value."""
    store = open_store(url, key_prefix=prefix)
    for subject in SUBJECTS:
        new = Record(subject.encode(), ids.new_etag())
        assert store.swap(subject, None, new, time.time() + 60) is Swap.DONE
    return store


def name_in(store: RedisStore, subject: str) -> str:
    found = store.load(subject)
    assert found is not None
    return found.value.decode()


def read_at_once(store: RedisStore, threads: int, rounds: int) -> list[str]:
    """Let so many threads read; return what has gone wrong."""
    wrong: list[str] = []
    line = threading.Barrier(threads)

    def read(number: int) -> None:
        line.wait(10)
        for turn in range(rounds):
            subject = SUBJECTS[(number + turn) % len(SUBJECTS)]
            try:
                if name_in(store, subject) != subject:
                    wrong.append("mixed up")
            except StoreUnavailable as error:
                wrong.append(type(error).__name__)

    workers = [threading.Thread(target=read, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    return wrong


def read_some(store: RedisStore, taken: list[str]) -> None:
    store.load("ada")
    taken.clear()
    assert [name_in(store, subject) for subject in SUBJECTS] == SUBJECTS
    assert not taken
    store.close()


def test_readers_reuse_a_connection(server, key_prefix, taken):
    """One reader after the other goes over the same connection, and the pool is asked for none."""
    read_some(opened(server.url, key_prefix), taken)


def test_a_write_goes_over_the_same_connection(server, key_prefix, taken):
    """What was read is written over the connection that it was read from."""
    store = opened(server.url, key_prefix)
    seen = store.load("user-1")
    assert seen is not None
    taken.clear()
    new = Record("ünïcode".encode(), ids.new_etag())
    assert store.swap("user-1", seen.etag, new, time.time() + 60, announce=True) is Swap.DONE
    assert store.load("user-1") == new
    assert not taken
    store.close()


def test_a_write_that_meets_a_dead_connection(server, admin, key_prefix):
    """A server that hangs up between the read and the write of a refresh delays it; it is rotated once."""

    def claims_of(_subject):
        admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return {}

    with closing(open_store(server.url, key_prefix=key_prefix)) as store:
        codec = JWTCodec(Keyring.from_secret(drawn("lane")))
        manager = SessionManager(store, codec, claims_loader=claims_of)
        pair = manager.login("ada")
        successor = manager.refresh(str(pair.refresh_token))
        assert manager.authenticate(successor.access_token).session.gen == 1


@pytest.mark.parametrize("place", ["socket", "tls"])
def test_every_kind_of_connection(place, server, key_prefix, taken, tmp_path: Path):
    """Readers reuse connections through a Unix socket and TLS, too."""
    if place == "tls" and shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate of this test")
    if place == "socket":
        read_some(opened(f"redis+unix://{server.socket}?db=0", key_prefix), taken)
    else:
        with servers.served_tls(tmp_path) as (url, authority):
            read_some(opened(f"{url}?ssl_ca_certs={authority}", key_prefix), taken)


def test_another_protocol_has_the_drivers_own_way(server, key_prefix, taken):
    """With RESP3, where a server may speak unasked, each read takes its connection from the pool."""
    store = opened(f"{server.url}?protocol=3", key_prefix)
    taken.clear()
    assert [name_in(store, subject) for subject in SUBJECTS] == SUBJECTS
    assert len(taken) == len(SUBJECTS)
    store.close()


def test_a_prefix_in_any_script(server, key_prefix):
    """A key counts in bytes, not in characters."""
    store = opened(server.url, f"{key_prefix}-æøå")
    assert [name_in(store, subject) for subject in SUBJECTS] == SUBJECTS
    store.close()


def test_one_dead_connection_empties_the_lane(server, admin, key_prefix, taken):
    """After the server has cut all idle connections, the first reader is answered, and so is everybody."""
    store = opened(server.url, key_prefix)
    assert not read_at_once(store, threads=6, rounds=20)
    admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert not read_at_once(store, threads=1, rounds=1)
    taken.clear()
    assert not read_at_once(store, threads=6, rounds=20)
    store.close()


def test_an_answer_that_came_too_late_is_nobodys(server, key_prefix):
    """What was not read in time is not read by the next one, who asks for somebody else."""
    with relay("127.0.0.1", server.port) as between:
        store = opened(f"redis://127.0.0.1:{between.port}/0", key_prefix)
        assert name_in(store, "user-1") == "user-1"
        between.passing.clear()
        with pytest.raises(StoreUnavailable):
            store.load("user-2")
        between.passing.set()
        assert [name_in(store, subject) for subject in SUBJECTS] == SUBJECTS
        store.close()


def test_after_an_error_nobody_reads_there(server, admin, key_prefix, taken):
    """What was answered with an error may have been answered out of turn: the next reader has another connection."""
    store = opened(server.url, key_prefix)
    admin.lpush(f"{key_prefix}:odd", "x")
    assert name_in(store, "user-1") == "user-1"
    assert store.load("odd") is not None
    taken.clear()
    assert name_in(store, "user-2") == "user-2"
    assert taken == ["taken"]
    admin.delete(f"{key_prefix}:odd")
    store.close()


def test_what_a_server_says_unasked_is_no_answer(key_prefix):
    """A server that adds an error of its own to an answer puts nobody one answer behind for good."""
    asked = []

    def reply(connection, _command):
        unasked = b"" if asked else b"-ERR going down\r\n"
        asked.append(connection)
        value = b"etagetag%s" % (b"first" if connection is asked[0] else b"second")
        connection.sendall(b"$%d\r\n%b\r\n%b" % (len(value), value, unasked))

    with odd_redis(reply) as port:
        store = open_store(f"redis://127.0.0.1:{port}/0", key_prefix=key_prefix)
        assert name_in(store, "ada") == "first"
        with pytest.raises(StoreUnavailable):
            store.load("ada")
        assert name_in(store, "ada") == "second"  # by another connection
        store.close()


def test_a_child_has_connections_of_its_own(server, key_prefix):
    """Parent and child read side by side after a fork, and neither reads what the other has asked for."""
    store = opened(server.url, key_prefix)
    assert not read_at_once(store, threads=3, rounds=5)
    child = os.fork()
    if not child:  # nothing of the test run may happen here
        os._exit(1 if read_at_once(store, threads=3, rounds=100) else 0)
    wrong = read_at_once(store, threads=3, rounds=100)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not wrong
    store.close()


def test_more_threads_than_connections(server, key_prefix):
    """Sixteen threads on two connections are all served."""
    store = opened(f"{server.url}?max_connections=2", key_prefix)
    store._client().connection_pool.timeout = 10
    assert not read_at_once(store, threads=16, rounds=20)
    store.close()


def test_a_writer_gets_the_connection_that_readers_keep(server, key_prefix):
    """With one connection in all, a login beside readers waits for none that lies idle."""
    store = opened(f"{server.url}?max_connections=1", key_prefix)
    for _ in range(3):
        seen = store.load("user-1")
        assert seen is not None
        new = Record(seen.value, ids.new_etag())
        assert store.swap("user-1", seen.etag, new, time.time() + 60) is Swap.DONE
    store.close()


def test_a_reader_gives_way_to_whoever_waits(server, key_prefix):
    """A writer that waits for the one connection gets it as soon as its reader has an answer."""
    with relay("127.0.0.1", server.port) as between:
        store = opened(f"redis://127.0.0.1:{between.port}/0?max_connections=1&socket_timeout=10", key_prefix)
        pool = store._client().connection_pool
        pool.timeout = 10
        between.passing.clear()
        reader = threading.Thread(target=store.load, args=("user-1",))
        reader.start()
        outcome: list[Swap] = []
        new = Record(b"new", ids.new_etag())
        writer = threading.Thread(target=lambda: outcome.append(store.swap("eve", None, new, time.time() + 60)))
        servers.wait_until(lambda: pool.pool.qsize() == 0, "the reader to take the connection")
        writer.start()
        servers.wait_until(lambda: pool.waiting, "the writer to wait")
        between.passing.set()
        writer.join(5)
        assert outcome == [Swap.DONE]
        reader.join(5)
        store.close()


KILLED = """
from gevent import monkey
monkey.patch_all()
import gevent, redis, sys, time
from flask_gosession import ids
from flask_gosession.stores.base import Record
from flask_gosession.stores.registry import open_store

store = open_store(sys.argv[1], key_prefix=sys.argv[2])
for name in "abcdefgh":
    store.swap(name, None, Record(name.encode() * 200_000, ids.new_etag()), time.time() + 60)

def read(name):
    found = store.load(name)
    assert found.value == name.encode() * 200_000, "mixed up"

cut = 0
admin = redis.Redis.from_url(sys.argv[1])
for turn in range(60):
    if turn % 4 == 1:
        admin.client_pause(5)  # milliseconds; however fast the machine is, these have to wait for their answers
    readers = [gevent.spawn(read, name) for name in "abcdefgh"]
    gevent.sleep(0.0003 * (turn % 10 - 1) if turn % 10 else 0)
    if turn % 2:
        cut += sum(not reader.dead for reader in readers)
        gevent.killall(readers, block=True)
    else:
        with gevent.Timeout(0.001 * (turn % 5) or None, False):
            read("abcdefgh"[turn % 8])
    gevent.joinall(readers, raise_error=True)
    for name in "abcdefgh":
        read(name)
print(cut)
"""


def test_connections_in_use_are_counted(server, key_prefix):
    """Neither those that are free nor those that wait in the lane are in use."""
    with closing(open_store(server.url, key_prefix=key_prefix)) as store:
        assert store.connections_in_use == 0
        store.load("ada")
        assert store.connections_in_use == 0
        listening = store._client().pubsub()
        listening.subscribe(key_prefix)
        assert store.connections_in_use == 1
        listening.close()
        assert store.connections_in_use == 0


@pytest.mark.parametrize("empty", [Lane.hand_over, Lane._drop_idle])
def test_another_thread_takes_the_last_one(server, empty):
    """A lane that is emptied by two threads at once is empty; neither of them fails."""

    class Contested(deque):
        def pop(self):
            taken = super().pop()
            self.clear()  # by another thread, between two looks
            return taken

        def __bool__(self):
            return True

    pool = PatientPool(connection_class=redis.Connection, port=server.port, max_connections=2)
    lane = Lane(pool)
    lane._idle = Contested([lane._take()])
    empty(lane)
    assert len(lane._idle) == 0
    pool.disconnect()


@needs_gevent
def test_greenlets_killed_half_way(server, key_prefix):
    """A greenlet that is killed, or runs into a Timeout, in the middle of an answer leaves nothing of it to others."""
    assert int(run_script(KILLED, server.url, key_prefix, seconds=60)) > 0
