"""On a full store nobody new comes in, and whoever must go goes all the same."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator

import pytest
import redis
import servers
from msgspec.structs import replace

from flask_gosession import events
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AuthError, SessionEnded
from flask_gosession.session.change import Change, end_sessions
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Ban, Session, SubjectRecord
from flask_gosession.session.revoke import delete_whole_record
from flask_gosession.stores.base import StoreFull
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.stores.redis import store as redis_module
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore
from flask_gosession.tokens.opaque import OpaqueCodec

NOW = 1_800_000_000.0


@pytest.fixture
def told() -> list[events.Event]:
    return []


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore())


@pytest.fixture
def manager(store: FaultyStore, told: list[events.Event]) -> SessionManager:
    return manager_over(store, told)


def manager_over(store, told, policy=None):
    return SessionManager(store, OpaqueCodec(secrets.token_bytes(32)), policy, emit=told.append, clock=FakeClock())


def is_accepted(manager, token):
    try:
        return bool(manager.check(token))
    except AuthError:
        return False


def test_login_is_refused(manager, store, told):
    """A login on a full store is 503, tells nobody, and leaves the sessions that are there."""
    token = manager.login("alice").access_token
    store.full = True
    told.clear()
    for subject in ("alice", "bob"):
        with pytest.raises(StoreFull) as refused:
            manager.login(subject)
        assert refused.value.code == 503
    assert (is_accepted(manager, token), told) == (True, [])


def test_login_that_evicts_is_refused(store, told):
    """A login that would evict others is a login still: it deletes nothing to get in."""
    manager = manager_over(store, told, Policy(session_limit=1))
    token = manager.login("alice").access_token
    store.full = True
    with pytest.raises(StoreFull):
        manager.login("alice")
    assert is_accepted(manager, token)


def test_revocation_deletes_the_record(manager, store, told, caplog):
    """REV-01: where nothing can be written, a logout deletes the record: signed out everywhere, and told to all."""
    tokens = [manager.login("alice").access_token for _ in range(3)]
    store.full = True
    told.clear()
    with caplog.at_level(logging.WARNING, "flask_gosession"):
        outcome = manager.logout(tokens[1])
    assert (outcome.count, outcome.confirmed) == (1, True)
    assert [is_accepted(manager, token) for token in tokens] == [False, False, False]
    assert store.load("alice") is None
    assert sorted((type(event).__name__, event.reason) for event in told) == [
        ("LoggedOut", "logged_out"),
        ("Revoked", "revoked_all"),
        ("Revoked", "revoked_all"),
    ]
    assert "deleted as a whole" in caplog.text


class NoRoomToGrow(MemoryStore):
    """Once it is full, it takes only what is no longer than what it replaces, as Redis beyond its limit does."""

    full = False

    def swap(self, subject, etag, new, expires_at, *, announce=False):
        known = self.load(subject)
        if self.full and new is not None and (known is None or len(new.value) > len(known.value)):
            raise StoreFull
        return super().swap(subject, etag, new, expires_at, announce=announce)


@pytest.mark.parametrize("marked", [False, True])
def test_a_message_without_room_neither_keeps_a_session_nor_ends_others(marked, told):
    """REV-01: where the message has no room, the session ends without it, and the others stay."""
    store = NoRoomToGrow()
    manager = manager_over(store, told)
    if marked:
        manager.revoke_all("alice", "kicked")
    doomed, spared = (manager.login("alice", authenticated=manager.clock() + 1) for _ in range(2))
    store.full = True
    assert manager.revoke("alice", doomed.sid, "kicked", message="m" * 500).count == 1
    assert [is_accepted(manager, pair.access_token) for pair in (doomed, spared)] == [False, True]
    with pytest.raises(SessionEnded) as ended:
        manager.check(doomed.access_token)
    assert ended.value.reason == "kicked"


def test_a_message_without_room_lets_all_sessions_of_a_marked_subject_end(told):
    """REV-01: revoke_all of somebody who has a mark ends all their sessions, without its message."""
    store = NoRoomToGrow()
    manager = manager_over(store, told)
    manager.revoke_all("alice", "kicked")
    tokens = [manager.login("alice").access_token for _ in range(2)]
    store.full = True
    assert manager.revoke_all("alice", "kicked", message="m" * 500).count == 2
    assert [is_accepted(manager, token) for token in tokens] == [False, False]


def test_revocation_of_nobody_changes_nothing(manager, store):
    """REV-07: a logout that finds its session gone deletes nothing on a full store."""
    first, second = (manager.login("alice").access_token for _ in range(2))
    manager.logout(first)
    store.full = True
    assert manager.logout(first).count == 0
    assert is_accepted(manager, second)


def test_deletion_is_announced(manager, store):
    """The deletion in the place of a revocation is announced like one."""
    token = manager.login("alice").access_token
    store.full = True
    manager.logout(token)
    assert store.calls[-1].announce


def test_lost_reply_of_the_deletion(manager, store, told):
    """A deletion whose reply is lost is looked up: done once, told once."""
    token = manager.login("alice").access_token
    told.clear()
    store.full = True
    store.lose_reply()
    assert manager.logout(token).count == 1
    assert [type(event) for event in told] == [events.LoggedOut]


def test_ban_is_refused(manager, store):
    """A ban that finds no room is 503, for as a deletion it would be forgotten; nothing has changed then."""
    token = manager.login("alice").access_token
    store.full = True
    with pytest.raises(StoreFull):
        manager.ban("alice", until=manager.clock() + 60)
    assert is_accepted(manager, token)
    assert manager.ban_of("alice") is None


def session(number: int) -> Session:
    return Session(bytes([number]) * 16, b"a" * 16, b"r" * 16, 0, NOW, NOW, NOW, NOW + 999, 999, 60)


def record(ban: Ban | None = None) -> SubjectRecord:
    return SubjectRecord(1, "alice", 1, (session(1), session(2)), ban=ban)


def ending(one: SubjectRecord) -> Change[int]:
    buried, ended = end_sessions(one, one.sessions[:1], "kicked", NOW)
    return Change(buried, 1, ended)


def test_ban_in_force_is_never_dropped():
    """A record with a ban in force is not deleted to end a session; with one that is over, it is."""
    banned = record(Ban(NOW - 9, NOW + 9))
    assert delete_whole_record(banned, ending(banned), NOW) is None
    lapsed = record(Ban(NOW - 9, NOW))
    deleted = delete_whole_record(lapsed, ending(lapsed), NOW)
    assert deleted is not None
    assert deleted.record.last_end == 0
    assert [ended.reason for ended in deleted.ended] == ["kicked", "revoked_all"]


def test_only_an_end_may_drop():
    """What ends nobody, and what brings somebody, is no reason to delete a record."""
    here = record()
    touched = replace(here, sessions=(replace(session(1), seen=NOW + 1), session(2)))
    assert delete_whole_record(here, Change(touched, None), NOW) is None
    change = ending(here)
    brought = replace(change.record, sessions=(*change.record.sessions, session(3)))
    assert delete_whole_record(here, Change(brought, None, change.ended), NOW) is None


@pytest.fixture
def full_redis() -> Iterator[tuple[redis.Redis, str]]:
    with servers.running_redis("--maxmemory-policy", "noeviction") as at, redis.Redis(port=at.port) as admin:
        yield admin, at.url


@pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)
@pytest.mark.parametrize("knows_the_flag", [True, False])
def test_full_redis(full_redis, told, monkeypatch, knows_the_flag):
    """STO-08: on a full Redis logins are 503 and a logout works, also before Redis 7, which cannot exceed its limit."""
    if not knows_the_flag:
        unknown = redis_module._script("#!lua flags=unknown\n" + redis_module._SWAP.text)
        monkeypatch.setattr(redis_module, "_SWAP_WHEN_FULL", unknown)
    admin, url = full_redis
    manager = manager_over(open_store(url), told)
    first, second = (manager.login("alice").access_token for _ in range(2))
    admin.config_set("maxmemory", 1)
    for subject in ("alice", "bob"):
        with pytest.raises(StoreFull):
            manager.login(subject)
    assert is_accepted(manager, second)
    assert manager.logout(first).count == 1
    with pytest.raises(SessionEnded):
        manager.check(first)
    assert is_accepted(manager, second) is knows_the_flag
    manager.close()
