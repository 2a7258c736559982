"""Riding through an outage: who may, for how long, and what ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_gosession.engine.levels import LevelChecks
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Checked
from flask_gosession.errors import AuthError, StoreUnavailable, TokenExpired
from flask_gosession.stores.base import StoreBusy
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

from .conftest import Maker
from .scripted_feed import Timer

GRACE = 30.0


class Riding:
    """Strict checks with an outage grace of half a minute, over a store that fails on cue."""

    def __init__(self, manager: SessionManager, store: FaultyStore, **options: Any) -> None:
        self.manager, self.store, self.timer = manager, store, Timer()
        given = {"size": 4, "max_stale": 10.0, "outage_grace": GRACE, **options}
        self.levels = LevelChecks(manager, timer=self.timer, **given)

    def check(self, token: str, **options: Any) -> Checked:
        return self.levels.check(token, **options)

    def fail(self) -> None:
        self.store.fail("load", 1000)


@pytest.fixture
def riding(make: Maker, store: FaultyStore) -> Riding:
    return Riding(make(), store)


def confirmed(riding: Riding, subject: str = "ada", **options: Any) -> str:
    """Return a token that the store has confirmed just now."""
    token = riding.manager.login(subject, **options).access_token
    assert not riding.check(token).stale
    return token


def test_a_confirmed_session_rides(riding: Riding) -> None:
    """For the grace, counted from when it was confirmed, and marked as stale; then there is no word on it."""
    token = confirmed(riding)
    riding.fail()
    riding.timer.now += GRACE - 1
    ridden = riding.check(token)
    assert (ridden.stale, ridden.claims.subject) == (True, "ada")
    riding.timer.now += 1
    with pytest.raises(StoreUnavailable):
        riding.check(token)


def test_riding_does_not_confirm(riding: Riding) -> None:
    """However often the session is used meanwhile."""
    token = confirmed(riding)
    riding.fail()
    for _ in range(29):
        riding.timer.now += 1
        riding.check(token)
    riding.timer.now += 1
    with pytest.raises(StoreUnavailable):
        riding.check(token)


def test_the_store_has_the_word_again(riding: Riding) -> None:
    """As soon as it answers."""
    token = confirmed(riding)
    riding.fail()
    assert riding.check(token).stale
    riding.store.mend()
    assert not riding.check(token).stale


def test_nobody_else_rides(riding: Riding) -> None:
    """A session that was not confirmed here, and a token that is not one, get what they get without a grace."""
    confirmed(riding)
    other = riding.manager.login("bob").access_token
    riding.fail()
    with pytest.raises(StoreUnavailable):
        riding.check(other)
    with pytest.raises(AuthError):
        riding.check(other + "x")


def test_off_by_default(make: Maker, store: FaultyStore) -> None:
    """Without a grace nothing rides."""
    riding = Riding(make(), store, outage_grace=0.0)
    token = confirmed(riding)
    riding.fail()
    with pytest.raises(StoreUnavailable):
        riding.check(token)


def test_what_must_be_certain_does_not_ride(riding: Riding) -> None:
    """Whoever asks for certainty gets it, or nothing."""
    token = confirmed(riding)
    riding.fail()
    with pytest.raises(StoreUnavailable):
        riding.check(token, may_be_stale=False)


def test_impersonation_does_not_ride(riding: Riding) -> None:
    """Two sessions stand behind it, and neither can be asked about."""
    actor = riding.manager.authenticate(riding.manager.login("root").access_token)
    token = riding.manager.impersonate(actor, "ada").access_token
    riding.check(token)
    riding.fail()
    with pytest.raises(StoreUnavailable):
        riding.check(token)


@pytest.mark.parametrize(
    "end",
    [
        lambda manager, token: manager.logout(token),
        lambda manager, _token: manager.revoke_all("ada"),
        lambda manager, _token: manager.ban("ada", until=manager.clock() + 60),
    ],
    ids=["logout", "revoke_all", "ban"],
)
def test_what_this_process_has_ended_does_not_ride(riding: Riding, end: Callable[..., object]) -> None:
    """It knows without the store."""
    token = confirmed(riding)
    end(riding.manager, token)
    riding.fail()
    with pytest.raises(StoreUnavailable):
        riding.check(token)


def test_an_end_that_may_have_been_written(riding: Riding) -> None:
    """A revocation whose answer was lost may have been done: who is meant does not ride."""
    token = confirmed(riding)
    riding.store.fail("swap", 10)
    with pytest.raises(StoreUnavailable):
        riding.manager.revoke_all("ada")
    riding.fail()
    with pytest.raises(StoreUnavailable):
        riding.check(token)


def test_what_was_refused_does_not_ride(riding: Riding, make: Maker) -> None:
    """A session that another process has ended, once this one has seen it."""
    token = confirmed(riding)
    make().logout(token)
    with pytest.raises(AuthError):
        riding.check(token)
    riding.fail()
    with pytest.raises(StoreUnavailable):
        riding.check(token)


def test_what_was_announced_does_not_ride(riding: Riding, make: Maker) -> None:
    """A session that another process has ended, where this one hears of it."""
    token = confirmed(riding)
    assert riding.manager.lease
    assert riding.manager.lease.holds()
    make().logout(token)
    assert riding.manager.lease.holds()
    riding.fail()
    with pytest.raises(StoreUnavailable):
        riding.check(token)


def test_time_ends_a_ride(riding: Riding, clock: FakeClock) -> None:
    """The token and the session end as they would."""
    token, idle = confirmed(riding, access_lifetime=15), confirmed(riding, "bob", idle=20)
    riding.fail()
    clock.advance(21)
    with pytest.raises(StoreUnavailable):
        riding.check(idle)
    clock.advance(10)
    with pytest.raises(TokenExpired):
        riding.check(token)


def test_too_much_at_once_is_no_outage(riding: Riding, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without a free connection must not take what is stale for an answer."""
    token = confirmed(riding)

    def busy(_subject: str) -> None:
        raise StoreBusy

    monkeypatch.setattr(riding.store, "load", busy)
    with pytest.raises(StoreBusy):
        riding.check(token)


def test_a_verdict_that_is_gone_rides(riding: Riding) -> None:
    """At level cached the grace goes on where the verdict ends, which an outage of the store brings with it."""
    token = riding.manager.login("ada").access_token
    for _ in range(2):
        riding.levels.check(token, "cached")
    assert riding.manager.lease
    riding.manager.lease.close()
    riding.fail()
    assert riding.levels.check(token, "cached").stale


def test_memory_is_bounded(riding: Riding) -> None:
    """Those that were confirmed longest ago make room."""
    tokens = [confirmed(riding, f"user-{number}") for number in range(9)]
    riding.fail()
    with pytest.raises(StoreUnavailable):
        riding.check(tokens[4])
    assert all(riding.check(token).stale for token in tokens[5:])
