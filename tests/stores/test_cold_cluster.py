"""The first requests of a process whose cluster is down: one tries to connect, and none waits for long. TRU-05."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import servers

from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.redis import RedisStore, connect
from flask_gosession.stores.registry import open_store

OTHERS = 15
BOUND = 1.0
"""Twice what an operation may take."""


def opened() -> RedisStore:
    """Return a store over a cluster of three nodes at whose ports nobody listens."""
    hosts = ",".join(f"127.0.0.1:{servers.free_port()}" for _ in range(3))
    store = open_store(f"redis+cluster://{hosts}")
    assert isinstance(store, RedisStore)
    return store


def waiting(store: RedisStore) -> int:
    """Return how many threads wait until another one has connected."""
    return store._connector.client.__self__._locks.waiting()


def loading(store: RedisStore, refused: list[float]) -> threading.Thread:
    """Start a thread that loads, and notes how long it took to be refused."""

    def load() -> None:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.load("ada")
        refused.append(time.monotonic() - began)

    thread = threading.Thread(target=load)
    thread.start()
    return thread


def attempts_of(monkeypatch: pytest.MonkeyPatch, before_first: Callable[[], object]) -> list[None]:
    """Return a list that grows with each attempt to connect; call *before_first* in the first one."""
    attempts: list[None] = []
    attempt = connect._open_cluster

    def counted(*arguments):
        attempts.append(None)
        if len(attempts) == 1:
            before_first()
        return attempt(*arguments)

    monkeypatch.setattr(connect, "_open_cluster", counted)
    return attempts


def test_one_attempt_for_all_who_wait(monkeypatch):
    """That the cluster is down is the answer for everybody; they do not find it out one after the other."""
    store, refused = opened(), []
    everybody_waits = threading.Event()
    attempts = attempts_of(monkeypatch, lambda: everybody_waits.wait(10))
    threads = [loading(store, refused) for _ in range(1 + OTHERS)]
    # Those that have given up by now do not wait any more, as on a busy machine.
    servers.wait_until(lambda: waiting(store) + len(refused) == OTHERS, "the wait of all others")
    everybody_waits.set()
    for thread in threads:
        thread.join(10)
    assert (len(attempts), len(refused)) == (1, 1 + OTHERS)
    with pytest.raises(StoreUnavailable):
        store.load("ada")
    assert len(attempts) == 2
    store.close()


def test_nobody_waits_for_an_attempt_that_hangs(monkeypatch):
    """Whoever waits for another thread's attempt is refused when its own operation must end."""
    store, refused = opened(), []
    all_refused = threading.Event()
    attempts_of(monkeypatch, lambda: all_refused.wait(10))
    threads = [loading(store, refused) for _ in range(1 + OTHERS)]
    servers.wait_until(lambda: len(refused) == OTHERS, "a refusal of all others")
    assert max(refused) < BOUND
    all_refused.set()
    for thread in threads:
        thread.join(10)
    store.close()
