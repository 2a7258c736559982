"""The use of a session is written down now and then, and never brings back what has ended."""

from __future__ import annotations

import pytest

from flask_gosession.errors import SessionEnded


@pytest.fixture
def token(manager, store):
    pair = manager.login("ada")
    store.calls.clear()
    return pair.access_token


def seen(manager):
    return manager.sessions("ada")[0].seen


def test_one_write_an_interval(manager, store, clock, token):
    """Many checks within the touch interval write nothing; the first after it writes once."""
    begun = seen(manager)
    for _ in range(59):
        clock.advance(1)
        manager.check(token)
    assert (store.count("swap"), seen(manager)) == (0, begun)
    clock.advance(1)
    manager.check(token)
    manager.check(token)
    assert (store.count("swap"), seen(manager)) == (1, clock())


def test_a_short_idle_timeout_is_written_more_often(manager, store, clock):
    """The interval is at most a tenth of the idle timeout, so that use always keeps a session alive."""
    token = manager.login("ada", idle=30).access_token
    store.calls.clear()
    for _ in range(60):
        clock.advance(2.9)
        manager.check(token)
    assert store.count("swap") == 30


def test_a_touch_announces_nothing(manager, store, clock, token):
    """No verdict changes by a touch, so no other process hears of it."""
    clock.advance(60)
    manager.check(token)
    assert [call.announce for call in store.calls if call.verb == "swap"] == [False]


def test_a_lost_race_is_let_go(manager, store, clock, token):
    """A touch that somebody overtook is not tried again, and the check has succeeded."""
    clock.advance(60)
    store.before_swap(lambda: manager.revoke_all("ada"))
    manager.check(token)
    assert manager.sessions("ada") == []
    with pytest.raises(SessionEnded):
        manager.check(token)


def test_a_store_that_cannot_write_is_a_warning(manager, store, clock, token, caplog):
    """The check stands on what was read; that the use could not be noted is logged."""
    clock.advance(60)
    store.fail("swap")
    manager.check(token)
    assert "could not be noted" in caplog.text
    manager.check(token)
    assert seen(manager) == clock()


def test_a_slow_clock_moves_nothing_back(make, clock, token):
    """The time of the last use never goes back, whatever another host's clock says."""
    manager = make()
    clock.advance(120)
    manager.check(token)
    now = clock()
    manager.clock = lambda: now - 100
    manager.check(token)
    assert seen(manager) == now


def test_extend_moves_the_idle_end_only(manager, clock):
    """`extend` is a use at once: the idle end moves, never past the absolute one, and the ended stay so."""
    pair = manager.login("ada", idle=100, lifetime=150)
    end = manager.sessions("ada")[0].expires
    clock.advance(1)
    assert manager.extend(pair.access_token).ends == clock() + 100
    clock.advance(90)
    assert manager.extend(pair.access_token).ends == end
    manager.logout(pair.access_token)
    with pytest.raises(SessionEnded):
        manager.extend(pair.access_token)
