"""A session that runs out is told of when it is noticed: once, by whoever notices first."""

from __future__ import annotations

import pytest
from sites import Site, open_endpoints

from flask_gosession import AuthError, Device, events
from flask_gosession.testing.clock import FakeClock

IDLE = 3600


@pytest.fixture
def site(clock: FakeClock) -> Site:
    return open_endpoints(clock, IDLE_TIMEOUT=IDLE, ABSOLUTE_TIMEOUT=4 * IDLE, ACCESS_LIFETIME=4 * IDLE)


def told(site: Site) -> list[tuple[str, str]]:
    """Return which sessions were told of as run out, and why."""
    return [(event.sid, event.reason) for event in site.told(events.Expired)]


def test_a_check_notices_once(site: Site):
    """The request that is refused because the session idled out tells of it, and no later one does."""
    pair, began = site.pair("ada", device=Device("203.0.113.7")), site.clock()
    site.clock.advance(IDLE + 5)
    for _ in range(3):
        assert site.get(pair.access_token, "/auth/session").get_json()["error"] == "session_idle"
    assert told(site) == [(pair.sid, "idle")]
    (event,) = site.told(events.Expired)
    assert (event.subject, event.ip, event.actor) == ("ada", "", None)
    assert event.at == pytest.approx(began + IDLE, abs=1)


def test_the_absolute_end_is_told_as_such(clock: FakeClock):
    """A session past its absolute end has expired."""
    site = open_endpoints(clock, IDLE_TIMEOUT=4 * IDLE, ABSOLUTE_TIMEOUT=2 * IDLE, ACCESS_LIFETIME=2 * IDLE)
    pair = site.pair("ada")
    clock.advance(2 * IDLE + 5)  # within the leeway of the token
    with pytest.raises(AuthError):
        site.manager.authenticate(pair.access_token)
    assert told(site) == [(pair.sid, "expired")]


@pytest.mark.parametrize("how", ["sessions", "login", "refresh", "revoke", "forget"])
def test_whoever_looks_or_writes_notices(site: Site, how: str):
    """A list of sessions, and every write to the record, notices what has run out."""
    gone = site.pair("ada", idle=60)
    live = site.pair("ada")
    site.clock.advance(300)
    act = {
        "sessions": lambda: site.manager.sessions("ada"),
        "login": lambda: site.manager.login("ada"),
        "refresh": lambda: site.manager.refresh(live.refresh_token or ""),
        "revoke": lambda: site.manager.revoke("ada", live.sid),
        "forget": lambda: site.manager.users.forget("ada"),
    }[how]
    act()
    assert told(site) == [(gone.sid, "idle")]
    site.manager.sessions("ada")
    site.manager.login("ada")
    assert told(site) == [(gone.sid, "idle")]


def test_a_session_that_somebody_ended_has_not_run_out(site: Site):
    """Whoever was signed out, evicted or kicked is told of once, and as that."""
    pair = site.pair("ada")
    site.manager.revoke("ada", pair.sid, "kicked")
    site.clock.advance(5 * IDLE)
    site.manager.sessions("ada")
    site.manager.login("ada")
    assert told(site) == []


def test_looking_as_an_operator_writes_nothing(site: Site):
    """`show` and `stats` only look."""
    site.pair("ada")
    site.clock.advance(IDLE + 5)
    site.store.calls.clear()
    site.manager.show("ada")
    site.manager.stats()
    assert {call.verb for call in site.store.calls} <= {"load", "subjects"}
    assert told(site) == []


def test_of_two_who_notice_at_once_one_tells(site: Site):
    """The write that notes it is the one that tells; whoever loses the swap leaves it to the winner."""
    pair = site.pair("ada")
    site.clock.advance(IDLE + 5)
    site.store.before_swap(lambda: site.manager.sessions("ada"))
    assert site.get(pair.access_token, "/auth/session").status_code == 401
    assert told(site) == [(pair.sid, "idle")]


def test_a_store_that_cannot_write_refuses_all_the_same(site: Site):
    """Where it cannot be noted the answer is the same, and the next one tells."""
    pair = site.pair("ada")
    site.clock.advance(IDLE + 5)
    site.store.fail("swap")
    assert site.get(pair.access_token, "/auth/session").get_json()["error"] == "session_idle"
    assert told(site) == []
    assert site.get(pair.access_token, "/auth/session").get_json()["error"] == "session_idle"
    assert told(site) == [(pair.sid, "idle")]


def test_a_live_session_costs_no_write(site: Site):
    """A check of a live session writes nothing for it."""
    pair = site.pair("ada")
    site.store.calls.clear()
    assert site.get(pair.access_token, "/auth/session").status_code == 200
    assert [call.verb for call in site.store.calls] == ["load"]
