"""A store that is down: 503 for every operation, within the time that the driver was given."""

from __future__ import annotations

import time

import pytest
import servers

from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.redis.connect import TIMEOUT
from flask_gosession.stores.registry import open_store

OPERATIONS = {
    "login": lambda m, _: m.login("ada"),
    "check": lambda m, pair: m.check(pair.access_token),
    "refresh": lambda m, pair: m.refresh(pair.refresh_token),
    "extend": lambda m, pair: m.extend(pair.access_token),
    "logout": lambda m, pair: m.logout(pair.access_token),
    "sessions": lambda m, _: m.sessions("ada"),
    "revoke": lambda m, pair: m.revoke("ada", pair.sid),
    "ban": lambda m, _: m.ban("ada", until=m.clock() + 60),
    "lift_ban": lambda m, _: m.lift_ban("ada"),
    "ban_of": lambda m, _: m.ban_of("ada"),
    "load": lambda m, _: m.users.load("ada"),
    "forget": lambda m, _: m.users.forget("ada"),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_operation_says_so(manager, store, told, operation):
    """No operation takes silence for an answer: StoreUnavailable, and nothing told."""
    pair = manager.login("ada")
    told.clear()
    store.fail("load")
    with pytest.raises(StoreUnavailable):
        operation(manager, pair)
    assert told == []


@pytest.mark.parametrize("name", ["login", "check", "logout"])
def test_a_server_that_never_answers(make, manager, name):
    """STO-07: a Redis that takes connections and stays silent costs the driver's time out and no more."""
    pair = manager.login("ada")
    with servers.black_hole() as port:
        store = open_store(f"redis://127.0.0.1:{port}/0")
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            OPERATIONS[name](make(store), pair)
        took = time.monotonic() - begun
        store.close()
    assert TIMEOUT <= 0.25
    assert took < 10 * TIMEOUT
