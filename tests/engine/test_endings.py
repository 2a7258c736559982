"""A process is told which sessions have ended, why and by which client, wherever that was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import servers
from backends import Backends

from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import SessionEnd
from flask_gosession.errors import ConfigError

from .conftest import Maker
from .onlookers import open_manager


@pytest.fixture(params=["memory", "redis"])
def pair_of(request: pytest.FixtureRequest, backends: Backends, key_prefix: str, make: Maker) -> Iterator[Any]:
    """Yield two managers, which stand for two processes with one store."""
    if request.param == "memory":
        managers = [make(), make()]
    else:
        url = backends.process_url("redis")
        managers = [open_manager(url, key_prefix) for _ in range(2)]
    yield managers
    for manager in managers:
        manager.close()


def waited_for(found: list[SessionEnd], count: int = 1) -> list[SessionEnd]:
    servers.wait_until(lambda: len(found) >= count, f"news of {count} ends", 5)
    return found


def test_who_and_why(pair_of: list[SessionManager]) -> None:
    """Sessions that this process ends, and those that another one does: with reason, client, time and message."""
    here, there = pair_of
    told: list[SessionEnd] = []
    here.listen(told.append)
    here.lease.holds()
    phone = here.login("ada", client="ios")
    there.revoke("ada", phone.sid, "kicked", message="bye", client="web")
    ended = waited_for(told)[0]
    assert (ended.subject, ended.sid, ended.reason) == ("ada", phone.sid, "kicked")
    assert (ended.client, ended.message) == ("web", "bye")
    assert abs(ended.at - here.clock()) < 60
    laptop = here.login("ada", limit=1)
    evictor = there.login("ada", limit=1, client="android")
    assert [(one.sid, one.reason, one.client) for one in waited_for(told, 2)[1:]] == [
        (laptop.sid, "evicted", "android")
    ]
    here.ban("ada", until=here.clock() + 60)
    assert [(one.sid, one.reason) for one in waited_for(told, 3)[2:]] == [(evictor.sid, "banned")]


def test_each_end_once(pair_of: list[SessionManager]) -> None:
    """Though every change of a record is a look at all that has ended in it."""
    here, there = pair_of
    told: list[SessionEnd] = []
    here.listen(told.append)
    here.lease.holds()
    sids = [there.login("ada").sid for _ in range(5)]
    for sid in sids:
        there.revoke("ada", sid)
    assert [one.sid for one in waited_for(told, 5)] == sids
    there.users.forget("ada")
    last = there.login("bob")
    there.revoke("bob", last.sid)
    assert [one.sid for one in waited_for(told, 6)] == [*sids, last.sid]


def test_a_rotation_is_no_end(pair_of: list[SessionManager]) -> None:
    """Announced is whatever changes a verdict, and told is an end alone."""
    here, there = pair_of
    told: list[SessionEnd] = []
    here.listen(told.append)
    here.lease.holds()
    pair = there.login("ada")
    there.refresh(pair.refresh_token)
    there.users.forget("ada")
    last = there.login("bob")
    there.revoke("bob", last.sid)
    assert [one.sid for one in waited_for(told)] == [last.sid]


def test_a_listener_that_fails(pair_of: list[SessionManager], caplog: pytest.LogCaptureFixture) -> None:
    """Keeps nobody else from hearing, and is logged."""
    here, there = pair_of
    told: list[SessionEnd] = []

    def fail(_end: SessionEnd) -> None:
        raise RuntimeError("no")

    here.listen(fail)
    here.listen(told.append)
    here.lease.holds()
    there.revoke("ada", there.login("ada").sid)
    waited_for(told)
    assert "a listener to the ends of sessions failed" in caplog.text


def test_the_thread_goes_with_the_listeners(pair_of: list[SessionManager]) -> None:
    """Without a listener no thread runs, and closing the manager ends it, too."""
    here, _ = pair_of
    assert here.endings._thread is None
    stop = here.listen(lambda _end: None)
    first = here.endings._thread
    assert first.is_alive()
    stop()
    stop()
    servers.wait_until(lambda: not first.is_alive(), "the end of the thread", 5)
    here.listen(lambda _end: None)
    second = here.endings._thread
    assert second is not first
    here.close()
    servers.wait_until(lambda: not second.is_alive(), "the end of the thread", 5)


def test_a_watch_that_begins_as_the_thread_ends_is_served(make: Maker) -> None:
    """Between the last look of the thread at who watches, and its end, somebody comes: a new thread serves them."""
    endings = make().endings
    run, seen, may_end = endings._run, threading.Event(), threading.Event()

    def run_slowly() -> None:
        run()
        seen.set()
        may_end.wait(5)

    endings._run = run_slowly
    endings.unwatch(endings.try_watch("ada", 1))
    assert seen.wait(5)
    ending = endings._thread
    endings._run = run
    changed = endings.try_watch("bob", 1)
    assert endings._thread is not None
    assert endings._thread is not ending
    may_end.set()
    endings.unwatch(changed)


def test_a_process_without_threads_to_spare_watches_nothing(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody keeps a place, and the next one finds a thread again."""
    endings = make().endings
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda _thread: (_ for _ in ()).throw(RuntimeError))
        assert endings.try_watch("ada", 1) is None
    changed = endings.try_watch("ada", 1)
    assert endings._thread.is_alive()
    endings.unwatch(changed)


def test_a_store_that_tells_nobody(make: Maker, store: Any) -> None:
    """Is told where somebody wants to listen."""
    store.feed = None
    with pytest.raises(ConfigError, match="announces changes"):
        make().listen(lambda _end: None)
