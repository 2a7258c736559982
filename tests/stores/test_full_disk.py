"""On a full disk whoever must go goes all the same, over files and over SQLite. TRU-06."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_disk import fill, mounted

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AuthError
from flask_gosession.stores.base import StoreFull
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.opaque import OpaqueCodec

SUBJECTS = [f"user-{number}" for number in range(40)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of two megabytes."""
    with mounted(tmp_path, "2m") as disk:
        yield disk


def use_up(write: Callable[[int], object]) -> None:
    """Write the last room inside of the store's own files."""
    for number in range(1000):
        write(number)


@pytest.fixture(params=["file", "sqlite"])
def manager(request: pytest.FixtureRequest, disk: Path) -> Iterator[SessionManager]:
    """Yield a manager over a store on that disk."""
    pytest.importorskip({"file": "filelock", "sqlite": "sqlalchemy"}[request.param])
    url = {"file": f"file://{disk}/sessions", "sqlite": f"sqlite:///{disk}/sessions.db"}[request.param]
    found = SessionManager(open_store(url), OpaqueCodec(bytes(32)))
    found.url = url
    yield found
    found.close()


def test_everybody_can_be_signed_out(manager, disk):
    """Logins are refused and checks go on; a logout works for one after the other, also of those not asked before."""
    tokens = [manager.login(subject).access_token for subject in SUBJECTS]
    fill(disk)
    with pytest.raises(StoreFull):
        use_up(lambda number: manager.login(f"new-{number}", data={"note": "x" * 3000}))
    for token in tokens:
        assert manager.check(token)
        assert manager.logout(token).count == 1
        with pytest.raises(AuthError):
            manager.check(token)
        fill(disk)


def test_a_ban_is_never_lost(manager, disk):
    """Neither a ban in force nor its mark is deleted to sign somebody out; what could not be written is 503."""
    manager.ban("ada", until=manager.clock() + 3600)
    fill(disk)
    with pytest.raises(StoreFull):
        use_up(lambda number: manager.ban(f"new-{number}", until=manager.clock() + 3600, reason="x" * 200))
    assert manager.ban_of("ada")
    with pytest.raises(StoreFull):
        manager.revoke_all("ada")
    assert manager.ban_of("ada")
    assert manager.not_before_of("ada")


def test_logins_come_back_with_the_room(manager, disk):
    """Once there is room again, logins work as before; nothing has to be restarted."""
    token = manager.login("ada").access_token
    fill(disk)
    manager.logout(token)
    (disk / "log").unlink()
    manager.store.purge(0.0)
    again = manager.login("ada").access_token
    fill(disk)
    assert manager.logout(again).count == 1


def test_an_app_starts_on_a_full_disk(manager, disk):
    """A restart while the disk is full: who is signed in stays so, and can be signed out, one after the other."""
    tokens = [manager.login(subject).access_token for subject in SUBJECTS[:8]]
    url = manager.url
    manager.close()
    fill(disk)
    again = SessionManager(open_store(url), OpaqueCodec(bytes(32)))
    for token in tokens:
        assert again.check(token)
        assert again.logout(token).count == 1
        with pytest.raises(AuthError):
            again.check(token)
        fill(disk)
    again.close()
