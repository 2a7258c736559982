"""The stores under test, by name or URL: started when first needed, each test in a corner of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import databases
import fakeredis
import mongomock
import pytest
import servers

from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.stores.base import Store
from flask_gosession.stores.mongo import MongoStore
from flask_gosession.stores.registry import open_store

PARTS: dict[str, frozenset[str]] = {
    "memory": frozenset({"contract", "threads", "any"}),
    "fakeredis": frozenset({"contract", "threads", "processes"}),
    "mongomock": frozenset({"contract"}),
}
"""What fits a store; one that is not named here gets everything."""

UNHURRIED = "timeout=5"
UNHURRIED_REDIS = "socket_timeout=5&socket_connect_timeout=5"
"""The races prove atomicity, however slow the disk is; how soon a store gives up has tests of its own."""

EVERYTHING = frozenset({"contract", "threads", "processes", "any"})


class Backend(NamedTuple):
    """Where a store is, and how to open it under a prefix. Without a URL other processes cannot reach it."""

    open: Callable[[str], Store]
    url: str | None


class Backends:
    """Starts what is needed once and stops it at the end. What was *asked* for and is absent fails, else it skips."""

    def __init__(self, directory: Path, *, asked: bool) -> None:
        self._directory = directory
        self._asked = asked
        self._running: dict[str, Backend] = {}
        self._stack = ExitStack()

    def get(self, name: str) -> Backend:
        if name not in self._running:
            self._running[name] = self._start(name)
        return self._running[name]

    def process_url(self, name: str) -> str:
        """Return a URL at which other processes find the store."""
        if name == "fakeredis":
            return self._fakeredis_url()
        url = self.get(name).url
        assert url is not None
        return url

    def close(self) -> None:
        self._stack.close()

    def _start(self, name: str) -> Backend:
        if name == "memory":
            return Backend(lambda _prefix: open_store("memory://"), None)
        if name == "fakeredis":
            return self._fakeredis()
        if name == "mongomock":
            return self._mongomock()
        return _at(self._url(name))

    def _url(self, name: str) -> str:
        if name == "redis":
            return self._redis_url()
        if name == "file":
            return f"file://{self._directory}/records?{UNHURRIED}"
        if name == "sqlite":
            return f"sqlite:///{self._directory}/records.sqlite?{UNHURRIED}"
        if name in databases.SERVERS:
            return self._database_url(name)
        _require(name)
        return name

    def _redis_url(self) -> str:
        if servers.REDIS_SERVER is None:
            self._absent(servers.WITHOUT_REDIS)
        return f"{self._stack.enter_context(servers.running_redis()).url}?{UNHURRIED_REDIS}"

    def _database_url(self, name: str) -> str:
        if not databases.answers(name):
            self._absent(databases.without(name))
        return f"{self._stack.enter_context(databases.own_database(name))}?{UNHURRIED}"

    def _mongomock(self) -> Backend:
        client = mongomock.MongoClient()
        return Backend(lambda prefix: MongoStore.from_client(client, key_prefix=prefix), None)

    def _fakeredis(self) -> Backend:
        client = fakeredis.FakeRedis(server=fakeredis.FakeServer())
        self._stack.callback(client.close)
        return Backend(lambda prefix: open_store(client, key_prefix=prefix), None)

    def _fakeredis_url(self) -> str:
        if servers.REDIS_SERVER is not None and not self._asked:
            pytest.skip("processes race on the real Redis; --store=fakeredis lets them race on this one, too")
        if "fakeredis by TCP" not in self._running:
            self._running["fakeredis by TCP"] = _at(self._stack.enter_context(servers.running_fakeredis()))
        return str(self._running["fakeredis by TCP"].url)

    def _absent(self, sentence: str) -> None:
        (pytest.fail if self._asked else pytest.skip)(sentence)


def _at(url: str) -> Backend:
    return Backend(lambda prefix: open_store(url, key_prefix=prefix), url)


def _require(url: str) -> None:
    """Fail the test with a sentence when the server that was asked for does not answer."""
    shown = url.partition("://")[0]
    try:
        store = open_store(url)
    except ConfigError as error:
        pytest.fail(f"--store={shown}://… cannot be opened: {error}", pytrace=False)
    try:
        store.ping()
    except StoreUnavailable as error:
        pytest.fail(f"--store={shown}://… was asked for but does not answer: {error.__cause__!r}", pytrace=False)
    finally:
        store.close()
