"""The previous release beside this one over one store: each reads and changes what the other has written."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from flask_gosession.engine.manager import SessionManager
from flask_gosession.session.device import Device
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

RELEASE = "80b719f"
"""The commit of the previous release."""
REPOSITORY = Path(__file__).parents[2]

KEY = {"kid": "shared", "alg": "HS256", "secret": "jA9rX2mQ7vLs4TzKc8WpYe1Gd6HnBu3F", "status": "active"}
USER = {"id": "ada", "name": "Ada", "roles": ["editor"]}

BEFORE = f"""
import sys
from flask_gosession.manager import SessionManager
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

manager = SessionManager(
    open_store(sys.argv[1]), JWTCodec(Keyring.from_config([{KEY}])), user_loader=lambda subject: {USER}
)
session, user = manager.check_with_user(sys.argv[2])
assert user == {USER}, user
assert (session.client, session.ip, session.agent, session.label) == ("web", "192.0.2.7", "an agent", "a label")
assert len(manager.sessions("ada")) == 3
manager.revoke("ada", sys.argv[3])
print(manager.login("ada").access_token)
"""


@pytest.fixture(scope="module")
def previous(tmp_path_factory) -> Path:
    """Return a folder with the package as it was released before."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git brings the previous release")
    command = [git, "-C", str(REPOSITORY), "archive", "--format=zip", RELEASE, "flask_gosession"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("the previous release is not in this checkout")
    folder = tmp_path_factory.mktemp("previous")
    with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder)
    return folder


def not_asked(_subject: str) -> dict[str, Any]:
    """Fail: the other release has kept the user info."""
    pytest.fail("the loader was asked")


def test_both_ways(previous, tmp_path):
    """Sessions and user info of either release are found by the other, and what one ends has ended for both."""
    url = f"file://{tmp_path / 'sessions'}"
    codec = JWTCodec(Keyring.from_config([KEY]))
    manager = SessionManager(open_store(url), codec, user_loader=lambda _subject: USER)
    pairs = [manager.login("ada", device=Device("192.0.2.7", "an agent", "a label")) for _ in range(3)]
    manager.check_with_user(pairs[0].access_token)
    command = [sys.executable, "-c", BEFORE, url, pairs[0].access_token, pairs[1].sid]
    done = subprocess.run(command, capture_output=True, text=True, cwd=previous, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    manager.users.use(not_asked)
    theirs = manager.check(done.stdout.strip())
    assert theirs.subject == "ada"
    left = {session.sid for session in manager.sessions("ada")}
    assert left == {theirs.sid, pairs[0].sid, pairs[2].sid}
    assert manager.check_with_user(pairs[2].access_token)[1] == USER
    manager.close()
