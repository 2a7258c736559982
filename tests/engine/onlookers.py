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


def look_on(link: Connection, url: str, prefix: str, threads: int) -> None:
    """Take tokens from *link*; say when each is being checked, and then when the last check began that passed."""
    manager = open_manager(url, prefix)
    levels = LevelChecks(manager, size=64, max_stale=2 * PATIENCE)
    while (token := link.recv()) is not None:
        ready, passed = threading.Barrier(threads + 1), [0.0] * threads
        crowd = [
            threading.Thread(target=_check, args=(levels, token, ready, passed, number)) for number in range(threads)
        ]
        for one in crowd:
            one.start()
        ready.wait()
        link.send("ready")
        for one in crowd:
            one.join()
        link.send(max(passed))
    manager.close()


def _check(levels: LevelChecks, token: str, ready: threading.Barrier, passed: list[float], number: int) -> None:
    for _ in range(WARM):
        levels.check(token, "cached")
    ready.wait()
    end = time.monotonic() + PATIENCE
    while (began := time.monotonic()) < end:
        try:
            levels.check(token, "cached")
        except AuthError:
            return
        passed[number] = began


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
            assert link.recv() == "ready"
        manager.revoke(f"user-{number % 10}", pair.sid)
        ended = time.monotonic()
        yield max(link.recv() for link in links) - ended
