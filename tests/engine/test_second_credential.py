"""A second credential of a session: it brings the pair back, makes no session, and dies with it, as every copy does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from drawn import drawn
from msgspec.structs import replace

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import (
    SessionEnded,
    SessionExpired,
    TokenInvalid,
    TokenMalformed,
    TokenRotated,
    TokenTypeError,
    UserNotFound,
)
from flask_gosession.events import LoggedIn
from flask_gosession.session.change import Change
from flask_gosession.session.policy import Policy
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.opaque import OpaqueCodec

DAY = 86_400.0
SECRET = drawn("second credential").encode()


@pytest.fixture(params=["jwt", "opaque"])
def manager(request, any_store, clock, told):
    """Return a manager of signed and of opaque tokens in turn."""
    codec = JWTCodec(Keyring.from_secret(SECRET)) if request.param == "jwt" else OpaqueCodec(SECRET[:32])
    return SessionManager(any_store, codec, Policy(session_limit=1), clock=clock, emit=told.append, rng=lambda: 0.0)


@pytest.fixture
def pair(manager):
    return manager.login("ada", remember=True)


def test_it_brings_the_pair_of_its_session(manager, pair, clock, told):
    """No session is made and none is evicted, also at a limit of one; what comes is good, and not fresh."""
    token = manager.remember("ada", pair.sid)
    clock.advance(20 * DAY)
    again = manager.resume(token)
    assert again.sid == pair.sid
    assert manager.authenticate(again.access_token).session.authenticated == 0
    assert manager.refresh(again.refresh_token).sid == pair.sid
    assert len(manager.sessions("ada")) == 1
    assert [type(event) for event in told if isinstance(event, LoggedIn)] == [LoggedIn]


def test_it_counts_as_use(manager, pair, clock):
    """The idle end moves with it: whoever comes back in time stays."""
    token = manager.remember("ada", pair.sid)
    for _ in range(5):
        clock.advance(25 * DAY)
        manager.resume(token)
    assert manager.session("ada", pair.sid).seen == clock()


@pytest.mark.parametrize("end", ["logout", "revoke_all", "evicted", "expired"])
def test_it_dies_with_its_session(manager, pair, clock, end):
    """REV-01: whoever ends the session, the credential and every copy of it are dead."""
    token = manager.remember("ada", pair.sid)
    if end == "logout":
        manager.logout(pair.access_token)
    elif end == "revoke_all":
        manager.revoke_all("ada")
    elif end == "evicted":
        manager.login("ada")
    else:
        clock.advance(180 * DAY)
    for _ in range(2):
        with pytest.raises((SessionEnded, SessionExpired)):
            manager.resume(token)


def test_asked_at_once_all_get_the_same_session(manager, pair):
    """Tabs that a browser opens together converge on one pair."""
    token = manager.remember("ada", pair.sid)
    with ThreadPoolExecutor(6) as pool:
        pairs = list(pool.map(lambda _: manager.resume(token), range(6)))
    assert {manager.claims(each.refresh_token).jti for each in pairs} == {manager.claims(pair.refresh_token).jti}


def test_asked_for_again_it_is_the_same_credential(manager, pair):
    """A cookie that is set again does not kill the one that another tab has just got."""
    tokens = [manager.remember("ada", pair.sid) for _ in range(2)]
    assert {manager.resume(token).sid for token in tokens} == {pair.sid}


def test_a_session_without_one_has_none(manager, pair):
    """A token from a write that the store has lost brings nothing, also when the session has got another one."""
    lost = manager.remember("ada", pair.sid)
    manager.records.update("ada", lambda record, _now: Change(_without_second(record), None))
    with pytest.raises(TokenRotated):
        manager.resume(lost)
    manager.remember("ada", pair.sid)
    with pytest.raises(TokenRotated):
        manager.resume(lost)


def _without_second(record):
    return replace(record, sessions=tuple(replace(session, second=None) for session in record.sessions))


def test_it_is_no_other_token_and_no_other_is_it(manager, pair):
    """TOK-17: it opens nothing and refreshes nothing, and neither token of the pair serves in its place."""
    token = manager.remember("ada", pair.sid)
    for use in (manager.check, manager.refresh, manager.extend):
        with pytest.raises(TokenTypeError):
            use(token)
    for wrong in (pair.access_token, pair.refresh_token):
        with pytest.raises(TokenTypeError):
            manager.resume(wrong)


def test_garbage_costs_no_look_at_the_store(make, store):
    """What is no such token of ours is refused before the store is asked."""
    manager = make(store)
    token = manager.remember("ada", manager.login("ada").sid)
    store.calls.clear()
    for junk in ("", "junk", token[:-8] + token[-8:][::-1]):
        with pytest.raises((TokenInvalid, TokenMalformed)):
            manager.resume(junk)
    assert store.calls == []


def test_the_user_is_asked_for(make):
    """LIF-01: who is gone does not come back by it, and the claims are drawn anew."""
    users, drawn = {"ada": {"name": "Ada"}}, []
    manager = make(
        user_loader=users.get, loaders={"claims_loader": lambda subject: drawn.append(subject) or {"n": len(drawn)}}
    )
    token = manager.remember("ada", manager.login("ada").sid)
    assert manager.claims(manager.resume(token).access_token).extra == {"n": 2}
    users.clear()
    manager.users.forget("ada")
    with pytest.raises(UserNotFound):
        manager.resume(token)


def test_nothing_secret_is_in_its_repr(manager, pair):
    """LOG-01: what the record keeps is not shown."""
    manager.remember("ada", pair.sid)
    session = manager.session("ada", pair.sid)
    assert repr(session.second) not in repr(session)
