"""How the example app starts: its secret, its users, its configuration, alone and in company."""

from __future__ import annotations

import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import apps
import httpx
import pytest

from example_app import create_app
from example_app.secret import kept_secret
from example_app.users import Users
from flask_gosession.errors import ConfigError

SHOW = "from example_app import create_app; print(create_app().secret_key)"


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path):
    """The secret stays the same from start to start, is long, and nobody else may read it."""
    made = kept_secret(tmp_path)
    assert len(made) == 64
    assert kept_secret(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_the_second_to_make_the_secret_takes_the_first_ones(tmp_path, monkeypatch):
    """A worker that found no secret but is overtaken uses the other's."""
    theirs = kept_secret(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert kept_secret(tmp_path) == theirs


def test_workers_that_start_together_agree(tmp_path):
    """Processes that start at once in an empty folder have one secret and each user once."""
    command = [sys.executable, "-c", SHOW]
    starting = [
        subprocess.Popen(command, cwd=apps.ROOT, env=apps.environment(tmp_path), stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    secrets = {process.communicate(timeout=apps.PATIENCE)[0] for process in starting}
    assert [process.returncode for process in starting] == [0] * 4
    assert len(secrets) == 1
    users = Users(tmp_path / "users.db")
    assert [user.username for user in map(users.by_subject, "123") if user] == ["alice", "bob", "admin"]
    assert users.by_subject("4") is None


@pytest.mark.long
def test_two_servers_on_one_folder_share_sessions(tmp_path):
    """A token of one server opens the other, and a logout at the other is seen by the first: no server in between."""
    with ExitStack() as running:
        one, other = (running.enter_context(apps.flask_run(tmp_path)) for _ in range(2))
        pair = httpx.post(f"{one}/auth/login", json={"username": "bob", "password": "builder"}).json()
        headers = {"Authorization": f"Bearer {pair['access_token']}"}
        assert httpx.get(f"{other}/api/me", headers=headers).json()["user"]["username"] == "bob"
        assert httpx.post(f"{other}/auth/logout", headers=headers).status_code == 204
        assert httpx.get(f"{one}/api/me", headers=headers).json()["reason"] == "logged_out"


@pytest.mark.long
def test_a_restart_signs_nobody_out(tmp_path):
    """A session outlives the process that made it."""
    with apps.flask_run(tmp_path) as url:
        pair = httpx.post(f"{url}/auth/login", json={"username": "bob", "password": "builder"}).json()
    with apps.flask_run(tmp_path) as url:
        headers = {"Authorization": f"Bearer {pair['access_token']}"}
        assert httpx.get(f"{url}/api/me", headers=headers).status_code == 200


@pytest.mark.parametrize("number", ["1" * 40, "1e5", "true"])
def test_a_secret_that_the_environment_turned_into_a_number_is_refused(tmp_path, monkeypatch, number):
    """Flask reads digits in its environment as a number; the app then says what to do instead."""
    monkeypatch.setenv("FLASK_SECRET_KEY", number)
    with pytest.raises(ConfigError, match=r"SECRET_KEY is (int|float|bool), not text") as refused:
        create_app({"DATA_FOLDER": str(tmp_path)})
    assert number not in str(refused.value)


def test_the_environment_configures_the_extension(tmp_path, monkeypatch):
    """``FLASK_GOSESSION_*`` variables reach the extension, which refuses what it does not know."""
    monkeypatch.setenv("FLASK_GOSESSION_SESION_LIMIT", "1")
    with pytest.raises(ConfigError, match="did you mean GOSESSION_SESSION_LIMIT"):
        create_app({"DATA_FOLDER": str(tmp_path)})
