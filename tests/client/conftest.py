"""A clock and a server that runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .little_server import Clock, LittleServer, serving


@pytest.fixture
def clock() -> Clock:
    """Return a clock that the test moves."""
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[LittleServer]:
    """Serve one session on loopback."""
    with serving(LittleServer(clock)) as running:
        yield running


@pytest.fixture
def other(clock: Clock) -> Iterator[LittleServer]:
    """Serve on another port: another origin."""
    with serving(LittleServer(clock)) as running:
        yield running
