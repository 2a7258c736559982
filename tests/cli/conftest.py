"""The shop under the commands, on memory, Redis and SQLite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from backends import Backends

from cli.shop import Shop, make_shop
from flask_gosession.testing.clock import FakeClock

STORES = ("memory", "redis", "sqlite")


@pytest.fixture(params=STORES)
def shop(request: pytest.FixtureRequest, backends: Backends, key_prefix: str, clock: FakeClock) -> Iterator[Shop]:
    """Yield the shop on each store."""
    url = "memory://" if request.param == "memory" else backends.process_url(request.param)
    opened = make_shop(url, clock, KEY_PREFIX=key_prefix)
    yield opened
    opened.manager.close()


@pytest.fixture
def small_shop(clock: FakeClock) -> Shop:
    """Return the shop on memory, for what does not depend on the store."""
    return make_shop("memory://", clock)
