"""A process that has forked shares nothing of what it hears with its child."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from backends import Backends

from flask_gosession.engine.levels import LevelChecks
from flask_gosession.errors import AuthError

from .onlookers import open_manager


def outcome(levels: LevelChecks, token: str) -> str:
    try:
        return "kept" if levels.check(token, "cached").kept else "asked"
    except AuthError:
        return "refused"


def in_child(answer: Callable[[], str], until: int) -> tuple[int, int]:
    """Fork; the child answers once a byte can be read from *until*; return its id and where its answer comes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.read(until, 1)
            os.write(writer, answer().encode())
        finally:
            os._exit(0)
    os.close(writer)
    return child, reader


def said(child: int, reader: int) -> str:
    found = os.read(reader, 100).decode()
    os.close(reader)
    os.waitpid(child, 0)
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_hears_for_itself(backends: Backends, key_prefix: str) -> None:
    """It takes no announcement from its parent's connection, and goes by nothing that its parent has kept."""
    url = backends.process_url("redis")
    manager, other = open_manager(url, key_prefix), open_manager(url, key_prefix)
    levels = LevelChecks(manager, size=8, max_stale=60)
    first, second = manager.login("ada"), manager.login("bob")
    for pair in (first, second):
        for _ in range(3):
            levels.check(pair.access_token, "cached")
    ready, go = os.pipe()
    child, reader = in_child(lambda: " ".join(outcome(levels, second.access_token) for _ in range(3)), ready)
    assert outcome(levels, first.access_token) == "kept"
    other.revoke("ada", first.sid)
    os.write(go, b"x")
    answers = said(child, reader).split()
    assert (answers[0], answers[-1]) == ("asked", "kept")
    assert outcome(levels, first.access_token) == "refused"
    assert outcome(levels, second.access_token) == "kept"
    for one in (manager, other):
        one.close()
    os.close(ready)
    os.close(go)
