"""The previous release beside this one over one store: each reads and changes what the other has written."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_gosession.engine.adoption import derived_sid
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import Banned, SessionEnded
from flask_gosession.session.device import Device
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

RELEASE = "80b719f"
"""The commit of the previous release."""
REPOSITORY = Path(__file__).parents[2]

KEY = {"kid": "shared", "alg": "HS256", "secret": "jA9rX2mQ7vLs4TzKc8WpYe1Gd6HnBu3F", "status": "active"}
USER = {"id": "ada", "name": "Ada", "roles": ["editor"]}

BEGIN = f"""
import json, sys, time
from flask_gosession.errors import AuthError, Banned
from flask_gosession.manager import SessionManager
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

given, user = json.loads(sys.argv[2]), {USER}
manager = SessionManager(
    open_store(sys.argv[1]), JWTCodec(Keyring.from_config([{KEY}])), user_loader=lambda subject: user
)
"""
"""What each script of the previous release begins with: *given* is what the test gives it. What it prints is JSON."""

Before = Callable[..., Any]


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
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


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'sessions'}"


@pytest.fixture
def manager(url: str) -> Iterator[SessionManager]:
    codec = JWTCodec(Keyring.from_config([KEY]))
    manager = SessionManager(open_store(url), codec, user_loader=lambda _subject: USER)
    yield manager
    manager.close()


@pytest.fixture
def before(previous: Path, url: str) -> Before:
    """Return what runs a script of the previous release over the same store, and returns what it printed."""

    def run(script: str, **given: Any) -> Any:
        command = [sys.executable, "-c", BEGIN + script, url, json.dumps(given)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=previous, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    return run


def not_asked(_subject: str) -> dict[str, Any]:
    """Fail: the other release has kept the user info."""
    pytest.fail("the loader was asked")


def test_both_ways(manager: SessionManager, before: Before) -> None:
    """Sessions and user info of either release are found by the other, and what one ends has ended for both."""
    pairs = [manager.login("ada", device=Device("192.0.2.7", "an agent", "a label")) for _ in range(3)]
    manager.check_with_user(pairs[0].access_token)
    script = """
session, found = manager.check_with_user(given["token"])
assert found == user, found
assert (session.client, session.ip, session.agent, session.label) == ("web", "192.0.2.7", "an agent", "a label")
assert len(manager.sessions("ada")) == 3
manager.revoke("ada", given["sid"])
print(json.dumps(manager.login("ada").access_token))
"""
    token = before(script, token=pairs[0].access_token, sid=pairs[1].sid)
    manager.users.use(not_asked)
    theirs = manager.check(token)
    assert theirs.subject == "ada"
    left = {session.sid for session in manager.sessions("ada")}
    assert left == {theirs.sid, pairs[0].sid, pairs[2].sid}
    assert manager.check_with_user(pairs[2].access_token)[1] == USER


def test_each_kind_of_ours(manager: SessionManager, before: Before) -> None:
    """The previous release finds data, a remembered session, an impersonation and a ban, and may change them."""
    ours = manager.login("ada", remember=True, cookies=True, data={"cart": [1]})
    root = manager.login("root")
    acted = manager.impersonate(manager.authenticate(root.access_token), "ada")
    manager.ban("bob", until=time.time() + 60, reason="spam", message="bye")
    script = """
checked = manager.authenticate(given["ours"])
assert (checked.session.remember, checked.session.own_data) == (True, {"cart": [1]})
assert manager.save_data(checked, {"seen": True})
actor = manager.check(given["acted"]).act
assert (actor.subject, actor.sid) == ("root", given["root"])
try:
    manager.login("bob")
except Banned as error:
    assert error.message == "bye"
else:
    raise AssertionError("a banned subject was let in")
assert manager.ban_of("bob").reason == "spam"
manager.users.refresh(["bob"])
manager.revoke("root", given["root"])
print(json.dumps(manager.refresh(given["refresh"]).access_token))
"""
    given = {"ours": ours.access_token, "refresh": ours.refresh_token, "acted": acted.access_token, "root": root.sid}
    session = manager.check(before(script, **given))
    assert (session.sid, session.remember, session.data) == (ours.sid, True, {"cart": [1], "seen": True})
    with pytest.raises(SessionEnded):
        manager.check(acted.access_token)
    ban = manager.ban_of("bob")
    assert ban is not None
    assert (ban.reason, ban.message) == ("spam", "bye")


def test_each_kind_of_theirs(manager: SessionManager, before: Before) -> None:
    """What the previous release has made of each kind is found, changed and ended by this one."""
    script = """
ours, root = manager.login("ada", remember=True, data={"cart": [1]}), manager.login("root")
acted = manager.impersonate(manager.authenticate(root.access_token), "ada")
manager.ban("bob", until=time.time() + 60, reason="spam", message="bye")
print(json.dumps([ours.access_token, ours.refresh_token, acted.access_token, root.sid]))
"""
    access, refresh, acted, root = before(script)
    checked = manager.authenticate(access)
    assert (checked.session.remember, checked.session.data) == (True, {"cart": [1]})
    assert manager.save_data(checked, {"seen": True})
    session = manager.check(manager.refresh(refresh).access_token)
    assert (session.remember, session.data) == (True, {"cart": [1], "seen": True})
    actor = manager.check(acted).actor
    assert actor is not None
    assert (actor.subject, actor.sid) == ("root", root)
    manager.revoke("root", root)
    with pytest.raises(SessionEnded):
        manager.check(acted)
    with pytest.raises(Banned, match="bye"):
        manager.login("bob")
    assert manager.lift_ban("bob")
    assert before("""print(json.dumps(manager.ban_of("bob")))""") is None


def ours_alone(manager: SessionManager, subject: str) -> dict[str, Any]:
    """Return what only this release knows of a record."""
    record = manager.records.read(subject).record
    return {
        "not_before": record.not_before,
        "tickets": record.tickets,
        "sessions": {one.sid: (one.in_cookies, one.claims_own, one.second, one.again_until) for one in record.sessions},
        "ended": {one.sid: one.kept for one in record.ended},
    }


def test_what_they_do_not_know_is_carried(manager: SessionManager, before: Before) -> None:
    """Whatever the previous release writes to a record: marks, tickets, second credentials, adopted sessions stay."""
    later = time.time() + 3600
    manager.login("ada")
    manager.revoke_all("ada", "password_changed", message="changed")
    gone, theirs = derived_sid("gone"), derived_sid("theirs")
    for sid in (gone, theirs):
        manager.adopt("ada", sid=sid, expires=later, again_until=later)
    manager.revoke("ada", gone)
    manager.honour("ada", sid=derived_sid("mail"), until=later)
    ours = manager.login("ada", cookies=True)
    second = manager.remember("ada", ours.sid)
    known = ours_alone(manager, "ada")
    script = """
pair = manager.login("ada")
manager.authenticate(pair.access_token)
manager.users.refresh(["ada"])
manager.save_data(manager.authenticate(given["access"]), {"seen": True})
manager.confirm(manager.authenticate(given["access"]))
manager.refresh(given["refresh"])
manager.revoke("ada", pair.sid)
print(json.dumps(pair.sid))
"""
    sid = before(script, access=ours.access_token, refresh=ours.refresh_token)
    found = ours_alone(manager, "ada")
    assert found["ended"].pop(sid) is False
    assert found == known
    assert manager.is_honoured("ada", derived_sid("mail"))
    assert manager.resume(second).sid == ours.sid
    with pytest.raises(SessionEnded, match="changed"):
        manager.require_current("ada", time.time() - 60)


def test_a_mark_outlives_what_they_know(manager: SessionManager, before: Before) -> None:
    """A ban that the previous release lifts leaves the mark, though nothing else is in the record."""
    manager.ban("bob", until=time.time() + 60)
    mark = manager.not_before_of("bob")
    assert mark is not None
    assert before("""print(json.dumps(manager.lift_ban("bob")))""") is True
    assert manager.not_before_of("bob") == mark
