"""The shop under test, with either kind of token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from flask_gosession.testing.clock import FakeClock

from .shop import Shop, open_shop


@pytest.fixture
def make(clock: FakeClock) -> Callable[..., Shop]:
    """Return what opens a shop of signed tokens."""
    return partial(open_shop, clock)


@pytest.fixture(params=["jwt", "opaque"])
def make_any(request: pytest.FixtureRequest, clock: FakeClock) -> Callable[..., Shop]:
    """Return what opens a shop of either kind of token: what is tested so holds for both."""
    return partial(open_shop, clock, TOKEN_MODE=request.param)
