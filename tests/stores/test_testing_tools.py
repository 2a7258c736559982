"""The tools that are shipped for tests do what they say."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from flask_gosession import ids
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, Store, StoreFull, Swap
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import Call, FaultyStore


def record() -> Record:
    return Record(b"value", ids.new_etag())


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore())


def test_clock_starts_at_the_real_time() -> None:
    """A fake clock starts now, and stands still."""
    before = time.time()
    clock = FakeClock()
    assert before <= clock() <= time.time()
    assert clock() == clock()


def test_clock_moves_forward_only() -> None:
    """A fake clock moves by what it is told, and refuses to go back."""
    clock = FakeClock(100.0)
    assert clock.advance(2.5) == clock() == 102.5
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)
    assert clock() == 102.5


def test_clock_is_shared_by_threads() -> None:
    """No step of a fake clock is lost when several threads move it."""
    clock = FakeClock(0.0)
    threads = [threading.Thread(target=lambda: [clock.advance(1) for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock() == 4000


def test_faulty_store_is_a_store(store: FaultyStore) -> None:
    """A faulty store without faults does what the wrapped one does, and remembers the calls."""
    assert isinstance(store, Store)
    assert store.shared is False
    store.swap("a", None, record(), 9e9, announce=True)
    assert store.load("a") is not None
    assert list(store.subjects()) == ["a"]
    assert store.purge(0.0) == 0
    store.ping()
    store.close()
    assert store.calls[:2] == [Call("swap", "a", announce=True), Call("load", "a")]
    assert store.count("load") == 1


@pytest.mark.parametrize("verb", ["load", "swap", "subjects", "purge", "ping", "close"])
def test_fails_as_often_as_told(store: FaultyStore, verb: str) -> None:
    """The named verb fails the given number of times, with nothing done, and works again."""
    arguments = {"load": ("a",), "swap": ("a", None, record(), 9e9), "purge": (0.0,)}.get(verb, ())
    store.fail(verb, times=2)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            getattr(store, verb)(*arguments)
    assert list(store.store.subjects()) == []
    getattr(store, verb)(*arguments)


def test_lost_reply(store: FaultyStore) -> None:
    """A swap whose reply is lost is done, and raises all the same, once."""
    new = record()
    store.lose_reply()
    with pytest.raises(StoreUnavailable):
        store.swap("a", None, new, 9e9)
    assert store.load("a") == new
    assert store.swap("a", new.etag, None, 9e9) is Swap.DONE


def test_rivals_come_in_order(store: FaultyStore) -> None:
    """Each rival writes just before one swap, which then loses."""
    first, second = record(), record()
    store.before_swap(lambda: store.store.swap("a", None, first, 9e9))
    store.before_swap(lambda: store.store.swap("a", first.etag, second, 9e9))
    assert store.swap("a", None, record(), 9e9) is Swap.LOST
    assert store.swap("a", first.etag, record(), 9e9) is Swap.LOST
    assert store.swap("a", second.etag, None, 9e9) is Swap.DONE


def test_unconfirmed(store: FaultyStore) -> None:
    """A swap can be left unconfirmed; one that is lost does not use that up."""
    first = record()
    store.swap("a", None, first, 9e9)
    store.leave_unconfirmed()
    assert store.swap("a", None, record(), 9e9) is Swap.LOST
    assert store.swap("a", first.etag, None, 9e9) is Swap.UNCONFIRMED
    assert store.swap("a", None, None, 9e9) is Swap.DONE


def test_full(store: FaultyStore) -> None:
    """A store that is full puts nothing, and deletes."""
    first = record()
    store.swap("a", None, first, 9e9)
    store.full = True
    for etag in (None, first.etag):
        with pytest.raises(StoreFull):
            store.swap("b" if etag is None else "a", etag, record(), 9e9)
    assert store.swap("a", first.etag, None, 9e9) is Swap.DONE


def test_mend(store: FaultyStore) -> None:
    """A mended store does what it is asked, whatever was scripted before."""
    store.fail("load")
    store.lose_reply()
    store.leave_unconfirmed()
    store.before_swap(lambda: store.store.swap("a", None, record(), 9e9))
    store.full = True
    store.mend()
    assert store.swap("a", None, record(), 9e9) is Swap.DONE
    assert store.load("a") is not None


def test_only_the_contract_needs_pytest() -> None:
    """Clock, faulty store and races work in a program without pytest."""
    program = (
        "import sys; from flask_gosession.testing import clock, faulty; "
        "from flask_gosession.testing.proofs import lost_replies, races, session_races; "
        "print('pytest' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "False"
