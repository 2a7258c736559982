"""Apps with the extension, asked by header; the store counts its calls and fails on cue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore
from web.shop import Shop, make_shop

Maker = Callable[..., Shop]


@pytest.fixture
def store(clock: FakeClock) -> Iterator[FaultyStore]:
    """Yield an empty store in memory that fails on cue."""
    faulty = FaultyStore(MemoryStore(clock=clock))
    yield faulty
    faulty.close()


@pytest.fixture
def make(store: FaultyStore, clock: FakeClock) -> Maker:
    """Return what makes an app; settings come without their prefix."""

    def making(app: Flask | None = None, *, user_loader: Any = None, **config: Any) -> Shop:
        return make_shop({"STORE": store, **config}, clock, app=app, user_loader=user_loader)

    return making


@pytest.fixture
def shop(make: Maker) -> Shop:
    return make()
