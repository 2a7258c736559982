"""A process that has forked shares nothing of what it hears with its child."""

from __future__ import annotations

from backends import Backends
from forks import in_child, needs_fork, said, shared_event

from flask_gosession.engine.levels import LevelChecks
from flask_gosession.errors import AuthError

from .onlookers import open_manager


def outcome(levels: LevelChecks, token: str) -> str:
    try:
        return "kept" if levels.check(token, "cached").kept else "asked"
    except AuthError:
        return "refused"


@needs_fork
def test_a_child_hears_for_itself(backends: Backends, key_prefix: str) -> None:
    """It takes no announcement from its parent's connection, and goes by nothing that its parent has kept."""
    url = backends.process_url("redis")
    manager, other = open_manager(url, key_prefix), open_manager(url, key_prefix)
    levels = LevelChecks(manager, size=8, max_stale=60)
    first, second = manager.login("ada"), manager.login("bob")
    for pair in (first, second):
        for _ in range(3):
            levels.check(pair.access_token, "cached")
    revoked = shared_event()

    def look_three_times() -> str:
        assert revoked.wait(5)
        return " ".join(outcome(levels, second.access_token) for _ in range(3))

    child, reader = in_child(look_three_times)
    assert outcome(levels, first.access_token) == "kept"
    other.revoke("ada", first.sid)
    revoked.set()
    answers = said(child, reader).split()
    assert (answers[0], answers[-1]) == ("asked", "kept")
    assert outcome(levels, first.access_token) == "refused"
    assert outcome(levels, second.access_token) == "kept"
    for one in (manager, other):
        one.close()
