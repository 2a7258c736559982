"""Every command with a store that is down: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import servers

from cli.shop import Shop, all_commands, make_shop
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

ARGUMENTS = {
    "sessions": ("ada",),
    "show": ("ada",),
    "find": ("A" * 22,),
    "revoke": ("ada", "A" * 22),
    "revoke-all": ("ada",),
    "ban": ("ada", "--for", "1d"),
    "unban": ("ada",),
    "stats": (),
    "purge": (),
    "inspect": ("-",),
}
"""The commands that ask the store."""

WITHOUT_STORE = {
    "audit",
    "routes",
    "config",
    "doctor",
    "keys list",
    "keys generate",
    "keys rotate",
    "keys retire",
    "keys jwks",
}


@pytest.fixture(params=["memory", "redis", "sqlite"])
def broken(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Shop:
    """Return a shop whose store does not answer, with a token from better times."""
    if request.param == "memory":
        store = FaultyStore(MemoryStore(clock=clock))
        for verb in ("load", "swap", "subjects", "purge", "ping"):
            store.fail(verb, 1000)
        return make_shop(store, clock)
    if request.param == "redis":
        return make_shop(f"redis://:hush@127.0.0.1:{servers.free_port()}/0", clock)
    return make_shop(f"sqlite:///{tmp_path}/missing/folder/sessions.db", clock)


@pytest.fixture
def token(clock: FakeClock) -> str:
    """Return a token that the broken shop's keys have signed."""
    return make_shop("memory://", clock).manager.login("ada").access_token


def test_no_command_is_forgotten():
    """Each command either asks the store here or is known not to."""
    assert {" ".join(path) for path in all_commands()} == ARGUMENTS.keys() | WITHOUT_STORE


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_store_that_is_down_is_a_sentence(broken: Shop, token: str, name: str):
    """The exit code is 3, and stderr says that the store does not answer; nothing secret is in it."""
    result = broken.run(name, *ARGUMENTS[name], stdin=token)
    if "deletes ended records itself" in result.stdout:
        assert name == "purge"  # which asks nothing of Redis
        return
    assert result.exit_code == 3, result.output
    assert result.stderr.splitlines()[-1].startswith("Error: The store does not answer")
    assert "hush" not in result.output


def test_doctor_finds_it(broken: Shop):
    """Doctor says that the store does not do what it should, and ends with 2."""
    found = broken.json("doctor", code=2)
    (finding,) = [each for each in found if each["check"] == "store.reachable"]
    assert finding["severity"] == "error"
    assert finding["fix"]
    assert "hush" not in json.dumps(found)


def test_what_needs_no_store_goes_on(broken: Shop):
    """Routes, settings and keys are shown while the store is down."""
    for name in ("routes", "config", "keys list", "keys generate", "keys jwks"):
        assert broken.run(*name.split()).exit_code == 0
