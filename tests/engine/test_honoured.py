"""Tokens that are honoured though no session belongs to them: noted, bounded, and no way in."""

from __future__ import annotations

import pytest

from flask_gosession import derived_sid
from flask_gosession.errors import Banned, SessionEnded
from flask_gosession.session.tickets import MOST_TICKETS

SID = derived_sid("mail", "1")
HOUR = 3600


def test_it_is_good_until_its_end(make, any_store, clock):
    """It is honoured for its subject alone, and makes no session."""
    manager = make(any_store)
    manager.honour("ada", sid=SID, until=clock() + HOUR)
    assert (manager.is_honoured("ada", SID), manager.is_honoured("bob", SID)) == (True, False)
    assert manager.sessions("ada") == []
    with pytest.raises(SessionEnded):
        manager.session("ada", SID)
    clock.advance(HOUR)
    assert not manager.is_honoured("ada", SID)


def test_nobody_goes_for_it(make, clock):
    """It takes no place at a session limit."""
    manager = make(session_limit=1)
    pair = manager.login("ada")
    manager.honour("ada", sid=SID, until=clock() + HOUR)
    assert manager.session("ada", pair.sid)


def test_the_latest_are(manager, clock):
    """However many are asked for, the record stays small."""
    ids = [derived_sid(str(number)) for number in range(MOST_TICKETS + 3)]
    for each in ids:
        manager.honour("ada", sid=each, until=clock() + HOUR)
    assert [manager.is_honoured("ada", each) for each in ids] == [False] * 3 + [True] * MOST_TICKETS
    manager.honour("ada", sid=ids[-1], until=clock() + HOUR)
    assert manager.is_honoured("ada", ids[3])


def test_the_record_is_kept_for_it(manager, clock):
    """It is in no session's shadow: nothing else in the record keeps it."""
    manager.honour("ada", sid=SID, until=clock() + 10 * HOUR)
    clock.advance(9 * HOUR)
    manager.store.purge(clock())
    assert manager.is_honoured("ada", SID)


def test_it_can_be_revoked(manager, told, clock):
    """REV-01: whoever has its id can end it; the others stay, nothing is told, and again it changes nothing."""
    other = derived_sid("mail", "2")
    for each in (SID, other):
        manager.honour("ada", sid=each, until=clock() + HOUR)
    assert [manager.revoke("ada", SID).count for _ in range(2)] == [0, 0]
    assert (manager.is_honoured("ada", SID), manager.is_honoured("ada", other)) == (False, True)
    manager.revoke("ada", other)
    assert not manager.is_honoured("ada", other)
    assert told == []


def test_the_banned_are_not(manager, clock):
    """A ban holds for these, too."""
    manager.honour("ada", sid=SID, until=clock() + HOUR)
    manager.ban("ada", until=clock() + 60)
    with pytest.raises(Banned):
        manager.is_honoured("ada", SID)


def test_use_is_noted_where_it_is_said(manager, store, clock):
    """Looking a session up is no use of it; its client's showing its credential is, once an interval."""
    pair = manager.login("ada")
    clock.advance(120)
    store.calls.clear()
    manager.session("ada", pair.sid)
    assert store.count("swap") == 0
    for _ in range(2):
        manager.session("ada", pair.sid, used=True)
    assert (store.count("swap"), manager.session("ada", pair.sid).seen) == (1, clock())
