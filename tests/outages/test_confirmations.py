"""A sign-out that no replica has confirmed stays unconfirmed until one has, however often it is repeated (TRU-07)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import redis
import servers
from backends import UNHURRIED_REDIS
from flask import Flask
from marks import proof

from flask_gosession import GoSession, TokenPair

from .machines import Machine, machine

pytestmark = [proof, pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)]

OPTIONS = ("--save", "", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


class Pair:
    """A primary whose replica comes and goes, and an app that asks the replica about each end."""

    def __init__(self, primary: Machine) -> None:
        self.primary = primary
        self.app = Flask("shop")
        self.app.testing = True
        store = f"{primary.url}?{UNHURRIED_REDIS}"
        self.app.secret_key = "of-a-shop-under-test-and-long-enough"
        self.app.config.update(GOSESSION_STORE=store, GOSESSION_WAIT_REPLICAS=1)
        self.gosession: GoSession[Any] = GoSession(self.app)
        self.app.register_blueprint(self.gosession.blueprint())

    @property
    def manager(self):
        with self.app.app_context():
            return self.gosession.manager

    def login(self) -> TokenPair:
        return self.manager.login("ada")

    def confirmed(self, method: str, path: str, token: str | None = None, **options: Any) -> bool:
        """Return whether the answer to the end of a session leaves nothing to be wished for."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **options)
        assert answer.status_code in (200, 204)
        return answer.headers.get("GoSession-Confirmed") != "0"

    def logout(self, pair: TokenPair) -> bool:
        return self.confirmed("POST", "/auth/logout", pair.access_token)


def replicates(primary: Machine) -> bool:
    """Return whether a replica acknowledges a write in time."""
    with redis.Redis(port=primary.port) as client:
        client.set("replicated", "yes")
        return client.execute_command("WAIT", 1, 50) == 1


@pytest.fixture(scope="module")
def both():
    """Yield a primary and its replica."""
    with machine(*OPTIONS) as primary, machine(*OPTIONS, "--replicaof", f"127.0.0.1 {primary.port}") as replica:
        yield primary, replica


@pytest.fixture
def replica(both):
    """Return the replica, in step with its primary."""
    primary, replica = both
    servers.wait_until(lambda: all(replicates(primary) for _ in range(5)), "steady replication")
    return replica


@pytest.fixture
def shop(both, replica):
    """Yield an app over the two."""
    made = Pair(both[0])
    with closing(made.manager):
        yield made


@contextmanager
def gone(replica: Machine, primary: Machine) -> Iterator[None]:
    """Let the replica be gone until the block ends, and be in step again after it."""
    replica.kill()
    try:
        yield
    finally:
        replica.start()
    servers.wait_until(lambda: replicates(primary), "replication")


def test_a_repeated_logout_is_unconfirmed_too(shop, replica):
    """Asked again while the replica is gone the answer is the same; once it is back, it has confirmed the end."""
    pair = shop.login()
    with gone(replica, shop.primary):
        assert [shop.logout(pair) for _ in range(3)] == [False] * 3
    assert shop.logout(pair)
    with redis.Redis(port=replica.port) as client:
        (key,) = client.keys("gosession:ada")
        assert b"logged_out" in client.get(key)


def test_the_record_is_gone_meanwhile(shop, replica):
    """Where nothing is left of the session, its end is confirmed by a write all the same, or not at all."""
    pair = shop.login()
    with gone(replica, shop.primary):
        assert not shop.logout(pair)
        with redis.Redis(port=shop.primary.port) as client:
            client.delete("gosession:ada")
        assert not shop.logout(pair)
    assert shop.logout(pair)


def test_every_way_to_end_a_session_again(shop, replica):
    """An end that was not confirmed is confirmed by whichever way it is asked for again."""
    own, other = shop.login(), shop.login()
    again = {
        "others": lambda: shop.confirmed("POST", "/auth/logout-others", own.access_token),
        "one": lambda: shop.confirmed("DELETE", f"/auth/sessions/{other.sid}", own.access_token),
        "revoke": lambda: shop.confirmed("POST", "/auth/revoke", data={"token": other.access_token}),
        "refresh token": lambda: shop.confirmed("POST", "/auth/logout", other.refresh_token),
        "revoke_all": lambda: shop.manager.revoke_all("ada", but=own.sid).confirmed,
    }
    with gone(replica, shop.primary):
        assert not shop.manager.revoke("ada", other.sid, "kicked").confirmed
        assert {name: ask() for name, ask in again.items()} == dict.fromkeys(again, False)
    assert {name: ask() for name, ask in again.items()} == dict.fromkeys(again, True)
    assert [session.sid for session in shop.manager.sessions("ada")] == [own.sid]


def test_a_frozen_replica(shop, replica):
    """A replica that holds its connection and says nothing confirms nothing."""
    pair = shop.login()
    replica.freeze()
    try:
        assert [shop.logout(pair) for _ in range(2)] == [False] * 2
    finally:
        replica.thaw()
    servers.wait_until(lambda: replicates(shop.primary), "replication")
    assert shop.logout(pair)
