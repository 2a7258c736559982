"""A process forked at the worst moment serves on: what its parent's threads held is not held in it."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
import servers
from sites import open_site

from flask_gosession.engine.records import Records
from flask_gosession.keyed_lock import KeyedLock
from flask_gosession.session.change import Change
from flask_gosession.stores.breaker import BreakerStore
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


def test_fork_while_a_record_is_written():
    """A child does not queue behind a thread that only its parent has."""
    held = Held()
    records = Records(MemoryStore(), time.time, patience=60)

    def write():
        return records.update("ada", lambda record, _now: Change(held.wait() or record, None))[0] is not None

    assert held.code_of_child(write) == 0


def test_fork_while_the_breaker_counts():
    """A child can find out whether its store has come back."""
    held = Held()
    breaker = BreakerStore(MemoryStore(), rest=lambda: held.wait() or 60)
    breaker.is_broken = True
    assert held.code_of_child(lambda: breaker.load("ada") is None) == 0


def test_a_worker_of_uwsgi_starts_afresh_by_its_own_hook(monkeypatch):
    """Though uWSGI runs none of Python's hooks, a lock is free in its workers; and the app's hook runs, too."""
    uwsgi, ran = ModuleType("uwsgi"), []
    uwsgi.post_fork_hook = lambda: ran.append(True)
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    locks = KeyedLock()
    with locks.hold():
        uwsgi.post_fork_hook()
        with locks.hold(patience=0) as ours:
            assert ours
    assert ran == [True]


def test_listeners_hear_though_the_parent_has_served_a_request(clock):
    """In a process whose parent was warmed up before the fork, the first request lets listeners hear of ends."""
    told = []
    site = open_site(clock, MemoryStore(clock=clock))
    site.manager.listen(told.append)
    site.get(path="/maybe")

    def hears():
        site.get(path="/maybe")
        site.manager.lease.holds()
        site.manager.login("ada")
        site.manager.revoke_all("ada")
        servers.wait_until(lambda: told, "news of the end", 5)
        return True

    assert exit_code_of_child(hears) == 0
    site.manager.close()


class Held:
    """Holds a thread of this process up while a child is forked that does the same."""

    def __init__(self) -> None:
        self._home = os.getpid()
        self._entered, self._go_on = threading.Event(), threading.Event()

    def wait(self) -> None:
        """Wait in the parent until the child has ended; a child passes."""
        if os.getpid() == self._home:
            self._entered.set()
            self._go_on.wait(20)

    def code_of_child(self, act) -> int | None:
        """Return how a child ends that checks whether *act* is true there, forked while a thread here is held up."""
        with ThreadPoolExecutor(1) as pool:
            here = pool.submit(act)
            assert self._entered.wait(5)
            code = exit_code_of_child(act)
            self._go_on.set()
            assert here.result()
        return code
