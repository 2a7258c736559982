"""Verdicts at level `cached`: what they save, and every rule without which a session that has ended could come in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from backends import Backends
from relays import relay

from flask_gosession.engine.lease import LAPSE, Lease
from flask_gosession.engine.levels import LevelChecks
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Checked
from flask_gosession.errors import AuthError, SessionEnded, TokenExpired
from flask_gosession.events import Event, FeedFailing, FeedRecovered, StoreEvent
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

from .conftest import Maker
from .scripted_feed import ScriptedFeed, Timer

MAX_STALE = 10.0


class Process:
    """A manager and its checks at level `cached`."""

    def __init__(self, manager: SessionManager, timer: Timer, **options: Any) -> None:
        self.manager = manager
        self.timer = timer
        if manager.lease is not None:
            manager.lease._timer = timer
        self.levels = LevelChecks(manager, timer=timer, **{"size": 8, "max_stale": MAX_STALE, **options})

    def check(self, token: str) -> Checked:
        return self.levels.check(token, "cached")

    def trips(self, token: str) -> int:
        """Return how often a check asks the store."""
        store: Any = self.manager.store
        before = store.count("load")
        self.check(token)
        return store.count("load") - before


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def one(make: Maker, timer: Timer) -> Process:
    """Return a process, with its lease on the store taken."""
    process = Process(make(), timer)
    assert process.manager.lease
    assert process.manager.lease.holds()
    return process


def kept(process: Process, **options: Any) -> str:
    """Return a token about which there is a verdict."""
    token = process.manager.login("ada", **options).access_token
    process.check(token)
    assert process.trips(token) == 0
    return token


def test_asks_once(one: Process) -> None:
    """The first check asks the store, the others do not."""
    token = one.manager.login("ada").access_token
    assert [one.trips(token) for _ in range(3)] == [1, 0, 0]


def test_a_wrong_token_is_refused(one: Process) -> None:
    """What is no token, or another's, has no verdict."""
    token = kept(one)
    with pytest.raises(AuthError):
        one.check(token + "x")


@pytest.mark.parametrize("first", [True, False], ids=["before the note", "after the note"])
def test_a_look_between_two_changes(one: Process, first: bool) -> None:
    """A verdict is not kept over a change that was heard, whatever is being heard about others just then."""
    verdicts = one.levels.verdicts
    assert verdicts is not None
    token = one.manager.login("ada").access_token
    checked = one.manager.authenticate(token)
    verdicts._latest.clear()
    ticket = verdicts.begin()
    verdicts._forget("ada")
    verdicts._forget("bob")

    class Looked(deque):
        def append(self, subject: str) -> None:
            if not first:
                super().append(subject)
            verdicts.keep(ticket, token, checked, checked.session.ends)

    verdicts._latest = Looked(verdicts._latest, verdicts._latest.maxlen)
    verdicts._forget("eve")
    assert verdicts.find(token, one.manager.clock()) is None


@pytest.mark.parametrize(
    "end",
    [
        lambda manager, _pair, sid: manager.revoke("ada", sid),
        lambda manager, _pair, _sid: manager.revoke_all("ada", "password_changed"),
        lambda manager, _pair, _sid: manager.ban("ada", until=manager.clock() + 60),
        lambda manager, pair, _sid: manager.logout(pair.access_token),
        lambda manager, _pair, _sid: manager.login("ada", limit=1),
    ],
    ids=["revoke", "revoke_all", "ban", "logout", "evicted"],
)
def test_an_end_is_seen_by_the_next_check(one: Process, make: Maker, end: Callable[..., object]) -> None:
    """Whatever ends the session, in this process or in another one."""
    for manager in (one.manager, make()):
        manager.lift_ban("ada")
        pair = one.manager.login("ada", authenticated=one.manager.clock() + 1)
        one.check(pair.access_token)
        assert one.trips(pair.access_token) == 0
        end(manager, pair, pair.sid)
        with pytest.raises(AuthError):
            one.check(pair.access_token)


def test_a_fill_loses_the_race(one: Process, store: FaultyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was revoked while the store was read is not kept, though the verdict came in after the announcement."""
    pair = one.manager.login("ada")
    one.check(one.manager.login("bob").access_token)
    load = store.store.load

    def revoked_meanwhile(subject: str):
        found = load(subject)
        monkeypatch.undo()
        one.manager.revoke("ada", pair.sid)
        assert one.manager.lease
        assert one.manager.lease.holds()  # another thread's check hears of it
        return found

    monkeypatch.setattr(store.store, "load", revoked_meanwhile)
    one.check(pair.access_token)
    with pytest.raises(SessionEnded):
        one.check(pair.access_token)


def test_a_fill_loses_against_a_gap(make: Maker, store: FaultyStore, timer: Timer) -> None:
    """A read that began before the subscription stood is not kept: what it missed was announced to nobody."""
    store.feed = feed = ScriptedFeed()
    process = Process(make(), timer)
    token = process.manager.login("ada").access_token
    assert process.levels.verdicts is not None
    ticket = process.levels.verdicts.begin()
    checked = process.manager.authenticate(token)
    assert process.manager.lease
    assert process.manager.lease.holds()
    process.levels.verdicts.keep(ticket, token, checked, process.manager.clock() + 60)
    assert process.trips(token) == 1
    assert feed.attempts == 1


def hear(lease: Lease, subject: str) -> None:
    """Let the process hear of a change."""
    for listener in lease.on_change:
        listener(subject)


def test_more_changes_than_are_remembered(one: Process) -> None:
    """A read during which very many changes were announced is not kept."""
    pair = one.manager.login("ada")
    verdicts, lease = one.levels.verdicts, one.manager.lease
    assert verdicts is not None
    assert lease is not None
    ticket, checked = verdicts.begin(), one.manager.authenticate(pair.access_token)
    for number in range(300):
        hear(lease, f"user-{number}")
    verdicts.keep(ticket, pair.access_token, checked, one.manager.clock() + 60)
    assert len(verdicts) == 0


def test_other_subjects_do_not_matter(one: Process) -> None:
    """A change of somebody else's verdicts leaves this one, also in the middle of a read."""
    token = kept(one)
    verdicts, lease = one.levels.verdicts, one.manager.lease
    assert verdicts is not None
    assert lease is not None
    ticket = verdicts.begin()
    hear(lease, "bob")
    verdicts.keep(ticket, token, one.manager.authenticate(token), one.manager.clock() + 60)
    assert one.trips(token) == 0


def test_nothing_counts_over_a_gap(make: Maker, store: FaultyStore, timer: Timer) -> None:
    """A link that broke and was mended leaves nothing of before: what was said in between was not heard."""
    store.feed = feed = ScriptedFeed()
    process = Process(make(), timer)
    token = kept(process)
    feed.broken = True
    assert process.trips(token) == 1
    feed.broken = False
    timer.now += 1
    assert process.trips(token) == 1
    assert process.trips(token) == 0


def test_a_silent_link(make: Maker, store: FaultyStore, timer: Timer) -> None:
    """Two seconds after the last sign of life the store is asked."""
    store.feed = feed = ScriptedFeed()
    process = Process(make(), timer)
    token = kept(process)
    feed.answers = False
    timer.now += 1.5
    assert process.trips(token) == 0
    timer.now += 0.5
    assert process.trips(token) == 1


def test_a_silent_link_to_redis(make: Maker, backends: Backends, key_prefix: str, timer: Timer) -> None:
    """What ends elsewhere while the link is silently cut is refused two seconds after the last echo that came back."""
    url = backends.process_url("redis")
    with relay("127.0.0.1", urlsplit(url).port or 0) as link:
        stores: Any = [open_store(at, key_prefix=key_prefix) for at in (url, f"redis://127.0.0.1:{link.port}", url)]
        stores[0].feed = stores[1].feed
        here, there = Process(make(stores[0]), timer), make(stores[2])
        pair = here.manager.login("ada")
        assert [here.check(pair.access_token).kept for _ in range(2)] == [False, True]
        link.passing.clear()
        there.revoke("ada", pair.sid)
        for _ in range(4):
            assert here.check(pair.access_token).kept
            timer.now += LAPSE / 4
        with pytest.raises(SessionEnded):
            here.check(pair.access_token)
        here.manager.close()
        for store in stores:
            store.close()


def test_a_lost_announcement(make: Maker, store: FaultyStore, timer: Timer) -> None:
    """A session whose end nobody announced is refused once its verdict is as old as it may become."""
    store.feed = ScriptedFeed()  # to which the store does not announce
    process = Process(make(), timer)
    pair = process.manager.login("ada")
    process.check(pair.access_token)
    process.manager.revoke("ada", pair.sid)
    for _ in range(9):
        timer.now += 1
        process.check(pair.access_token)
    timer.now += 1
    with pytest.raises(SessionEnded):
        process.check(pair.access_token)


def test_the_age_counts_from_before_the_read(make: Maker, store: FaultyStore, timer: Timer, monkeypatch) -> None:
    """A read that took a second and a half, of the two that a verdict lasts, is good for half a second more."""
    one = Process(make(), timer, max_stale=2.0)
    token = one.manager.login("ada").access_token
    assert one.manager.lease
    assert one.manager.lease.holds()
    load = store.store.load

    def slowly(subject: str):
        timer.now += 1.5
        return load(subject)

    monkeypatch.setattr(store.store, "load", slowly)
    one.check(token)
    monkeypatch.undo()
    assert one.trips(token) == 0
    timer.now += 0.5
    assert one.trips(token) == 1


def test_time_alone_ends_a_verdict(one: Process, clock: FakeClock) -> None:
    """The token's end, and the session's, are those of a check that asks."""
    token = kept(one, access_lifetime=20)
    clock.advance(31)
    with pytest.raises(TokenExpired):
        one.check(token)


def test_use_is_written_down(make: Maker, timer: Timer, clock: FakeClock) -> None:
    """A session that is used at this level alone does not idle out, nor is it written down later."""
    process = Process(make(idle_timeout=100), timer)
    token = kept(process)
    for _ in range(30):
        clock.advance(9)
        process.check(token)
    assert process.manager.check(token)


def test_impersonation_is_never_kept(one: Process) -> None:
    """The end of the actor's session is announced for another subject."""
    admin = one.manager.authenticate(one.manager.login("root").access_token)
    token = one.manager.impersonate(admin, "ada").access_token
    assert [one.trips(token) for _ in range(2)] == [2, 2]


def test_a_parents_token_is_never_kept(one: Process, clock: FakeClock) -> None:
    """The first use of its successor, which ends it in a while, is announced to nobody."""
    pair = one.manager.login("ada")
    clock.advance(90)
    new = one.manager.refresh(pair.refresh_token)
    assert [one.trips(pair.access_token) for _ in range(2)] == [1, 1]
    one.check(new.access_token)
    assert one.trips(new.access_token) == 0


def test_a_rotation_drops_the_parents_verdict(one: Process, clock: FakeClock) -> None:
    """What was the current token is the parent's from then on."""
    pair = one.manager.login("ada")
    clock.advance(90)
    one.check(pair.access_token)
    one.check(pair.access_token)
    assert one.trips(pair.access_token) == 0
    one.manager.refresh(pair.refresh_token)
    assert one.trips(pair.access_token) == 1


def test_nothing_is_kept_before_the_user_info_is(make: Maker, timer: Timer) -> None:
    """The check that fills it in comes first; a verdict without it would ask the loader at every request."""
    loaded = []

    def load(subject: str) -> dict[str, str]:
        loaded.append(subject)
        return {"name": subject}

    process = Process(make(user_loader=load), timer)
    token = process.manager.login("ada").access_token
    trips = [user_trips(process, token, {"name": "ada"}) for _ in range(4)]
    assert (loaded, trips[-2:]) == (["ada"], [0, 0])
    process.manager.users.forget("ada")
    assert process.trips(token) == 1


def user_trips(process: Process, token: str, expected: object) -> int:
    """Return how often a check and a look at the user ask the store."""
    store: Any = process.manager.store
    before = store.count("load")
    assert process.manager.users.of(process.check(token).record) == expected
    return store.count("load") - before


def test_user_info_runs_out(make: Maker, timer: Timer, clock: FakeClock) -> None:
    """A verdict ends with the user info in it."""
    names = iter(["old", "new"])
    process = Process(make(user_loader=lambda _subject: {"name": next(names)}, user_ttl=5), timer)
    token = process.manager.login("ada").access_token
    for _ in range(3):
        assert process.manager.users.of(process.check(token).record) == {"name": "old"}
    clock.advance(5)
    trips = [user_trips(process, token, {"name": "new"}) for _ in range(4)]
    assert trips[-2:] == [0, 0]


def test_memory_is_bounded(one: Process) -> None:
    """The one that was kept longest makes room, and others' sessions are not in what is kept."""
    tokens = [one.manager.login(f"user-{number}").access_token for number in range(20)]
    for token in tokens:
        one.check(token)
    assert one.levels.verdicts is not None
    assert len(one.levels.verdicts) == 8
    assert [one.trips(token) for token in tokens[-8:]] == [0] * 8
    many = [one.manager.login("ada").access_token for _ in range(5)]
    one.check(many[0])
    assert len(one.check(many[0]).record.sessions) == 1


def test_a_verdict_keeps_nothing_twice(one: Process) -> None:
    """What stands in the claims and in the record is one object in memory, and the other sessions are not kept."""
    one.manager.login("ada")
    checked = one.check(kept(one, client="ios"))
    session, claims, record = checked.session, checked.claims, checked.record
    assert session.id is claims.sid
    assert session.access is claims.jti
    assert session.client is claims.client
    assert record.subject is claims.subject
    assert record.sessions == (session,)


def test_strict_asks_each_time(one: Process) -> None:
    """Whatever is known."""
    token = kept(one)
    before = one.manager.store.count("load")
    one.levels.check(token)
    assert one.manager.store.count("load") == before + 1


def test_inspection_sees_each_session(one: Process) -> None:
    """What a check is to look at besides, it looks at with each verdict."""
    token, seen = kept(one), []
    one.levels.check(token, "cached", inspect=seen.append)
    assert [checked.claims.subject for checked in seen] == ["ada"]


def test_a_store_without_a_feed_is_asked(make: Maker, store: FaultyStore, timer: Timer) -> None:
    """The engine goes the strict way; that it is not what was meant, the set-up says."""
    store.feed = None
    process = Process(make(), timer)
    token = process.manager.login("ada").access_token
    assert process.manager.lease is None
    assert [process.trips(token) for _ in range(2)] == [1, 1]


def test_a_broken_feed_is_told_once(
    make: Maker, store: FaultyStore, timer: Timer, told: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """Each check asks the store while nothing is heard; one event and one line say so, and two more that it is over."""
    store.feed = feed = ScriptedFeed()
    process = Process(make(), timer)
    live, ended = (process.manager.login("ada") for _ in range(2))
    process.manager.revoke("ada", ended.sid)

    def check_ten_times() -> None:
        for _ in range(10):
            assert process.check(live.access_token).session.sid == live.sid
            with pytest.raises(SessionEnded):
                process.check(ended.access_token)
            timer.now += 1

    def told_of_the_store() -> list[Event]:
        return [event for event in told if isinstance(event, StoreEvent)]

    at: Any = {"at": process.manager.clock(), "address": "FaultyStore"}
    failing, recovered = FeedFailing(cause="ConnectionRefusedError: nobody there", **at), FeedRecovered(**at)
    feed.broken = True
    check_ten_times()
    assert told_of_the_store() == [failing]
    feed.broken = False
    check_ten_times()
    assert told_of_the_store() == [failing, recovered]
    assert ["announces no changes" in line for line in caplog.messages] == [True, False]
    assert process.trips(live.access_token) == 0


def test_the_age_of_a_verdict_is_told(make: Maker, timer: Timer) -> None:
    """To whoever looks on, once for each check that went by one."""
    ages: list[float] = []
    process = Process(make(), timer, on_verdict=ages.append)
    token = kept(process)
    timer.now += 0.5
    process.check(token)
    assert ages == [0.0, 0.5]


def test_closing_the_manager_ends_the_subscription(one: Process) -> None:
    """So that nothing listens for an app that is gone."""
    one.manager.close()
    assert one.manager.lease is not None
    assert not one.manager.lease.holds()
