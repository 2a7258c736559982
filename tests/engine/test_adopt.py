"""Adopting a session that another library has begun: once, however often it comes, and never after its end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_gosession import derived_sid
from flask_gosession.errors import Banned, SessionEnded, SessionExpired, SessionLimit
from flask_gosession.events import Evicted, LoggedIn
from flask_gosession.session.adopt import MOST_ADOPTED
from flask_gosession.session.change import TOMBSTONES
from flask_gosession.session.device import Device

DAY = 86_400.0
SID = derived_sid("https://old.example", "jti-1")


def adopt(manager, sid=SID, *, days=20, subject="ada", **options):
    """Adopt what was issued elsewhere and may come again for so many days."""
    until = manager.clock() + days * DAY
    return manager.adopt(subject, sid=sid, expires=until, **{"again_until": until, **options})


def test_it_is_a_session_like_any_other(manager, clock, told):
    """It is listed with its device and data, found by its id, and told as a login."""
    found = adopt(manager, client="ios", device=Device("203.0.113.7", "curl"), data={"cart": [1]})
    assert manager.sessions("ada") == [found] == [manager.session("ada", SID)]
    assert (found.sid, found.client, found.ip, found.data) == (SID, "ios", "203.0.113.7", {"cart": [1]})
    assert (found.expires, found.ends) == (clock() + 20 * DAY, clock() + 20 * DAY)
    assert [(type(event), event.sid, event.ip) for event in told] == [(LoggedIn, SID, "203.0.113.7")]


def test_again_and_at_once_it_is_the_same(make, any_store, told):
    """Six requests with one credential make one session, and one event."""
    manager = make(any_store)
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda _: adopt(manager).sid, range(6)))
    assert (found, len(manager.sessions("ada"))) == ({SID}, 1)
    assert [type(event) for event in told] == [LoggedIn]


def test_the_second_time_writes_nothing(manager, store):
    """Where it is there already, one look is all."""
    adopt(manager)
    store.calls.clear()
    adopt(manager)
    assert [call.verb for call in store.calls] == ["load"]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda manager: manager.revoke("ada", SID), id="logout"),
        pytest.param(lambda manager: manager.revoke_all("ada"), id="revoke_all"),
    ],
)
def test_what_has_ended_is_not_begun_anew(manager, clock, end):
    """REV-12: after a logout the credential brings nothing back, for as long as it could come."""
    adopt(manager, days=20)
    end(manager)
    clock.advance(20 * DAY - 1)
    with pytest.raises(SessionEnded):
        manager.adopt("ada", sid=SID, expires=clock() + 5, again_until=clock() + 5, authenticated=clock())
    assert manager.sessions("ada") == []


def test_what_was_issued_before_the_mark_is_refused(manager, clock):
    """LIF-05: after revoke_all what was not presented before brings nothing, either; a newer one does."""
    issued = clock()
    clock.advance(10)
    manager.revoke_all("ada", "password_changed")
    with pytest.raises(SessionEnded) as refused:
        adopt(manager, authenticated=issued)
    assert refused.value.reason == "password_changed"
    clock.advance(10)
    assert adopt(manager, authenticated=clock()).sid == SID


def test_the_mark_lasts_as_long_as_old_credentials(make, clock):
    """LIF-05: it is kept until nothing from before can be presented, however short sessions are."""
    manager = make(absolute_timeout=DAY, remember_absolute_timeout=DAY, legacy_until=clock() + 90 * DAY)
    issued = clock() - 1
    manager.revoke_all("ada")
    clock.advance(90 * DAY - 1)
    with pytest.raises(SessionEnded):
        adopt(manager, authenticated=issued, days=1)


def test_many_other_ends_do_not_push_it_out(manager, clock):
    """The note of its end stays beside the sixteen that are kept of all others."""
    adopt(manager)
    manager.revoke("ada", SID)
    for _ in range(TOMBSTONES + 4):
        manager.revoke("ada", manager.login("ada").sid)
    with pytest.raises(SessionEnded):
        adopt(manager)
    ended = manager.records.read("ada").record.ended
    assert (len(ended), ended[0].sid, ended[0].until) == (TOMBSTONES + 1, SID, clock() + 20 * DAY)


def test_one_that_ran_out_is_not_begun_anew(make, clock):
    """A session that ended by itself before its credential did stays ended, also when its record was tidied."""
    manager = make(absolute_timeout=DAY, remember_absolute_timeout=DAY)
    adopt(manager, days=20)
    clock.advance(DAY)
    with pytest.raises(SessionExpired):
        adopt(manager, days=19)
    clock.advance(3 * DAY)
    manager.login("ada")  # tidies
    clock.advance(DAY / 2)
    with pytest.raises(SessionEnded) as refused:
        adopt(manager, days=15)
    assert refused.value.reason == "expired"


def test_it_evicts_nobody_and_counts(manager):
    """What was there before costs nobody their place; the next login counts it."""
    first = manager.login("ada", limit=1)
    adopt(manager)
    assert {each.sid for each in manager.sessions("ada")} == {first.sid, SID}
    newer = manager.login("ada", limit=1)
    assert [each.sid for each in manager.sessions("ada")] == [newer.sid]


def test_so_many_are_adopted_and_no_more(manager, told):
    """The record stays small: beyond the most, the oldest adopted session goes."""
    sids = [derived_sid(str(number)) for number in range(MOST_ADOPTED + 1)]
    for sid in sids:
        adopt(manager, sid)
    assert {each.sid for each in manager.sessions("ada")} == set(sids[1:])
    assert [event.sid for event in told if isinstance(event, Evicted)] == sids[:1]


@pytest.mark.parametrize("reason", ["logged_out", "kicked", "evicted"])
def test_undated_copies_end_with_the_first(manager, clock, reason):
    """REV-12: a credential without a date, under whatever id, brings nothing after one was ended; dated ones do."""
    sids = [derived_sid(str(number)) for number in range(4)]
    for sid in sids[:2]:
        adopt(manager, sid, authenticated=0)
    manager.revoke("ada", sids[0], reason)
    clock.advance(19 * DAY)
    with pytest.raises(SessionEnded):
        adopt(manager, sids[2], authenticated=0)
    assert adopt(manager, sids[1], authenticated=0).sid == sids[1]
    assert adopt(manager, sids[3], authenticated=1).sid == sids[3]


def test_undated_copies_evict_nobody(manager, told):
    """Whoever has one cannot push out the sessions that are there, nor let the record grow; who has a date comes in."""
    for number in range(MOST_ADOPTED):
        adopt(manager, derived_sid(str(number)), authenticated=0)
    for _ in range(3):
        with pytest.raises(SessionEnded):
            adopt(manager, authenticated=0)
    assert {type(event) for event in told} == {LoggedIn}
    assert adopt(manager, authenticated=1).sid == SID
    assert len(manager.sessions("ada")) == MOST_ADOPTED


def test_without_a_credential_from_before_it_is_a_login(make):
    """Without *again_until* the session limits hold, and a lost place is told as usual."""
    manager = make(session_limit=1, on_limit="refuse")
    until = manager.clock() + DAY
    manager.adopt("ada", sid=SID, expires=until)
    with pytest.raises(SessionLimit):
        manager.adopt("ada", sid=derived_sid("other"), expires=until)
    assert manager.adopt("ada", sid=SID, expires=until).sid == SID


def test_the_banned_stay_out(manager, clock):
    """A ban refuses it as any login."""
    manager.ban("ada", until=clock() + 60)
    with pytest.raises(Banned):
        adopt(manager)


def test_it_never_outlives_the_longest_lifetime(make, clock):
    """REV-04: however long the credential is good, the session ends within the longest lifetime."""
    manager = make(absolute_timeout=DAY, remember_absolute_timeout=2 * DAY)
    assert adopt(manager, days=400).expires == clock() + 2 * DAY


def test_another_subject_is_another_session(manager):
    """The id belongs to the subject: the same one under another name is not theirs."""
    adopt(manager)
    with pytest.raises(SessionEnded):
        manager.session("bob", SID)


def test_ids_are_derived_without_collision():
    """Two pieces of evidence never run into one, and the same always give the same id."""
    assert derived_sid("a", "b") == derived_sid("a", "b")
    assert len({derived_sid("a", "b"), derived_sid("ab"), derived_sid("a\0001:b"), derived_sid("", "ab")}) == 4


def test_stale_until_credentials_are_shown(manager, clock):
    """LIF-03: a session that was marked is fresh for no token of it, and a re-authentication makes it fresh again."""
    pair = manager.login("ada")
    assert manager.mark_stale("ada", pair.sid).authenticated == 0
    checked = manager.authenticate(pair.access_token)
    assert checked.session.authenticated == 0
    manager.confirm(checked)
    assert manager.session("ada", pair.sid).authenticated == clock()
    manager.revoke("ada", pair.sid, "kicked")
    with pytest.raises(SessionEnded) as refused:
        manager.mark_stale("ada", pair.sid)
    assert refused.value.reason == "kicked"
