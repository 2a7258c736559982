"""Two workers whose clocks differ, over one store: they answer what they are asked, or refuse with nothing written."""

from __future__ import annotations

import pytest
from drawn import drawn
from hypothesis import example, given
from hypothesis import strategies as st
from marks import proof
from msgspec.structs import replace

from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.purging import purge_all
from flask_gosession.errors import AuthError, SessionEnded, SessionIdle, TokenReused
from flask_gosession.events import Revoked
from flask_gosession.session import encoding as records
from flask_gosession.session.policy import Policy
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.tokens.types import TokenType

pytestmark = proof

HOUR, DAY = 3600.0, 86_400.0
KEYRING = Keyring.from_secret(drawn("skewed clocks"))


def pair_of_managers(skew, *, opaque=False):
    """Return two managers over one store, the second *skew* seconds ahead, and the clock that moves both."""
    clock, store = FakeClock(1_800_000_000.0), MemoryStore()

    def manager(ahead):
        codec = OpaqueCodec(bytes(32)) if opaque else JWTCodec(KEYRING)
        return SessionManager(store, codec, Policy(), clock=lambda: clock() + ahead)

    return manager(0), manager(skew), clock


@pytest.mark.parametrize("skew", [-9, -2, 2, 9])
def test_a_refresh_at_a_clock_that_differs(skew):
    """A login for the longest time at one worker is refreshed and confirmed at another, some seconds away."""
    here, there, _ = pair_of_managers(skew)
    pair = here.login("ada", remember=True)
    new = there.refresh(pair.refresh_token)
    assert here.check(new.access_token).gen == 1
    assert there.confirm(there.authenticate(new.access_token)).sid == pair.sid
    claims = there.codec.decode(new.refresh_token, TokenType.REFRESH, there.clock())
    assert claims.expires_at - claims.issued_at <= 180 * DAY


STEPS = st.tuples(
    st.sampled_from(["login", "login for long", "refresh", "refresh", "check", "extend", "confirm", "logout"]),
    st.integers(0, 1),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.5, 5.0, 12.0, 100.0, 2 * DAY]),
)


@given(st.integers(-30, 30), st.booleans(), st.lists(STEPS, max_size=25))
@example(-2, False, [("refresh", 1, 0, 0.0)])
@example(-30, False, [("refresh", 1, 0, 20.0)])
@example(-9, False, [("login for long", 0, 0, 100.0), ("refresh", 1, 1, 0.0), ("confirm", 0, 2, 0.0)])
def test_nothing_but_refusals_and_never_after_a_write(skew, opaque, steps):
    """Whatever is asked of two workers up to 30 s apart, they answer or refuse; only a theft is written and refused.

    That a session has run out may be noted beside a refusal: nothing that lives is changed by it.
    """
    *managers, clock = pair_of_managers(skew, opaque=opaque)
    pairs = [managers[0].login("ada", remember=True)]
    for verb, where, which, later in steps:
        clock.advance(later)
        manager, before = managers[where], live_of(managers[where], 0)
        try:
            do(manager, verb, pairs, pairs[which % len(pairs)])
        except TokenReused:
            continue
        except AuthError:
            earlier = min(each.clock() for each in managers)
            assert live_of(manager, earlier) == [one for one in before if one.ends > earlier], verb


def live_of(manager, now):
    """Return the sessions that stand in the record and have not run out, as they are but for the note that they had."""
    found = records.read(manager.store.load("ada").value, "ada")
    return [replace(session, told_over=False) for session in found.sessions if session.ends > now]


def do(manager, verb, pairs, pair):
    """Ask *manager* for something with *pair*; a new one is added to *pairs*."""
    if verb == "login":
        pairs.append(manager.login("ada"))
    elif verb == "login for long":
        pairs.append(manager.login("ada", remember=True, lifetime=manager.policy.longest_lifetime))
    elif verb == "refresh":
        pairs.append(manager.refresh(pair.refresh_token or pair.access_token))
    elif verb == "confirm":
        manager.confirm(manager.authenticate(pair.access_token))
    else:
        getattr(manager, verb)(pair.access_token)


def test_claims_that_do_not_fit_a_token_rotate_nothing():
    """What cannot be issued is not written: the same token refreshes once the claims fit again."""
    manager, _, _ = pair_of_managers(0)
    pair = manager.login("ada")
    before = manager.store.load("ada")
    manager.issuer.loader = lambda _subject: {"roles": "x" * 10_000}
    for refused in (
        lambda: manager.refresh(pair.refresh_token),
        lambda: manager.confirm(manager.authenticate(pair.access_token)),
    ):
        with pytest.raises(ValueError, match="bytes"):
            refused()
    assert manager.store.load("ada") == before
    manager.issuer.loader = None
    assert manager.check(manager.refresh(pair.refresh_token).access_token).gen == 1


@pytest.mark.parametrize("kind", ["memory", "file", "sqlite"])
def test_an_hour_ahead_purges_nothing_that_is_live(kind, tmp_path):
    """A host whose clock is an hour ahead deletes no record of sessions that are live by every other clock."""
    url = {"memory": "memory://", "file": f"file://{tmp_path}/a", "sqlite": f"sqlite:///{tmp_path}/a.db"}[kind]
    store, clock = open_store(url), FakeClock()
    here = SessionManager(store, JWTCodec(KEYRING), Policy(), clock=clock)
    token = here.login("ada", lifetime=600.0).access_token
    assert purge_all(store, clock() + HOUR) == 0
    assert here.check(token)
    assert purge_all(store, clock() + 2 * DAY) == 1
    store.close()


@pytest.mark.parametrize("skew", [HOUR, -HOUR])
def test_an_hour_wrong_destroys_nothing_by_writing(skew):
    """A login at a host whose clock is an hour wrong leaves the sessions in place that are live elsewhere."""
    here, there, _ = pair_of_managers(skew)
    tokens = [here.login("ada", lifetime=600.0).access_token for _ in range(3)]
    there.login("ada")
    there.revoke_all("ada", client_class="ios")
    assert all(here.check(token) for token in tokens)


def test_a_login_at_a_clock_that_is_behind_is_not_forgotten_at_once():
    """A host an hour behind never asks a server to forget the login that it has just confirmed."""
    ends = []

    class Ends(MemoryStore):
        def swap(self, subject, etag, new, expires_at, *, announce=False):
            ends.append(expires_at)
            return super().swap(subject, etag, new, expires_at, announce=announce)

    true = FakeClock()
    manager = SessionManager(Ends(), JWTCodec(KEYRING), Policy(), clock=lambda: true() - HOUR)
    manager.login("ada", lifetime=60.0)
    assert ends[-1] > true()


def test_a_revocation_is_told_although_a_host_ahead_saw_the_session_run_out():
    """A session noted as idle by a host 3 s ahead, and used elsewhere since, ends like any other."""
    clock, store, told = FakeClock(1_800_000_000.0), MemoryStore(), []
    policy = Policy(idle_timeout=900.0, access_lifetime=3600.0)
    here, ahead = [
        SessionManager(store, JWTCodec(KEYRING), policy, clock=lambda ahead=ahead: clock() + ahead, emit=told.append)
        for ahead in (0, 3)
    ]
    pair = here.login("ada")
    clock.advance(898)
    with pytest.raises(SessionIdle):
        ahead.check(pair.access_token)
    assert here.check(pair.access_token)
    clock.advance(60)
    assert ahead.check(pair.access_token)
    told.clear()
    subscription = store.feed.subscribe(clock())
    assert here.revoke_all("ada", "kicked").count == 1
    assert [event.sid for event in told if isinstance(event, Revoked)] == [pair.sid]
    assert subscription.read() == ["ada"]


def test_a_record_from_the_future_is_told_once(caplog):
    """What was written further ahead than the leeway is one line in the log, and no subject is named there."""
    here, there, _ = pair_of_managers(HOUR)
    token = there.login("ada").access_token
    for _ in range(3):
        here.sessions("ada")
        with pytest.raises(AuthError):
            here.check(token)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["a stored record is from 3600 s ahead: the clocks of this app's hosts differ"]
    there.check(token)
    assert len(caplog.records) == 1


def test_a_mark_from_the_future_is_told_once(caplog):
    """A sign-out everywhere at a host whose clock is an hour ahead is told like a session from there."""
    here, there, _ = pair_of_managers(HOUR)
    there.revoke_all("ada")
    for _ in range(3):
        here.sessions("ada")
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["a stored record is from 3600 s ahead: the clocks of this app's hosts differ"]


@pytest.mark.parametrize("ahead", [2 * DAY, 300 * 365 * DAY])
def test_a_mark_from_the_future_keeps_nobody_out(ahead):
    """LIF-05: one login is refused, and with it all credentials from before; the next one comes in."""
    here, there, clock = pair_of_managers(ahead)
    seen_before = clock()
    clock.advance(1)
    there.revoke_all("ada", "password_changed")
    clock.advance(1)
    with pytest.raises(SessionEnded) as refused:
        here.login("ada")
    assert refused.value.reason == "password_changed"
    assert here.not_before_of("ada").at == clock()
    clock.advance(1)
    with pytest.raises(SessionEnded):
        here.login("ada", authenticated=seen_before)
    assert here.check(here.login("ada").access_token)


@pytest.mark.parametrize("lag", [15, HOUR, DAY])
def test_a_host_that_lags_does_not_let_earlier_credentials_in_elsewhere(lag):
    """LIF-05: it refuses logins for as long as it lags, and leaves the mark where right clocks have set it."""
    here, behind, clock = pair_of_managers(-lag)
    seen_before = clock()
    clock.advance(5)
    here.revoke_all("ada", "password_changed")
    mark = here.not_before_of("ada")
    clock.advance(0.5)
    for _ in range(2):
        with pytest.raises(SessionEnded):
            behind.login("ada")
    assert here.not_before_of("ada") == mark
    with pytest.raises(SessionEnded):
        here.login("ada", authenticated=seen_before)
    with pytest.raises(SessionEnded):
        here.require_current("ada", seen_before)
    assert here.login("ada").sid
    clock.advance(lag)
    assert behind.login("ada").sid


def test_a_mark_within_the_leeway_is_waited_for():
    """LIF-05: a clock that is a little ahead costs its person these seconds, and nothing is rewritten."""
    here, there, clock = pair_of_managers(9)
    there.revoke_all("ada")
    mark = here.not_before_of("ada")
    for _ in range(2):
        with pytest.raises(SessionEnded):
            here.login("ada")
    assert here.not_before_of("ada") == mark
    clock.advance(9)
    assert here.login("ada").sid


def test_a_mark_from_the_future_is_not_brought_back_by_a_login_that_goes_on():
    """Whoever has changed the password goes on with the session, and the mark stays for all others."""
    here, there, _ = pair_of_managers(2 * DAY)
    mine = here.login("ada")
    there.revoke_all("ada", but=mine.sid)
    mark = here.not_before_of("ada")
    here.login("ada", continues=mine.sid)
    assert here.not_before_of("ada") == mark


def test_at_most_sixteen_ended_sessions_are_kept():
    """Of the sessions that ended within the last day, the sixteen that ended last stay in the record."""
    manager, _, clock = pair_of_managers(0)
    for number in range(30):
        manager.login("ada", lifetime=60.0 + number)
    clock.advance(HOUR)
    manager.login("ada")
    kept = manager.records.read("ada").record.sessions
    assert sorted(session.expires - session.created for session in kept[:-1]) == [60.0 + each for each in range(14, 30)]
