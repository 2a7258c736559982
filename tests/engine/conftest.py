"""A session manager over a store that counts its calls and fails on cue, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from drawn import drawn

from flask_gosession.engine import records
from flask_gosession.engine.manager import SessionManager
from flask_gosession.events import Event
from flask_gosession.session.policy import Policy
from flask_gosession.stores.base import Store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

SECRET = drawn("engine").encode()

Maker = Callable[..., SessionManager]


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a write that failed be looked up on a busy machine, too."""
    monkeypatch.setattr(records, "LOOK_UP_WITHIN", 30.0)


@pytest.fixture
def told() -> list[Event]:
    """Return the events so far, the oldest first."""
    return []


@pytest.fixture
def codec() -> JWTCodec:
    return JWTCodec(Keyring.from_secret(SECRET))


@pytest.fixture
def make(clock: FakeClock, codec: JWTCodec, told: list[Event], store: FaultyStore) -> Maker:
    """Return what makes a manager: by default over `store`, with signed tokens that never expire early."""

    def making(
        over: Store = store, *, emit: Any = told.append, loaders: Any = None, user_loader: Any = None, **policy: Any
    ):
        given = {"user_loader": user_loader, **(loaders or {})}
        return SessionManager(over, codec, Policy(**policy), clock=clock, emit=emit, rng=lambda: 0.0, **given)

    return making


@pytest.fixture
def manager(make: Maker) -> SessionManager:
    return make()
