"""Events: in the order of what happened, after it was written, and no listener can break the work."""

from __future__ import annotations

import pytest

from flask_gosession.errors import StoreUnavailable, TokenReused, TokenRotated
from flask_gosession.events import Confirmed, DataDropped, Evicted, LoggedIn, Refreshed, RefreshForked, RefreshRefused
from flask_gosession.session.device import Device

HOME, AWAY = Device("203.0.113.7", "Firefox"), Device("198.51.100.9", "curl")


def test_who_left_is_told_before_who_came(make, told):
    """A login that evicts tells the evictions first, oldest first, then itself."""
    manager = make()
    leavers = [manager.login("ada").sid for _ in range(3)]
    told.clear()
    newcomer = manager.login("ada", limit=1, device=Device("203.0.113.7"), client="ios")
    assert [(type(event), event.sid) for event in told] == [
        *((Evicted, sid) for sid in leavers),
        (LoggedIn, newcomer.sid),
    ]
    assert {event.ip for event in told} == {"203.0.113.7"}
    assert (told[0].client, told[-1].client) == ("web", "ios")


def test_an_event_says_who_when_and_where(manager, clock, told):
    """An event carries subject, time and address; a login says whether it is to be remembered."""
    manager.login("ada", device=Device("203.0.113.7"), remember=True)
    assert (told[0].subject, told[0].at, told[0].ip, told[0].remember) == ("ada", clock(), "203.0.113.7", True)


def test_a_listener_sees_what_was_written(make):
    """When an event is told, the store already has it."""
    found = []
    manager = make(emit=lambda event: found.append(len(manager.sessions(event.subject))))
    manager.login("ada")
    manager.revoke_all("ada")
    assert found == [1, 0, 0]


def test_nothing_is_told_of_what_was_not_written(manager, store, told):
    """A write that failed tells nothing."""
    store.fail("swap", 2)
    with pytest.raises(StoreUnavailable):
        manager.login("ada")
    assert told == []


def test_a_failing_listener_breaks_nothing(make, clock, caplog):
    """LOG-01: what a listener raises is logged, without any token, and the work goes on to its end."""

    def listener(event):
        raise RuntimeError("listener")

    manager = make(emit=listener)
    pair = manager.login("ada")
    newer = manager.refresh(pair.refresh_token)
    manager.check(newer.access_token)
    clock.advance(manager.policy.overlap)
    with pytest.raises(TokenReused):
        manager.refresh(pair.refresh_token)
    assert manager.sessions("ada") == []
    assert [record.message for record in caplog.records] == [
        "a listener of LoggedIn failed",
        "a listener of Refreshed failed",
        "a listener of ReuseDetected failed",
    ]
    assert all(part not in caplog.text for part in (pair.access_token, newer.refresh_token))


def test_a_refresh_tells_its_number(manager, told):
    """Refreshed carries the rotation's number, and says when a parent came again; a pair's own token is silent."""
    pair = manager.login("ada", device=HOME)
    newer = manager.refresh(pair.refresh_token, device=HOME)
    manager.refresh(pair.refresh_token, device=AWAY)
    manager.refresh(newer.refresh_token, device=HOME)
    common = {"subject": "ada", "at": manager.clock(), "sid": pair.sid, "client": "web", "gen": 1}
    common |= {"session_ip": HOME.ip, "session_agent": HOME.agent}
    assert told[1:] == [
        Refreshed(**common, ip=HOME.ip, agent=HOME.agent),
        Refreshed(**common, ip=AWAY.ip, agent=AWAY.agent, parent_again=True),
    ]


def test_a_fork_tells_who_made_the_unused_pair(manager, clock, told):
    """LIF-02: a new pair beside an unused one names who presented the token, and for whom the unused one was made."""
    pair = manager.login("ada", device=HOME)
    manager.refresh(pair.refresh_token, device=AWAY)
    clock.advance(60)
    manager.refresh(pair.refresh_token, device=HOME)
    clock.advance(60)
    manager.refresh(pair.refresh_token, device=AWAY)
    forks = [event for event in told if isinstance(event, RefreshForked)]
    assert [(event.ip, event.agent, event.made_ip, event.made_agent) for event in forks] == [
        (HOME.ip, HOME.agent, AWAY.ip, AWAY.agent),
        (AWAY.ip, AWAY.agent, HOME.ip, HOME.agent),
    ]
    assert {(event.session_ip, event.session_agent, event.gen) for event in forks} == {(HOME.ip, HOME.agent, 1)}


def test_an_adoption_is_told(manager, clock, told):
    """The pair that was used first takes its place, and the event says so."""
    pair = manager.login("ada")
    first = manager.refresh(pair.refresh_token)
    clock.advance(60)
    manager.refresh(pair.refresh_token)
    manager.refresh(first.refresh_token)
    assert (type(told[-1]), told[-1].adopted) == (Refreshed, True)


def test_a_refused_refresh_is_told(manager, told):
    """LIF-02: a refresh token from before a re-authentication is refused, with both addresses; the session goes on."""
    pair = manager.login("ada", device=HOME)
    manager.confirm(manager.authenticate(pair.access_token))
    with pytest.raises(TokenRotated):
        manager.refresh(pair.refresh_token, device=AWAY)
    assert (type(told[-1]), told[-1].ip, told[-1].session_ip) == (RefreshRefused, AWAY.ip, HOME.ip)
    assert len(manager.sessions("ada")) == 1


def test_confirming_is_told(manager, clock, told):
    """Showing the credentials again makes the session fresh, and is told with where."""
    checked = manager.authenticate(manager.login("ada").access_token)
    clock.advance(3600)
    session = manager.check(manager.confirm(checked, device=Device("203.0.113.7")).access_token)
    assert (session.authenticated, session.ip) == (clock(), "203.0.113.7")
    assert (type(told[-1]), told[-1].ip) == (Confirmed, "203.0.113.7")


def test_dropped_data_is_told(manager, told):
    """Data that comes after the end of its session is dropped, and that is told."""
    checked = manager.authenticate(manager.login("ada").access_token)
    assert manager.save_data(checked, {"cart": [1]})
    manager.revoke_all("ada")
    assert not manager.save_data(checked, {"cart": [2]})
    assert (type(told[-1]), told[-1].sid) == (DataDropped, checked.session.sid)
