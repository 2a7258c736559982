"""The example app in a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from example_app import create_app
from example_app.users import Users
from flask_gosession.web.state import state_of


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with the users, whose passwords are quicker to check than in earnest."""
    path = tmp_path_factory.mktemp("seeded") / "users.db"
    quick = partial(generate_password_hash, method="pbkdf2:sha256:1000")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("example_app.users.generate_password_hash", quick)
        Users(path)
    return path


@pytest.fixture
def settings() -> dict[str, Any]:
    """Return what a test wants configured."""
    return {}


@pytest.fixture
def app(tmp_path: Path, seeded: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.delenv("FLASK_SECRET_KEY", raising=False)
    shutil.copy(seeded, tmp_path)
    app = create_app({"DATA_FOLDER": str(tmp_path), "TESTING": True, **settings})
    yield app
    state_of("default", app).manager.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
