"""The site under test, over each store, with either kind of token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from features.sites import Site, make_site
from flask_gosession.stores.base import Store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

Maker = Callable[..., Site]


@pytest.fixture
def make(any_store: Store, clock: FakeClock) -> Iterator[Maker]:
    """Return what makes a site of signed tokens; every store can be told to fail."""

    def making(**config: Any) -> Site:
        return make_site(FaultyStore(any_store), clock, **config)

    return making


@pytest.fixture(params=["jwt", "opaque"])
def token_mode(request: pytest.FixtureRequest) -> str:
    """Return either kind of token."""
    return request.param


@pytest.fixture
def make_any(make: Maker, token_mode: str) -> Maker:
    """Return what makes a site of either kind of token: what is tested so holds for both."""

    def making(**config: Any) -> Site:
        return make(TOKEN_MODE=token_mode, **config)

    return making
