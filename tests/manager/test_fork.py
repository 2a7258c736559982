"""A process forked at the worst moment serves on: what its parent's threads held is not held in it."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_gosession.stores.breaker import BreakerStore, BrokenCircuit
from flask_gosession.stores.memory import MemoryStore

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning"),
]


def exit_code_of_child(holds) -> int | None:
    """Fork, and return how a child ends that checks whether something holds; None when it hangs."""
    child = multiprocessing.get_context("fork").Process(target=lambda: sys.exit(not holds()))
    child.start()
    child.join(10)
    code = child.exitcode
    child.kill()
    child.join()
    return code


def test_fork_while_a_user_is_loaded(make):
    """A child does not wait for the load that was under way in its parent; it loads the user itself."""
    parent, entered, go_on = os.getpid(), threading.Event(), threading.Event()

    def loader(_subject):
        if os.getpid() == parent:
            entered.set()
            go_on.wait(20)
        return {"name": "Ada"}

    users = make(user_loader=loader).users
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(users.load, "ada")
        assert entered.wait(5)
        code = exit_code_of_child(lambda: users.load("ada") == {"name": "Ada"})
        go_on.set()
        assert load.result() == {"name": "Ada"}
    assert code == 0


def test_fork_while_a_record_is_written(make):
    """A child does not queue behind a thread that only its parent has."""
    subjects = make().subjects
    with subjects._turn("ada"):
        code = exit_code_of_child(lambda: all(lock.acquire(blocking=False) for lock in subjects._turns))
    assert code == 0


def test_fork_while_the_breaker_counts():
    """A child can find out whether its store has come back."""
    breaker = BreakerStore(MemoryStore())
    breaker._broken = True

    def is_refused_at_once() -> bool:
        breaker._next_probe = breaker._clock() + 60
        with pytest.raises(BrokenCircuit):
            breaker.load("ada")
        return True

    with breaker._lock:
        code = exit_code_of_child(is_refused_at_once)
    assert code == 0
