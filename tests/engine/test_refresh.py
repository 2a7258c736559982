"""A refresh: one successor for all who come with its parent, and the end of the session for a thief."""

from __future__ import annotations

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import (
    AuthError,
    SessionEnded,
    SessionExpired,
    StoreUnavailable,
    TokenExpired,
    TokenInvalid,
    TokenMalformed,
    TokenReused,
    TokenRotated,
    TokenTypeError,
)
from flask_gosession.events import LoggedIn, Refreshed, RefreshForked, ReuseDetected
from flask_gosession.ids import to_text
from flask_gosession.session.change import Change
from flask_gosession.session.device import Device
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.tokens.types import TokenType

KEY = bytes(range(32))
HOME, AWAY = Device("203.0.113.7", "Firefox"), Device("198.51.100.9", "curl")


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
    """REF-01: parallel refreshes of one token leave one successor and no theft; one has rotated, the others not."""
    manager = make(any_store)
    parent = manager.login("ada").refresh_token
    with ThreadPoolExecutor(8) as pool:
        pairs = list(pool.map(manager.refresh, [parent] * 40))
    assert len({tuple(ids(manager, pair)) for pair in pairs}) == 1
    assert {type(event) for event in told[1:]} == {Refreshed}
    assert sorted(event.parent_again for event in told[1:]) == [False, *[True] * 39]
    assert manager.check(pairs[0].access_token).gen == 1


def test_a_lost_answer_costs_nothing(manager, clock):
    """REF-07: for the grace period its parent brings the same pair, later a new one beside it, however late."""
    parent = manager.login("ada").refresh_token
    lost = manager.refresh(parent)
    clock.advance(59.9)
    again = manager.refresh(parent)
    assert ids(manager, again) == ids(manager, lost)
    assert again.expires_in == 900
    clock.advance(6 * 86_400)
    fork = manager.refresh(parent)
    assert not set(ids(manager, fork)) & set(ids(manager, lost))
    assert manager.check(fork.access_token).gen == 1


def test_the_child_that_is_used_first_wins(manager, clock):
    """REF-07: of two pairs for one lost answer the first to be used stays, though it was drawn earlier."""
    parent = manager.login("ada").refresh_token
    first = manager.refresh(parent)
    clock.advance(60)
    fork = manager.refresh(parent)
    adopted = manager.refresh(first.refresh_token)
    assert ids(manager, adopted)[1] == ids(manager, first)[1]
    manager.check(adopted.access_token)
    with pytest.raises(TokenRotated):
        manager.check(fork.access_token)


@pytest.mark.parametrize("use", ["check", "refresh"])
def test_the_parent_ends_with_the_overlap_after_the_first_use(manager, clock, use):
    """REF-03: from the overlap after the successor's first use on, its parent is a theft."""
    parent = manager.login("ada").refresh_token
    successor = manager.refresh(parent)
    if use == "check":
        manager.check(successor.access_token)
    else:
        manager.refresh(successor.refresh_token)
    clock.advance(69.9)
    manager.refresh(parent)
    clock.advance(0.2)
    with pytest.raises(TokenReused):
        manager.refresh(parent)


def test_a_theft_ends_the_session_and_is_told_once(make, any_store, clock, told):
    """One ReuseDetected names both addresses; all tokens of the session are dead, and told why."""
    manager = make(any_store)
    stolen = manager.login("ada", device=HOME)
    manager.login("ada")
    current = manager.refresh(stolen.refresh_token, device=HOME)
    manager.check(current.access_token)
    clock.advance(70)
    with pytest.raises(TokenReused) as refused:
        manager.refresh(stolen.refresh_token, device=AWAY)
    assert (refused.value.reason, refused.value.at) == ("reuse_detected", clock())
    events = [event for event in told if isinstance(event, ReuseDetected)]
    assert [(event.ip, event.agent, event.session_ip, event.session_agent, event.sid) for event in events] == [
        (AWAY.ip, AWAY.agent, HOME.ip, HOME.agent, stolen.sid)
    ]
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
    clock.advance(70)
    store.lose_reply()
    with pytest.raises(TokenReused):
        manager.refresh(stolen.refresh_token)
    assert len([event for event in told if isinstance(event, ReuseDetected)]) == 1


def test_a_pair_is_rotated_only_when_its_parent_is_over(manager, clock):
    """A young pair's refresh token brings the pair again, newly dated; after the overlap a new one."""
    second = manager.refresh(manager.login("ada").refresh_token)
    clock.advance(60)
    again = manager.refresh(second.refresh_token)
    assert (ids(manager, again), again.expires_in) == (ids(manager, second), 900)
    clock.advance(70)
    assert not set(ids(manager, manager.refresh(second.refresh_token))) & set(ids(manager, second))


def test_a_grandparent_is_a_theft(manager, clock):
    """REF-03: what is older than the parent ends the session, though the current pair was not used yet."""
    grandparent = manager.login("ada").refresh_token
    parent = manager.refresh(grandparent).refresh_token
    clock.advance(70)
    manager.refresh(parent)
    with pytest.raises(TokenReused):
        manager.refresh(grandparent)


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


@pytest.fixture
def opaque(store, clock, told):
    """Return a manager of opaque tokens."""
    return SessionManager(store, OpaqueCodec(KEY), clock=clock, emit=told.append, rng=lambda: 0.0)


def test_opaque_tokens_go_by_the_same_table(opaque, clock, told):
    """A pair rotates, comes again, forks and is adopted as signed ones do; a superseded refresh token is a theft."""
    first = opaque.login("ada")
    second = opaque.refresh(first.refresh_token)
    assert opaque.refresh(first.refresh_token) == second
    clock.advance(60)
    fork = opaque.refresh(first.refresh_token)
    assert fork.refresh_token not in (first.refresh_token, second.refresh_token)
    adopted = opaque.refresh(second.refresh_token)
    assert (adopted.access_token, adopted.refresh_token) == (second.access_token, second.refresh_token)
    assert opaque.check(adopted.access_token).gen == 1
    clock.advance(70)
    third = opaque.refresh(adopted.refresh_token)
    opaque.check(third.access_token)
    clock.advance(70)
    with pytest.raises(TokenRotated):
        opaque.check(adopted.access_token)
    with pytest.raises(TokenReused):
        opaque.refresh(adopted.refresh_token)
    kinds = [type(event) for event in told]
    assert kinds == [LoggedIn, Refreshed, Refreshed, RefreshForked, Refreshed, Refreshed, ReuseDetected]


def test_an_opaque_pair_whose_birth_was_lost_is_adopted(opaque, store, clock):
    """Where the store has lost the rotation, the pair that the client got takes its place."""
    first = opaque.login("ada")
    before = store.load("ada")
    second = opaque.refresh(first.refresh_token)
    store.swap("ada", store.load("ada").etag, before, clock() + 86_400, announce=False)
    again = opaque.refresh(second.refresh_token)
    assert (again.access_token, again.refresh_token) == (second.access_token, second.refresh_token)


def test_a_pair_is_told_again_under_an_older_key(store, clock):
    """After SECRET_KEY was changed, a pair from before comes again, and the next is of the new key."""
    old = SessionManager(store, OpaqueCodec(KEY), clock=clock)
    new = SessionManager(store, OpaqueCodec(KEY[::-1], older_keys=[KEY]), clock=clock)
    first = old.login("ada")
    second = old.refresh(first.refresh_token)
    assert new.check(new.refresh(first.refresh_token).access_token).gen == old.check(second.access_token).gen == 1
    clock.advance(70)
    third = new.refresh(second.refresh_token)
    with pytest.raises(TokenInvalid):
        old.check(third.access_token)


def test_an_opaque_token_of_the_first_kind_is_replaced(opaque, clock):
    """A token from before there were two opens its session until its end, and its first refresh brings a pair."""
    secret = bytes(range(32))
    pair = opaque.login("ada")
    (session,) = opaque.sessions("ada")
    v1 = replace(session, access=hashlib.sha256(secret).digest(), refresh=None, salt=b"")
    opaque.records.update("ada", lambda record, _now: Change(replace(record, sessions=(v1,)), None))
    text = f"v1.{to_text(b'ada')}.{pair.sid}.{to_text(secret)}"
    mac = hmac.digest(KEY, b"flask-gosession opaque access\0default\0" + text.encode(), "sha256")
    old = f"{text}.{to_text(mac)}"
    clock.advance(6 * 86_400)
    assert opaque.check(old).sid == pair.sid
    new = opaque.refresh(old)
    assert opaque.refresh(old) == new
    assert new.access_token.startswith("v2.access.")
    opaque.check(new.access_token)
    clock.advance(70)
    with pytest.raises(TokenRotated):
        opaque.check(old)
