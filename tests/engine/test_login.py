"""What a login makes, whom it evicts, and what it refuses before anything is written."""

from __future__ import annotations

import math

import pytest

from flask_gosession.errors import Banned, SessionEnded, SessionLimit, StoreUnavailable
from flask_gosession.events import Evicted, LoggedIn, LoggedOut
from flask_gosession.session.device import Device
from flask_gosession.tokens.types import TokenType

PHONE = Device("203.0.113.7", "Phone/1", "Phone")


def test_a_login_makes_one_session(make, any_store, clock):
    """The session is stored as it was asked for, and the tokens point to it."""
    manager = make(any_store)
    pair = manager.login(7, client="ios", device=PHONE, remember=True, claims={"team": "red"}, data={"cart": [1]})
    (session,) = manager.sessions("7")
    assert (session.sid, session.client, session.remember) == (pair.sid, "ios", True)
    assert (session.ip, session.agent, session.label) == ("203.0.113.7", "Phone/1", "Phone")
    assert (session.created, session.authenticated, session.seen) == (clock(),) * 3
    assert session.data == {"cart": [1]}
    assert session.expires == clock() + manager.policy.remember_absolute_timeout
    claims = manager.codec.decode(pair.access_token, TokenType.ACCESS, clock())
    assert (claims.subject, claims.client, claims.extra) == ("7", "ios", {"team": "red"})


def test_the_pair_says_how_long_it_lasts(manager, clock):
    """The pair carries the seconds until expiry, and no token outlives its session."""
    pair = manager.login("ada")
    assert (pair.expires_in, pair.refresh_after, pair.refresh_expires_in) == (900, 450, 30 * 86_400)
    short = manager.login("ada", lifetime=60)
    assert (short.expires_in, short.refresh_expires_in, short.session_expires_at) == (60, 60, int(clock() + 60))


def test_two_logins_share_no_id(manager):
    """REV-05: sid and tokens are new at each login."""
    first, second = manager.login("ada"), manager.login("ada")
    assert first.sid != second.sid
    assert len({first.access_token, second.access_token, first.refresh_token, second.refresh_token}) == 4


@pytest.mark.parametrize("refused", [0, -1, math.nan, math.inf, 181 * 86_400])
@pytest.mark.parametrize("name", ["lifetime", "idle", "access_lifetime"])
def test_a_lifetime_that_is_none_is_refused(manager, store, name, refused):
    """A session of no time, or of more than the longest, is an error and not a success."""
    with pytest.raises(ValueError, match=f"{name} is more than 0"):
        manager.login("ada", **{name: refused})
    assert store.calls == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"subject": ""},
        {"subject": "x" * 256},
        {"subject": "\ud800"},
        {"subject": True},
        {"subject": None},
        {"subject": 1.5},
        {"client": "a/b"},
        {"client": ""},
        {"claims": {"sub": "root"}},
        {"claims": {"act": {"sub": "root"}}},
        {"claims": {1: "one"}},
        {"claims": {"n": 2**64}},
        {"claims": {"at": object()}},
        {"claims": {"text": "x" * 9000}},
        {"data": {1: "one"}},
        {"data": {"at": object()}},
        {"data": {"text": "x" * 4096}},
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(manager, store, arguments):
    """A bad argument is a TypeError or ValueError, the presented session lives, and the store is not asked."""
    presented = manager.claims(manager.login("bob").access_token)
    store.calls.clear()
    with pytest.raises((TypeError, ValueError)):
        manager.login(**{"subject": "ada", "presented": presented, **arguments})
    assert store.calls == []
    assert manager.sessions("bob") != []


def test_an_inspection_may_refuse(manager, store):
    """What `inspect` raises about the tokens reaches the caller, and nothing is written."""

    def too_large(pair):
        raise ValueError(f"{pair.sid} is too large")

    with pytest.raises(ValueError, match="too large"):
        manager.login("ada", inspect=too_large)
    assert store.count("swap") == 0


def test_the_oldest_gives_way(make, any_store, clock):
    """At the limit the oldest session ends, and is told why and by which client."""
    manager = make(any_store, session_limit=2)
    oldest = manager.login("ada")
    clock.advance(1)
    others = [manager.login("ada"), manager.login("ada", client="ios")]
    with pytest.raises(SessionEnded) as refused:
        manager.check(oldest.access_token)
    assert (refused.value.reason, refused.value.client, refused.value.at) == ("evicted", "ios", clock())
    assert {session.sid for session in manager.sessions("ada")} == {pair.sid for pair in others}


def test_single_login_by_class(make, any_store):
    """One session of each class: a second phone ends the first phone, not the browser."""
    manager = make(any_store, client_limits={"web": 1, "ios": 1})
    web, phone, newer = (manager.login("ada", client=kind) for kind in ("web", "ios", "ios"))
    assert {session.sid for session in manager.sessions("ada")} == {web.sid, newer.sid}
    with pytest.raises(SessionEnded):
        manager.check(phone.access_token)
    with pytest.raises(SessionLimit):
        manager.login("ada", client="tv")


def test_a_limit_may_refuse_the_newcomer(make, store, told):
    """With `refuse` the sessions that are there stay, and nothing is written or told."""
    manager = make(session_limit=1, on_limit="refuse")
    manager.login("ada")
    writes = store.count("swap")
    with pytest.raises(SessionLimit):
        manager.login("ada")
    assert store.count("swap") == writes
    assert len(told) == 1
    manager.login("ada", on_limit="evict_oldest")
    assert len(manager.sessions("ada")) == 1


def test_a_login_may_have_a_limit_of_its_own(manager):
    """`limit=1` for one login makes it the only session, whatever the policy says."""
    for _ in range(3):
        manager.login("ada")
    last = manager.login("ada", limit=1)
    assert [session.sid for session in manager.sessions("ada")] == [last.sid]


def test_the_banned_stay_out(manager, clock):
    """A login during a ban is refused with its end, and possible after it."""
    manager.ban("ada", until=clock() + 60, reason="spam", message="Until noon.")
    with pytest.raises(Banned, match="Until noon") as refused:
        manager.login("ada")
    assert (refused.value.reason, refused.value.until) == ("spam", manager.ban_of("ada").until)
    clock.advance(60)
    manager.login("ada")


def test_the_presented_session_of_the_same_subject_ends(manager, told):
    """REV-05: who signs in again leaves the session of before, in the same write."""
    before = manager.login("ada")
    after = manager.login("ada", presented=manager.claims(before.access_token))
    assert [session.sid for session in manager.sessions("ada")] == [after.sid]
    with pytest.raises(SessionEnded) as refused:
        manager.check(before.access_token)
    assert refused.value.reason == "logged_out"
    assert [type(event) for event in told] == [LoggedIn, LoggedOut, LoggedIn]


def test_the_presented_session_of_another_subject_ends_first(manager, store, told):
    """REV-05: who signs in as somebody else leaves the session of before, first of all."""
    before = manager.login("ada")
    manager.login("bob", presented=manager.claims(before.access_token))
    assert manager.sessions("ada") == []
    assert [(type(event), event.subject) for event in told[1:]] == [(LoggedOut, "ada"), (LoggedIn, "bob")]
    assert [call.subject for call in store.calls if call.verb == "swap"] == ["ada", "ada", "bob"]


def test_a_crash_between_the_two_is_a_sign_out(manager, store):
    """When the second of the two writes fails, nobody is signed in: not as both, and not as the wrong one."""
    before = manager.login("ada")
    store.before_swap(lambda: store.fail("swap", 2))
    with pytest.raises(StoreUnavailable):
        manager.login("bob", presented=manager.claims(before.access_token))
    assert manager.sessions("ada") == manager.sessions("bob") == []


def test_a_lost_reply_is_looked_up(manager, store, told):
    """A login whose answer was lost is found to be done: one session, one event, the tokens work."""
    store.lose_reply()
    pair = manager.login("ada")
    assert manager.check(pair.access_token).sid == pair.sid
    assert len(manager.sessions("ada")) == 1
    assert [type(event) for event in told] == [LoggedIn]


def test_a_lost_reply_evicts_once(make, store, told):
    """The eviction of a login whose answer was lost is told once."""
    manager = make(session_limit=1)
    manager.login("ada")
    store.lose_reply()
    manager.login("ada")
    assert [type(event) for event in told] == [LoggedIn, Evicted, LoggedIn]
    assert len(manager.sessions("ada")) == 1


def test_a_reply_lost_twice_is_no_login(manager, store, told):
    """When the store stays silent the login fails, and nothing is told."""
    store.lose_reply()
    store.before_swap(lambda: store.fail("load", 1))
    with pytest.raises(StoreUnavailable):
        manager.login("ada")
    assert told == []
