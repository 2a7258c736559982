"""Signing out and revoking: by either token, again and again, and never a success that is none."""

from __future__ import annotations

import pytest

from flask_gosession.engine import records
from flask_gosession.errors import SessionEnded, StoreUnavailable, TokenInvalid, TokenMalformed
from flask_gosession.events import Ended, Evicted, Expired, LoggedIn, LoggedOut, NotBeforeSet, Revoked
from flask_gosession.session.device import Device


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("later", [0, 3600, 40 * 86_400], ids=["fresh", "access expired", "both expired"])
def test_either_token_signs_out_also_expired(make, any_store, clock, told, which, later):
    """REV-01, REV-07: a token of either type, however old, ends its session, and doing it again is no error."""
    manager = make(any_store)
    pair = manager.login("ada", remember=True)
    clock.advance(later)
    live = len(manager.sessions("ada"))
    ended = manager.logout(getattr(pair, which), device=Device("203.0.113.7"))
    assert (ended.count, ended.confirmed) == (live, True)
    assert manager.sessions("ada") == []
    assert manager.logout(getattr(pair, which)).count == 0
    assert [type(event) for event in told] == [LoggedIn, LoggedOut if live else Expired]
    assert told[-1].ip == ("203.0.113.7" if live else "")


def test_a_clock_that_was_set_back(make, clock):
    """REV-01: a sign-out with a token from the future, as this host sees it, ends the session all the same."""
    manager, ahead = make(), make()
    ahead.clock = lambda: clock() + 30
    pair = ahead.login("ada")
    assert manager.logout(pair.refresh_token).count == 1
    assert ahead.sessions("ada") == []


def test_a_rotated_token_signs_out_too(manager):
    """Who signs out with a token that was just replaced is signed out."""
    pair = manager.login("ada")
    manager.refresh(pair.refresh_token)
    manager.logout(pair.access_token)
    assert manager.sessions("ada") == []


def test_garbage_signs_nobody_out(manager, store):
    """What is no token of ours is refused without a look at the store."""
    pair = manager.login("ada")
    store.calls.clear()
    head, _, mac = pair.access_token.rpartition(".")
    for token, error in ((f"{head}.{mac[::-1]}", (TokenInvalid, TokenMalformed)), ("junk", TokenMalformed)):
        with pytest.raises(error):
            manager.logout(token)
    assert store.calls == []


def test_one_session_or_all_or_all_others(make, any_store, told):
    """REV-02: each way of revoking ends what it says and returns the true count."""
    manager = make(any_store)
    web, phone, tablet, other = (manager.login("ada", client=kind) for kind in ("web", "ios", "ios", "tv"))
    assert manager.revoke("ada", phone.sid).count == 1
    assert manager.revoke("ada", phone.sid).count == 0
    assert manager.revoke_all("ada", client_class="ios").count == 1
    assert manager.revoke_all("ada", but=web.sid).count == 1
    assert [session.sid for session in manager.sessions("ada")] == [web.sid]
    assert manager.revoke_all("ada").count == 1
    assert manager.revoke_all("ada").count == 0
    ended = [event for event in told if isinstance(event, Ended)]
    assert [event.sid for event in ended] == [phone.sid, tablet.sid, other.sid, web.sid]
    assert {type(event) for event in ended} == {LoggedOut, Revoked}


@pytest.mark.parametrize("sid", ["", "x", "A" * 22, "\ud800", "../" * 8])
def test_a_sid_that_is_none_ends_nothing(manager, sid):
    """A text that names no session revokes none."""
    manager.login("ada")
    assert manager.revoke("ada", sid).count == 0


def test_a_session_to_keep_that_is_not_there_keeps_none(manager):
    """An id of nobody's session ends all of them; what is no id at all is refused, for it would, too."""
    manager.login("ada")
    with pytest.raises(ValueError, match="session id"):
        manager.revoke_all("ada", but="x")
    assert manager.revoke_all("ada", but="A" * 22).count == 1


def test_others_are_untouched(manager):
    """A revocation concerns one subject, though ids may look alike."""
    pairs = [manager.login(name) for name in ("a_b", "a", "a:b", "A")]
    manager.revoke_all("a")
    assert [bool(manager.sessions(name)) for name in ("a_b", "a", "a:b", "A")] == [True, False, True, True]
    assert manager.revoke("a_b", pairs[2].sid).count == 0


@pytest.mark.parametrize("verb", ["load", "swap"])
@pytest.mark.parametrize(
    "end",
    [
        lambda m, pair: m.logout(pair.access_token),
        lambda m, pair: m.revoke("ada", pair.sid),
        lambda m, _: m.revoke_all("ada"),
        lambda m, _: m.ban("ada", until=m.clock() + 60),
    ],
    ids=["logout", "revoke", "revoke_all", "ban"],
)
def test_a_store_that_is_down_is_no_success(manager, store, told, end, verb):
    """REV-07: when the store does not answer, nobody is told that a session has ended."""
    pair = manager.login("ada")
    store.fail(verb, 3)
    with pytest.raises(StoreUnavailable):
        end(manager, pair)
    assert [type(event) for event in told] == [LoggedIn]
    store._failures.clear()
    manager.check(pair.access_token)


@pytest.mark.parametrize("reply", ["lost", "failed"])
def test_a_logout_whose_answer_was_lost_is_done_once(manager, store, told, reply):
    """A lost answer is looked up: the session has ended, and that is told once."""
    pair = manager.login("ada")
    if reply == "lost":
        store.lose_reply()
    else:
        store.fail("swap")
    assert manager.logout(pair.access_token).count == 1
    with pytest.raises(SessionEnded):
        manager.check(pair.access_token)
    assert [type(event) for event in told] == [LoggedIn, LoggedOut]


def test_a_write_that_took_its_time_is_not_looked_up(manager, store, monkeypatch):
    """STO-07: nobody waits a second time for a store that has let a write time out."""
    pair = manager.login("ada")
    monkeypatch.setattr(records, "LOOK_UP_WITHIN", -1.0)
    store.fail("swap")
    store.calls.clear()
    with pytest.raises(StoreUnavailable):
        manager.logout(pair.access_token)
    assert [call.verb for call in store.calls] == ["load", "swap"]


def test_an_unconfirmed_logout_says_so(manager, store):
    """STO-10: when too few replicas have the end of a session, the caller hears of it."""
    pair = manager.login("ada")
    store.leave_unconfirmed()
    ended = manager.logout(pair.access_token)
    assert (ended.count, ended.confirmed) == (1, False)


ENDS_AGAIN = {
    "logout": lambda manager, pair: manager.logout(pair.access_token),
    "revoke": lambda manager, pair: manager.revoke("ada", pair.sid),
    "revoke_all": lambda manager, _: manager.revoke_all("ada"),
    "a subject of whom nothing is left": lambda manager, _: manager.revoke_all("bob"),
    "ban": lambda manager, _: manager.ban("ada", until=manager.clock() + 60),
}


@pytest.mark.parametrize("end", ENDS_AGAIN.values(), ids=ENDS_AGAIN)
def test_an_end_is_confirmed_by_a_write_only(manager, store, end):
    """TRU-07: an end that is asked for again is written again, announced, and as confirmed as that write."""
    pair = manager.login("ada")
    store.leave_unconfirmed(2)
    manager.logout(pair.access_token)
    first, swaps = end(manager, pair), store.count("swap")
    again = end(manager, pair)
    assert [(ended.count, ended.confirmed) for ended in (first, again)] == [(0, False), (0, True)]
    assert (store.count("swap"), store.calls[-1].announce) == (swaps + 1, True)


def test_where_nobody_asks_replicas_an_end_is_written_once(manager, store):
    """A logout that is repeated finds nothing to do, and does nothing."""
    pair = manager.login("ada")
    manager.logout(pair.access_token)
    swaps = store.count("swap")
    assert manager.logout(pair.access_token).confirmed
    assert store.count("swap") == swaps


def test_no_room_for_a_confirmation(manager, store):
    """On a full store, where the first logout has deleted the record, the second is no error, and not confirmed."""
    pair = manager.login("ada")
    store.leave_unconfirmed()
    store.full = True
    assert [manager.logout(pair.access_token).confirmed for _ in range(2)] == [False, False]


def test_a_rival_over_a_lost_reply_leaves_it_unconfirmed(make, manager, store):
    """An end that was done, and over which somebody wrote before its lost answer was looked up, is written again."""
    pair, load, rival = manager.login("ada"), store.load, make(store.store)
    store.leave_unconfirmed()
    store.lose_reply()

    def overtaken(subject):
        if store.count("swap") == 2:
            store.load = load
            rival.login("ada")
        return load(subject)

    store.load = overtaken
    assert not manager.logout(pair.access_token).confirmed


def test_ends_are_announced(make, store):
    """What changes a verdict is announced to other processes: logout, eviction, ban."""
    manager = make(session_limit=1)
    manager.login("ada")
    manager.login("ada")
    manager.revoke_all("ada")
    manager.ban("ada", until=manager.clock() + 60)
    assert [call.announce for call in store.calls if call.verb == "swap"] == [False, True, True, True]


def test_an_eviction_is_not_a_sign_out(make, told):
    """Each way to end a session has its own event."""
    manager = make(session_limit=1)
    manager.login("ada")
    manager.login("ada")
    manager.revoke_all("ada", "kicked")
    assert [type(event) for event in told] == [LoggedIn, Evicted, LoggedIn, Revoked, NotBeforeSet]
    assert {event.reason for event in told[3:]} == {"kicked"}
