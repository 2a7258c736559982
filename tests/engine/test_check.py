"""A check: the live session, or exactly why there is none."""

from __future__ import annotations

import pytest

from flask_gosession.errors import (
    Banned,
    SessionEnded,
    SessionExpired,
    SessionIdle,
    StoreUnavailable,
    TokenExpired,
    TokenInvalid,
    TokenMalformed,
    TokenRotated,
    TokenTypeError,
    UserNotFound,
)
from flask_gosession.events import CorruptRecord
from flask_gosession.stores.base import Record

DAY = 86_400.0


def refusal(manager, token, kind):
    with pytest.raises(kind) as refused:
        manager.check(token)
    return refused.value


def test_a_live_session(make, any_store, clock):
    """A check returns the session with the seconds that it has left."""
    manager = make(any_store)
    pair = manager.login("ada")
    session = manager.check(pair.access_token)
    assert session.sid == pair.sid
    assert session.ends - clock() == manager.policy.idle_timeout


@pytest.mark.parametrize(
    ("end", "error", "evidence"),
    [
        (lambda m, pair: m.logout(pair.access_token), SessionEnded, ("logged_out", None)),
        (lambda m, pair: m.revoke("ada", pair.sid, "kicked", client="web"), SessionEnded, ("kicked", "web")),
        (lambda m, _: m.revoke_all("ada", "password_changed"), SessionEnded, ("password_changed", None)),
        (lambda m, _: m.login("ada", limit=1, client="ios"), SessionEnded, ("evicted", "ios")),
    ],
    ids=["logout", "kick", "password", "eviction"],
)
def test_an_ended_session_says_why(make, any_store, clock, end, error, evidence):
    """REV-01: the reason, the time and the client of an end are told to whoever comes back."""
    manager = make(any_store)
    pair = manager.login("ada")
    clock.advance(5)
    end(manager, pair)
    at = clock()
    clock.advance(5)
    told = refusal(manager, pair.access_token, error)
    assert (told.reason, told.client) == evidence
    assert told.at == at
    assert str(told).startswith("session_ended: ")


def test_a_message_for_the_person(manager):
    """A revocation may carry a sentence; the one who is out reads it."""
    pair = manager.login("ada")
    manager.revoke("ada", pair.sid, "kicked", message="Call us.")
    assert refusal(manager, pair.access_token, SessionEnded).message == "Call us."


def test_the_absolute_end(manager, clock):
    """REV-04: nothing passes the absolute end, however busy the session was."""
    pair = manager.login("ada", lifetime=600)
    end = clock() + 600
    clock.advance(599)
    manager.check(pair.access_token)
    clock.advance(1)
    told = refusal(manager, pair.access_token, SessionExpired)
    assert (told.reason, told.at) == ("expired", end)


def test_the_idle_end(manager, clock):
    """REV-04: the session ends when it was not used for its idle timeout."""
    pair = manager.login("ada", idle=100)
    clock.advance(99)
    manager.check(pair.access_token)
    clock.advance(100)
    told = refusal(manager, pair.access_token, SessionIdle)
    assert (told.reason, told.at) == ("idle", clock())


def test_the_tokens_end(manager, clock):
    """The access token ends by itself, the leeway later, though its session lives."""
    pair = manager.login("ada")
    clock.advance(909)
    manager.check(pair.access_token)
    clock.advance(1)
    refusal(manager, pair.access_token, TokenExpired)
    assert manager.sessions("ada") != []


def test_a_ban(manager, clock):
    """A ban refuses with its reason and end, and beats every other reason."""
    pair = manager.login("ada")
    until = clock() + DAY
    assert manager.ban("ada", until=until, reason="spam").count == 1
    told = refusal(manager, pair.access_token, Banned)
    assert (told.reason, told.until, told.at) == ("spam", until, clock())
    assert manager.lift_ban("ada")
    assert refusal(manager, pair.access_token, SessionEnded).reason == "banned"


def test_a_user_who_is_gone(make):
    """Once the loader has said that there is no such user, the check alone refuses."""
    users = {"ada": {"name": "Ada"}}
    manager = make(user_loader=users.get)
    token = manager.login("ada").access_token
    assert manager.check_with_user(token)[1] == {"name": "Ada"}
    users.clear()
    manager.users.refresh(["ada"])
    refusal(manager, token, UserNotFound)


def test_a_rotated_token(manager, clock):
    """The access token before a rotation counts until the overlap after its successor's first use."""
    before = manager.login("ada")
    clock.advance(1)
    after = manager.refresh(before.refresh_token)
    clock.advance(60)
    manager.check(before.access_token)
    manager.check(after.access_token)
    clock.advance(69.9)
    manager.check(before.access_token)
    clock.advance(0.1)
    refusal(manager, before.access_token, TokenRotated)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJ.eyJ.sig", "x" * 9000, "\ud800.a.b", "v1.a.b.c.d"])
def test_garbage_costs_no_trip(manager, store, token):
    """What is no token of ours is refused without a look at the store."""
    refusal(manager, token, TokenMalformed)
    assert store.calls == []


def test_a_wrong_signature_or_type_costs_no_trip(manager, store):
    """TOK-17: a changed signature and a refresh token are refused by the codec."""
    pair = manager.login("ada")
    store.calls.clear()
    head, _, mac = pair.access_token.rpartition(".")
    refusal(manager, f"{head}.{'A' if mac[0] != 'A' else 'B'}{mac[1:]}", TokenInvalid)
    refusal(manager, pair.refresh_token, TokenTypeError)
    assert store.calls == []


def test_a_signed_token_without_a_record_opens_nothing(manager, clock):
    """TOK-16: a valid signature over what is not in the record is worth nothing."""
    pair = manager.login("ada")
    manager.store.store.purge(clock() + 400 * DAY)
    told = refusal(manager, pair.access_token, SessionEnded)
    assert (told.reason, told.at) == (None, None)


def test_a_corrupt_record_is_a_sign_out(manager, store, told):
    """A record that cannot be read signs its subject out, says so once, and the next login replaces it."""
    pair = manager.login("ada")
    etag = store.load("ada").etag
    store.store.swap("ada", etag, Record(b"\xff rubbish", b"etag-two"), 1e12)
    refusal(manager, pair.access_token, SessionEnded)
    assert [(type(event), event.subject) for event in told[1:]] == [(CorruptRecord, "ada")]
    assert manager.check(manager.login("ada").access_token)


def test_a_store_that_is_down_says_nothing_about_the_token(manager, store):
    """Whether the session lives is unknown: StoreUnavailable, never a verdict."""
    pair = manager.login("ada")
    store.fail("load")
    refusal(manager, pair.access_token, StoreUnavailable)
    manager.check(pair.access_token)
