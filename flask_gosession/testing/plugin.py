"""The fixtures that pytest gets from this package; each works with your own fixture ``app``.

Every run of pytest loads this module, so it imports nothing else before a fixture is used.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask import Flask

    from flask_gosession.testing.client import SessionClient
    from flask_gosession.testing.clock import FakeClock
    from flask_gosession.testing.fixtures import LoginAs, RefuseWith


@pytest.fixture
def gosession_store() -> str:
    """Return the URL of a store that needs no server and begins empty: your app's ``GOSESSION_STORE``."""
    return "memory://"


@pytest.fixture
def gosession_clock(app: Flask) -> Iterator[FakeClock]:
    """Return the clock of all realms of the app: it stands still until ``advance(seconds)`` moves it."""
    yield from _fixtures().clock_of(app)


@pytest.fixture
def gosession_client(app: Flask) -> SessionClient:
    """Return a test client of the app in which nobody is signed in."""
    client: SessionClient = _fixtures().guest_of(app)
    return client


@pytest.fixture
def login_as(app: Flask) -> LoginAs:
    """Return a function that signs users in, each with a client: ``login_as("ada", fresh=False, client="ios")``."""
    made: LoginAs = _fixtures().LoginAs(app)
    return made


@pytest.fixture
def refuse_with(app: Flask, monkeypatch: pytest.MonkeyPatch) -> RefuseWith:
    """Return a function that has every token refused: ``refuse_with("session_ended", reason="evicted")``."""
    made: RefuseWith = _fixtures().RefuseWith(app, monkeypatch.setattr)
    return made


def _fixtures() -> Any:
    return import_module("flask_gosession.testing.fixtures")
