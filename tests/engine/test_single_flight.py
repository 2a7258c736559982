"""Fifty misses make one load, and no two loads wait for each other."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
import servers

THREADS = 50


def _waiting(users) -> int:
    """Return how many threads wait for somebody else's load."""
    return sum(len(flight._condition._waiters) for flight in users._flights._flights.values())


def test_fifty_threads_make_one_load(make):
    """Whoever wants a user that is being loaded waits for that load and gets its outcome."""
    asked = []

    def loader(subject):
        asked.append(subject)
        servers.wait_until(lambda: _waiting(users) == THREADS - 1, "that all others wait")
        return {"name": "Ada"}

    users = make(user_loader=loader).users
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(users.load, ["ada"] * THREADS))
    assert asked == ["ada"]
    assert found == [{"name": "Ada"}] * THREADS


def test_a_thread_that_comes_late_does_not_load_again(make):
    """Whoever read the record before a load that has ended meanwhile finds its outcome, and asks nobody."""
    asked = []
    manager = make(user_loader=lambda subject: asked.append(subject) or {"name": "Ada"})
    manager.login("ada")
    read_before = manager.records.read("ada").record
    assert manager.users.load("ada") == {"name": "Ada"}
    assert manager.users.of(read_before) == {"name": "Ada"}
    assert asked == ["ada"]


def test_all_who_wait_hear_of_a_failure(make):
    """A loader's exception reaches every thread that waited for it, and the next one asks again."""
    asked = []

    def loader(subject):
        asked.append(subject)
        if len(asked) == 1:
            servers.wait_until(lambda: _waiting(users) == 4, "that all others wait")
            raise LookupError("database")
        return {"name": "Ada"}

    users = make(user_loader=loader).users
    with ThreadPoolExecutor(5) as pool:
        outcomes = [pool.submit(users.load, "ada").exception for _ in range(5)]
        assert [type(outcome()) for outcome in outcomes] == [LookupError] * 5
    assert users.load("ada") == {"name": "Ada"}
    assert len(asked) == 2


class Interrupted(BaseException):
    """As gevent.Timeout is one: it is for the thread that it hits, and for nobody else."""


def test_an_interrupted_load_is_done_by_another(make):
    """Where the thread that loads is interrupted, one of those who wait loads instead, and all the others get that."""
    asked = []

    def loader(subject):
        asked.append(subject)
        if len(asked) == 1:
            servers.wait_until(lambda: _waiting(users) == 4, "that all others wait")
            raise Interrupted
        return {"name": "Ada"}

    users = make(user_loader=loader).users
    with ThreadPoolExecutor(5) as pool:
        loads = [pool.submit(users.load, "ada") for _ in range(5)]
        failures = [load.exception() for load in loads]
    assert [type(failure) for failure in failures if failure] == [Interrupted]
    assert [load.result() for load in loads if not load.exception()] == [{"name": "Ada"}] * 4
    assert 2 <= len(asked) <= 5


def test_a_loader_s_own_cancellation_is_everybody_s(make):
    """A loader that raises CancelledError has failed like any other; nobody asks again because of that."""
    asked = []

    def loader(subject):
        asked.append(subject)
        servers.wait_until(lambda: _waiting(users) == 2, "that the others wait")
        raise CancelledError

    users = make(user_loader=loader).users
    with ThreadPoolExecutor(3) as pool:
        outcomes = [pool.submit(users.load, "ada") for _ in range(3)]
        assert [type(outcome.exception()) for outcome in outcomes] == [CancelledError] * 3
    assert asked == ["ada"]


def test_a_loader_that_asks_for_its_own_user_is_told(make):
    """A loader that leads back to itself is an error with a sentence, not a thread that waits for ever."""
    users = make().users
    users.use(users.load)
    with pytest.raises(RuntimeError, match="the very user that it is loading"):
        users.load("ada")


def test_a_loader_may_ask_for_another_user(make):
    """A loader that needs somebody else's info gets it."""
    users = make(user_loader=lambda subject: {"boss": users.load("boss") if subject != "boss" else None}).users
    assert users.load("ada") == {"boss": {"boss": None}}


def test_two_loaders_that_need_each_other_both_end(make):
    """Two loads in two threads that want each other's user do not wait for each other."""
    both = threading.Barrier(2)
    deep = threading.local()

    def loader(subject):
        if getattr(deep, "inside", False):
            return {"friend": None}
        both.wait(10)
        deep.inside = True
        return {"friend": users.load("bob" if subject == "ada" else "ada") and True}

    users, found = make(user_loader=loader).users, {}
    threads = [
        threading.Thread(target=lambda name=name: found.update({name: users.load(name)}), daemon=True)
        for name in ("ada", "bob")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == {"ada": {"friend": True}, "bob": {"friend": True}}
