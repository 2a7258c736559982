"""A refresh: one successor for all who come with its parent, and the end of the session for a thief."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_gosession.errors import (
    AuthError,
    SessionEnded,
    SessionExpired,
    StoreUnavailable,
    TokenExpired,
    TokenMalformed,
    TokenReused,
    TokenRotated,
    TokenTypeError,
)
from flask_gosession.events import LoggedIn, Refreshed, ReuseDetected
from flask_gosession.manager import SessionManager
from flask_gosession.session.device import Device
from flask_gosession.session.policy import Policy
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.tokens.types import TokenType

HOME, AWAY = Device("203.0.113.7"), Device("198.51.100.9")


def ids(manager, pair):
    """Return what tells one pair from another: the jti of both tokens."""
    now = manager.clock()
    return [
        manager.codec.decode(text, kind, now, allow_expired=True).jti
        for text, kind in ((pair.access_token, TokenType.ACCESS), (pair.refresh_token, TokenType.REFRESH))
    ]


def test_a_new_pair_of_the_same_session(make, any_store, clock):
    """The successor has the same sid and absolute end, the next number, and new ids."""
    manager = make(any_store)
    first = manager.login("ada", claims={"team": "red"})
    clock.advance(60)
    second = manager.refresh(first.refresh_token)
    assert (second.sid, second.session_expires_at) == (first.sid, first.session_expires_at)
    assert not set(ids(manager, first)) & set(ids(manager, second))
    claims = manager.codec.decode(second.access_token, TokenType.ACCESS, clock())
    assert (claims.gen, claims.extra) == (1, {"team": "red"})
    assert manager.check(second.access_token).gen == 1


def test_the_end_does_not_move(manager, clock):
    """REV-04: refreshing again and again never passes the absolute end, nor do the tokens."""
    pair = manager.login("ada", lifetime=1000)
    for _ in range(9):
        clock.advance(100)
        pair = manager.refresh(pair.refresh_token)
    assert (pair.expires_in, pair.refresh_expires_in) == (100, 100)
    clock.advance(100)
    with pytest.raises(SessionExpired):
        manager.refresh(pair.refresh_token)


def test_all_who_come_with_the_parent_get_the_same_successor(make, any_store, told):
    """REF-01: parallel refreshes of one token leave one successor, one event and no theft."""
    manager = make(any_store)
    parent = manager.login("ada").refresh_token
    with ThreadPoolExecutor(8) as pool:
        pairs = list(pool.map(manager.refresh, [parent] * 40))
    assert len({tuple(ids(manager, pair)) for pair in pairs}) == 1
    assert [type(event) for event in told] == [LoggedIn, Refreshed]
    assert manager.check(pairs[0].access_token).gen == 1


def test_a_lost_answer_costs_nothing(manager, clock):
    """REF-07: while the successor is unused its parent is honoured, however long the answer was lost."""
    parent = manager.login("ada").refresh_token
    lost = manager.refresh(parent)
    clock.advance(6 * 86_400)
    again = manager.refresh(parent)
    assert ids(manager, again) == ids(manager, lost)
    assert again.expires_in == 900


@pytest.mark.parametrize("use", ["check", "refresh"])
def test_the_parent_ends_with_the_grace_after_the_first_use(manager, clock, use):
    """REF-03: from the grace after the successor's first use on, its parent is a theft."""
    parent = manager.login("ada").refresh_token
    successor = manager.refresh(parent)
    if use == "check":
        manager.check(successor.access_token)
        clock.advance(9.9)
        manager.refresh(parent)
        clock.advance(0.2)
    else:
        manager.check(manager.refresh(successor.refresh_token).access_token)
        clock.advance(10)
    with pytest.raises(TokenReused):
        manager.refresh(parent)


def test_a_theft_ends_the_session_and_is_told_once(make, any_store, clock, told):
    """One ReuseDetected names both addresses; all tokens of the session are dead, and told why."""
    manager = make(any_store)
    stolen = manager.login("ada", device=HOME)
    manager.login("ada")
    current = manager.refresh(stolen.refresh_token, device=HOME)
    manager.check(current.access_token)
    clock.advance(11)
    with pytest.raises(TokenReused) as refused:
        manager.refresh(stolen.refresh_token, device=AWAY)
    assert (refused.value.reason, refused.value.at) == ("reuse_detected", clock())
    events = [event for event in told if isinstance(event, ReuseDetected)]
    assert [(event.ip, event.session_ip, event.sid) for event in events] == [(AWAY.ip, HOME.ip, stolen.sid)]
    for again in (lambda: manager.check(current.access_token), lambda: manager.refresh(stolen.refresh_token)):
        with pytest.raises(SessionEnded) as ended:
            again()
        assert ended.value.reason == "reuse_detected"
    assert len([event for event in told if isinstance(event, ReuseDetected)]) == 1
    assert len(manager.sessions("ada")) == 1


def test_a_theft_with_a_lost_reply_is_told_once(manager, store, clock, told):
    """The end of a stolen session is one event though the store's answer was lost."""
    stolen = manager.login("ada")
    manager.check(manager.refresh(stolen.refresh_token).access_token)
    clock.advance(11)
    store.lose_reply()
    with pytest.raises(TokenReused):
        manager.refresh(stolen.refresh_token)
    assert len([event for event in told if isinstance(event, ReuseDetected)]) == 1


def test_an_old_copy_is_no_theft_while_the_answer_may_be_lost(manager):
    """A grandparent is told to read the newer token while the current pair is unused, and the session lives."""
    grandparent = manager.login("ada").refresh_token
    parent = manager.refresh(grandparent).refresh_token
    current = manager.refresh(parent)
    with pytest.raises(TokenRotated):
        manager.refresh(grandparent)
    manager.check(current.access_token)


@pytest.mark.parametrize("reply", ["lost", "failed"])
def test_a_refresh_whose_answer_was_lost_on_the_way_from_the_store(manager, store, told, reply):
    """REF-07: the store's lost answer is looked up; the client gets a pair that works, and one event is told."""
    parent = manager.login("ada").refresh_token
    if reply == "lost":
        store.lose_reply()
    else:
        store.fail("swap")
    pair = manager.refresh(parent)
    assert manager.check(pair.access_token).gen == 1
    assert [type(event) for event in told] == [LoggedIn, Refreshed]


def test_a_store_that_is_down_keeps_the_parent(manager, store):
    """A refresh that failed with 503 can be tried again with the same token."""
    parent = manager.login("ada").refresh_token
    store.fail("swap", 2)
    with pytest.raises(StoreUnavailable):
        manager.refresh(parent)
    assert manager.check(manager.refresh(parent).access_token)


def test_what_has_ended_does_not_come_back(manager, clock):
    """REV-12: a logged-out session, one that idled out and one that never was give no pair."""
    out, idle = manager.login("ada"), manager.login("ada", idle=60)
    manager.logout(out.access_token)
    clock.advance(60)
    for pair in (out, idle):
        with pytest.raises(AuthError) as refused:
            manager.refresh(pair.refresh_token)
        assert refused.value.error in {"session_ended", "session_idle"}
    assert manager.sessions("ada") == []


def test_only_a_refresh_token_refreshes_and_garbage_costs_no_trip(manager, store, clock):
    """TOK-17: an access token, junk and an expired refresh token are refused before the store."""
    pair = manager.login("ada", lifetime=60)
    store.calls.clear()
    with pytest.raises(TokenTypeError):
        manager.refresh(pair.access_token)
    with pytest.raises(TokenMalformed):
        manager.refresh("victim_x")
    clock.advance(71)
    with pytest.raises(TokenExpired):
        manager.refresh(pair.refresh_token)
    assert store.calls == []


def test_an_opaque_token_gets_a_new_secret(store, clock, told):
    """Where tokens are opaque, refresh takes the access token; the old one is dead at once, and stays so."""
    manager = SessionManager(store, OpaqueCodec(bytes(range(32))), Policy(), clock=clock, emit=told.append)
    old = manager.login("ada")
    assert old.refresh_token is None
    new = manager.refresh(old.access_token)
    assert manager.check(new.access_token).sid == old.sid
    for again in (manager.check, manager.refresh):
        with pytest.raises(TokenRotated):
            again(old.access_token)
    assert [type(event) for event in told] == [LoggedIn, Refreshed]
