"""Sites under test: small ones over memory that are asked by header, and whole ones over each store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sites import Site, add_me, open_site

from flask_gosession.stores.base import Store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore


@pytest.fixture
def make(store: FaultyStore, clock: FakeClock) -> Callable[..., Site]:
    """Return what makes an app; settings come without their prefix."""

    def making(app: Flask | None = None, *, user_loader: Any = None, **config: Any) -> Site:
        return open_site(clock, store, app=app, loader=user_loader, views=add_me, **config)

    return making


@pytest.fixture
def shop(make: Callable[..., Site]) -> Site:
    return make()


@pytest.fixture
def make_site(any_store: Store, clock: FakeClock) -> Callable[..., Site]:
    """Return what makes a site of signed tokens, which never expire early unless another *rng* is given."""

    def making(**config: Any) -> Site:
        return open_site(clock, FaultyStore(any_store), blueprint={}, **{"rng": lambda: 0.0, **config})

    return making


@pytest.fixture(params=["jwt", "opaque"])
def token_mode(request: pytest.FixtureRequest) -> str:
    """Return either kind of token."""
    return request.param


@pytest.fixture
def make_any_site(make_site: Callable[..., Site], token_mode: str) -> Callable[..., Site]:
    """Return what makes a site of either kind of token: what is tested so holds for both."""

    def making(**config: Any) -> Site:
        return make_site(TOKEN_MODE=token_mode, **config)

    return making
