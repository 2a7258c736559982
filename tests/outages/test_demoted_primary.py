"""A worker that was idle during a failover has no dealings with the former primary when that wakes. TRU-01."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
import servers
from marks import proof
from redis.sentinel import Sentinel

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AuthError, StoreUnavailable
from flask_gosession.stores.redis.pool import LEASE
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.opaque import OpaqueCodec

from .machines import Watched, watched_by_sentinels

pytestmark = [
    proof,
    pytest.mark.long,
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
]

DOWN_AFTER = 1500
"""Milliseconds; longer than what a Sentinel said is relied upon."""
LONG = 8.0
"""Seconds after which the Sentinels have told the former primary that it is none."""


@contextmanager
def worker(watched: Watched) -> Iterator[SessionManager]:
    manager = SessionManager(open_store(watched.url), OpaqueCodec(bytes(32)))
    try:
        yield manager
    finally:
        manager.close()


def primary_of(watched: Watched) -> int:
    with redis.Redis(port=watched.sentinels[0].port, protocol=2) as client:
        return int(client.sentinel_master("service")["port"])


def outcome_of(manager: SessionManager, token: str) -> str:
    try:
        manager.check(token)
    except AuthError:
        return "refused"
    except StoreUnavailable:
        return "unavailable"
    return "accepted"


def test_idle_during_the_failover():
    """A token that was revoked at the new primary is never accepted, and a login that is confirmed stays."""
    with (
        watched_by_sentinels(down_after=DOWN_AFTER) as watched,
        worker(watched) as idle,
        worker(watched) as writer,
        worker(watched) as busy,
    ):
        token = idle.login("ada").access_token
        assert writer.login("eve")
        with redis.Redis(port=watched.primary.port) as client:
            assert client.wait(1, 5000) == 1
        watched.primary.freeze()
        servers.wait_until(lambda: primary_of(watched) == watched.replica.port, "a promotion", 30)
        servers.wait_until(lambda: outcome_of(busy, token) == "accepted", "the new primary", 30)
        assert busy.logout(token).count == 1
        watched.primary.thaw()
        confirmed = []
        outcomes = {outcome_of(idle, token)}
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            outcomes.add(outcome_of(idle, token))
            try:
                confirmed.append(writer.login(f"user-{len(confirmed)}").access_token)
            except StoreUnavailable:
                continue
        assert "accepted" not in outcomes
        assert confirmed
        assert [outcome_of(busy, one) for one in confirmed] == ["accepted"] * len(confirmed)


def test_no_second_round_trip(monkeypatch):
    """The Sentinels are asked once a second, not once a request."""
    asked = []

    def counted(self, service, _ask=Sentinel.discover_master):
        asked.append(service)
        return _ask(self, service)

    monkeypatch.setattr(Sentinel, "discover_master", counted)
    with watched_by_sentinels(down_after=30_000) as watched, worker(watched) as manager:
        token = manager.login("ada").access_token
        asked.clear()
        began = time.monotonic()
        for _ in range(200):
            manager.check(token)
        assert len(asked) <= 1 + (time.monotonic() - began) / LEASE
