"""The memory store is bounded: when full it forgets what has ended, and never what is live."""

from __future__ import annotations

import multiprocessing
import os
import sys

import pytest

from flask_gosession import ids
from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.stores.base import Record, StoreFull, Swap
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock


def record() -> Record:
    return Record(b"value", ids.new_etag())


@pytest.fixture
def store(clock: FakeClock) -> MemoryStore:
    return MemoryStore(2, clock=clock)


def test_full_refuses_the_next(store: MemoryStore, clock: FakeClock) -> None:
    """A full store refuses a new subject with 503 and evicts nobody."""
    store.swap("a", None, record(), clock() + 60)
    store.swap("b", None, record(), clock() + 60)
    with pytest.raises(StoreUnavailable) as refused:
        store.swap("c", None, record(), clock() + 60)
    assert isinstance(refused.value, StoreFull)
    assert refused.value.code == 503
    assert sorted(store.subjects()) == ["a", "b"]


def test_full_still_writes_what_is_there(store: MemoryStore, clock: FakeClock) -> None:
    """A full store replaces and deletes the records it has: a revocation works."""
    first, second = record(), record()
    store.swap("a", None, first, clock() + 60)
    store.swap("b", None, record(), clock() + 60)
    assert store.swap("a", first.etag, second, clock() + 60) is Swap.DONE
    assert store.swap("a", second.etag, None, clock() + 60) is Swap.DONE
    assert store.swap("c", None, record(), clock() + 60) is Swap.DONE


def test_full_forgets_what_has_ended(store: MemoryStore, clock: FakeClock) -> None:
    """A full store makes room by forgetting what has ended by its clock, and only that. STO-05."""
    store.swap("short", None, record(), clock() + 10)
    store.swap("long", None, record(), clock() + 60)
    clock.advance(10)
    with pytest.raises(StoreFull):
        store.swap("new", None, record(), clock() + 60)
    clock.advance(1)
    assert store.swap("new", None, record(), clock() + 60) is Swap.DONE
    assert sorted(store.subjects()) == ["long", "new"]


def test_full_notices_an_end_that_moved_closer(store: MemoryStore, clock: FakeClock) -> None:
    """A record whose end was moved forward makes room at its new end."""
    first = record()
    store.swap("a", None, first, clock() + 600)
    store.swap("b", None, record(), clock() + 600)
    with pytest.raises(StoreFull):
        store.swap("c", None, record(), clock() + 60)
    store.swap("a", first.etag, record(), clock() + 10)
    clock.advance(11)
    assert store.swap("c", None, record(), clock() + 60) is Swap.DONE


def test_ended_is_kept_while_there_is_room(store: MemoryStore, clock: FakeClock) -> None:
    """No store reads the clock to decide what is valid: what has ended is still returned until it is purged."""
    store.swap("a", None, record(), clock() + 10)
    clock.advance(11)
    assert store.load("a") is not None
    assert store.purge(clock()) == 1
    assert store.load("a") is None


def test_size_from_the_url() -> None:
    """The URL sets how many subjects there may be."""
    store = MemoryStore.from_url("memory://?max_subjects=1")
    store.swap("a", None, record(), 9e9)
    with pytest.raises(StoreFull):
        store.swap("b", None, record(), 9e9)


@pytest.mark.parametrize("query", ["max_subjects=0", "max_subjects=-1", "max_subjects=many", "max_subjects=", "size=3"])
def test_unusable_url(query: str) -> None:
    """A size that is none, and an option that does not exist, are refused at start-up."""
    with pytest.raises(ConfigError, match="max_subjects"):
        MemoryStore.from_url(f"memory://?{query}")


def test_not_shared(store: MemoryStore) -> None:
    """Other processes do not see this memory, and the store says so."""
    assert store.shared is False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_usable_after_fork(store: MemoryStore) -> None:
    """A child process that was forked while another thread was writing can write its own copy."""
    context = multiprocessing.get_context("fork")
    child = context.Process(target=lambda: sys.exit(store.swap("a", None, record(), 9e9) is not Swap.DONE))
    with store._lock:
        child.start()
    child.join(10)
    exitcode = child.exitcode
    child.kill()
    child.join()
    assert exitcode == 0
    assert store.load("a") is None
