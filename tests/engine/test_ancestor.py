"""The faults of the Go library that inspired this one, each tried from end to end over real stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import servers

from flask_gosession.errors import AuthError, SessionEnded, StoreUnavailable, UserNotFound
from flask_gosession.stores.base import Record
from flask_gosession.testing.faulty import FaultyStore

DAY = 86_400.0


@pytest.mark.parametrize("invented", ["victim_x", "victim", "victim_", "v1.dmljdGlt.x.x.x", "a.dmljdGlt.b"])
def test_refreshing_an_invented_token_signs_nobody_in(make, any_store, invented):
    """REV-12: a text that names a victim gives no session of theirs."""
    manager = make(any_store)
    manager.login("victim")
    with pytest.raises(AuthError):
        manager.refresh(invented)
    assert len(manager.sessions("victim")) == 1


def test_refresh_does_not_revive_a_logged_out_token(make, any_store):
    """REV-12: what was signed out stays so, also when it is refreshed."""
    manager = make(any_store)
    pair = manager.login("ada")
    manager.logout(pair.access_token)
    for token, use in ((pair.refresh_token, manager.refresh), (pair.access_token, manager.extend)):
        with pytest.raises(SessionEnded):
            use(token)
    assert manager.sessions("ada") == []


@pytest.mark.parametrize(("own", "other"), [("a_b", "a"), ("a", "a_b"), ("1_2_3", "1"), ("a:b", "a"), ("}x", "x")])
def test_an_id_with_a_separator_is_no_other_user(make, any_store, own, other):
    """STO-02: the tokens of `a_b` are those of `a_b`, whatever the store makes of an underscore."""
    manager = make(any_store, user_loader=lambda subject: {"id": subject})
    token = manager.login(own).access_token
    assert manager.check_with_user(token)[1] == {"id": own}
    assert manager.sessions(other) == []
    assert manager.revoke_all(other).count == 0
    manager.check(token)


def test_parallel_single_mode_logins_leave_one(make, any_store):
    """Forty logins at the same time in single mode leave exactly one live session: the last one written."""
    manager = make(any_store, session_limit=1)
    with ThreadPoolExecutor(8) as pool:
        pairs = list(pool.map(lambda _: manager.login("ada"), range(40)))
    (left,) = manager.sessions("ada")
    assert left.sid in {pair.sid for pair in pairs}
    assert sum(is_live(manager, pair) for pair in pairs) == 1


def is_live(manager, pair):
    try:
        manager.check(pair.access_token)
    except SessionEnded:
        return False
    return True


def test_a_login_that_was_not_written_is_no_success(manager, store):
    """When the transaction fails, the caller gets an exception and no tokens."""
    store.fail("swap", 2)
    with pytest.raises(StoreUnavailable):
        manager.login("ada")
    assert manager.sessions("ada") == []


def test_listing_from_a_fast_clock_deletes_nothing(make, any_store, clock):
    """A host whose clock is ahead may see no session, but takes none from the others."""
    manager, ahead = make(any_store), make(any_store)
    pair = manager.login("ada", lifetime=3600)
    ahead.clock = lambda: clock() + 7200
    assert ahead.sessions("ada") == []
    with pytest.raises(AuthError):
        ahead.check(pair.access_token)
    assert manager.check(pair.access_token).sid == pair.sid


def test_a_long_session_outlives_thirty_days(make, any_store, clock):
    """A session of 170 days is there, listed and revocable after 169, though nothing else was written."""
    manager = make(any_store)
    pair = manager.login("ada", lifetime=170 * DAY, idle=170 * DAY, access_lifetime=170 * DAY)
    clock.advance(161 * DAY)
    any_store.purge(clock())
    assert [session.sid for session in manager.sessions("ada")] == [pair.sid]
    assert manager.check(pair.access_token).sid == pair.sid
    assert manager.revoke_all("ada").count == 1


def test_an_unknown_user_is_no_valid_session(make, any_store):
    """A session whose user the loader does not know is refused."""
    manager = make(any_store, user_loader=lambda _subject: None)
    token = manager.login("ghost").access_token
    for check in (manager.check_with_user, manager.check):
        with pytest.raises(UserNotFound):
            check(token)


def test_a_corrupt_entry_locks_nobody_out(make, any_store):
    """Rubbish under a user's key is a sign-out that the next login heals."""
    manager = make(any_store, user_loader=lambda subject: {"id": subject})
    manager.login("ada")
    any_store.swap("ada", any_store.load("ada").etag, Record(b"{rubbish", b"12345678"), 1e11)
    assert manager.users.load("ada") == {"id": "ada"}
    assert manager.sessions("ada") == []
    assert manager.check_with_user(manager.login("ada").access_token)[1] == {"id": "ada"}


def test_fifty_misses_make_one_load(make, any_store):
    """Fifty threads that miss the cache at the same time ask the loader once."""
    asked = []

    def loader(subject):
        asked.append(subject)
        flights = manager.users._flights._flights
        servers.wait_until(lambda: sum(len(f._condition._waiters) for f in flights.values()) == 49, "49 who wait")
        return {"id": subject}

    manager = make(any_store, user_loader=loader)
    manager.login("ada")
    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(manager.users.load, ["ada"] * 50)) == [{"id": "ada"}] * 50
    assert asked == ["ada"]


def test_no_token_is_stored(make, any_store):
    """REF-05: what is stored opens nothing: it holds no token, and no part of one that only its holder has."""
    manager = make(any_store)
    pair = manager.login("ada")
    newer = manager.refresh(pair.refresh_token)
    stored = any_store.load("ada").value
    for token in (pair.access_token, pair.refresh_token, newer.access_token, newer.refresh_token):
        head, body, mac = token.encode().split(b".")
        assert not any(part in stored for part in (token.encode(), head, body, mac))


def test_a_garbage_token_costs_no_trip(make, any_store):
    """REV-12: neither a read nor a write is made for what is no token of ours."""
    store = FaultyStore(any_store)
    manager = make(store)
    for use in (manager.check, manager.refresh, manager.logout, manager.extend):
        with pytest.raises(AuthError):
            use("victim_x")
    assert store.calls == []
