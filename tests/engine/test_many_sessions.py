"""A check of somebody with many sessions looks at one of them, and loses none."""

from __future__ import annotations

import logging

import msgspec
import pytest

from flask_gosession.errors import SessionEnded, SessionIdle
from flask_gosession.events import CorruptRecord, Expired
from flask_gosession.session import encoding as records
from flask_gosession.session.device import Device
from flask_gosession.stores.base import Record

MANY = 20
HERE = Device("203.0.113.7", "Mozilla/5.0 ".ljust(100, "x"), "Chrome on Linux")


@pytest.fixture
def pairs(manager):
    """Return the tokens of twenty sessions of one user."""
    found = [manager.login("ada", device=HERE) for _ in range(MANY)]
    assert len(manager.store.load("ada").value) >= records.LONG
    return found


def damage(manager, index):
    """Make the session at *index* of the stored record unreadable."""
    stored = manager.store.load("ada")
    parts = msgspec.msgpack.decode(stored.value)
    parts[3][index][7] = "never"
    assert records.read(msgspec.msgpack.encode(parts), "ada") is None
    manager.store.store.swap("ada", stored.etag, Record(msgspec.msgpack.encode(parts), b"damaged!"), 1e12)


def test_each_is_checked_by_itself(manager, pairs):
    """Every token finds its own session, and the outcome holds no other."""
    for pair in pairs:
        checked = manager.authenticate(pair.access_token)
        assert checked.session.sid == pair.sid
        assert checked.record.sessions == (checked.session,)


def test_a_noted_use_keeps_the_others(manager, pairs, clock):
    """REV-12: what a check writes is the whole record, of which it has looked at one session."""
    before = {session.sid: session for session in manager.sessions("ada")}
    clock.advance(manager.policy.touch_interval)
    manager.check(pairs[7].access_token)
    after = {session.sid: session for session in manager.sessions("ada")}
    assert after.keys() == before.keys()
    assert {sid for sid in after if after[sid] != before[sid]} == {pairs[7].sid}


def test_an_expiry_is_noticed_for_all(manager, pairs, clock, told):
    """A check that finds its session idle reports every one that has run out, and drops none that has not."""
    clock.advance(manager.policy.idle_timeout / 2)
    manager.refresh(pairs[3].refresh_token)
    clock.advance(manager.policy.idle_timeout / 2)
    told.clear()
    with pytest.raises(SessionIdle):
        manager.authenticate(pairs[0].access_token, by_cookie=True)
    assert len([event for event in told if isinstance(event, Expired)]) == MANY - 1


def test_damage_elsewhere_is_noticed_by_the_next_noted_use(manager, pairs, clock, told, caplog):
    """STO-01: a session beside a damaged one lives on until its use is to be noted; then the record is corrupt."""
    damage(manager, 4)
    told.clear()
    assert manager.check(pairs[7].access_token)
    assert not told
    with pytest.raises(SessionEnded):
        manager.check(pairs[4].access_token)
    clock.advance(manager.policy.touch_interval)
    stored = manager.store.load("ada")
    with caplog.at_level(logging.ERROR), pytest.raises(SessionEnded):
        manager.check(pairs[7].access_token)
    assert [type(event) for event in told] == [CorruptRecord, CorruptRecord]
    assert manager.store.load("ada") == stored
