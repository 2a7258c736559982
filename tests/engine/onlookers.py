"""Processes whose threads do nothing but check one token at level `cached`, until it is refused."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from flask_gosession.engine.levels import LevelChecks
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AuthError
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

from .conftest import SECRET

WARM = 20
"""So many checks of each thread are before the end of the session."""
PATIENCE = 5.0
"""Seconds after which an onlooker gives up waiting for a refusal: half of what a verdict lasts."""


def open_manager(url: str, prefix: str) -> SessionManager:
    return SessionManager(open_store(url, key_prefix=prefix), JWTCodec(Keyring.from_secret(SECRET)))


class Onlooker(threading.Thread):
    """Checks a token until it is refused, and goes on past *ready* once it has done its first checks."""

    def __init__(self, levels: LevelChecks, token: str, ready: threading.Barrier) -> None:
        super().__init__()
        self.kept: int = 0
        """How many of the first checks went by a verdict."""
        self.passed: float = 0.0
        """When the last check began that passed."""
        self._levels = levels
        self._token = token
        self._ready = ready

    def run(self) -> None:
        self.kept = sum(self._levels.check(self._token, "cached").kept for _ in range(WARM))
        self._ready.wait()
        end = time.monotonic() + PATIENCE
        while (began := time.monotonic()) < end:
            try:
                self._levels.check(self._token, "cached")
            except AuthError:
                return
            self.passed = began


def look_on(link: Connection, url: str, prefix: str, threads: int) -> None:
    """Take tokens from *link*; say of each how many checks went by a verdict, and when the last began that passed."""
    manager = open_manager(url, prefix)
    levels = LevelChecks(manager, size=64, max_stale=2 * PATIENCE)
    while (token := link.recv()) is not None:
        ready = threading.Barrier(threads + 1)
        crowd = [Onlooker(levels, token, ready) for _ in range(threads)]
        for one in crowd:
            one.start()
        ready.wait()
        link.send(sum(one.kept for one in crowd))
        for one in crowd:
            one.join()
        link.send(max(one.passed for one in crowd))
    manager.close()


@contextmanager
def onlookers(url: str, prefix: str, *, processes: int, threads: int) -> Iterator[list[Connection]]:
    """Run that many processes of so many threads; yield a link to each."""
    spawn: Any = multiprocessing.get_context("spawn")
    links, running = [], []
    for _ in range(processes):
        ours, theirs = spawn.Pipe()
        running.append(spawn.Process(target=look_on, args=(theirs, url, prefix, threads), daemon=True))
        running[-1].start()
        links.append(ours)
    try:
        yield links
    finally:
        for link in links:
            link.send(None)
        for process in running:
            process.join(10)


def lags(manager: SessionManager, links: list[Connection], rounds: int) -> Iterator[float]:
    """Yield, for each of so many sessions, how many seconds after its end was told the last check began that passed.

    Below zero where none did.
    """
    for number in range(rounds):
        pair = manager.login(f"user-{number % 10}", limit=1)
        for link in links:
            link.send(pair.access_token)
        for link in links:
            assert link.recv() > 0, "no check went by a verdict"
        manager.revoke(f"user-{number % 10}", pair.sid)
        ended = time.monotonic()
        yield max(link.recv() for link in links) - ended
