"""A site with the ready-made endpoints, with either kind of token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from sites import Site, open_endpoints

from flask_gosession.testing.clock import FakeClock


@pytest.fixture
def make(clock: FakeClock) -> Callable[..., Site]:
    """Return what opens a site of signed tokens."""
    return partial(open_endpoints, clock)


@pytest.fixture(params=["jwt", "opaque"])
def make_any(request: pytest.FixtureRequest, clock: FakeClock) -> Callable[..., Site]:
    """Return what opens a site of either kind of token: what is tested so holds for both."""
    return partial(open_endpoints, clock, TOKEN_MODE=request.param)
