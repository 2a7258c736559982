"""Folders and database files that others may touch, and disks without room."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cli.shop import make_shop

from doctor.conftest import Examine, severities
from flask_gosession.findings import Finding
from flask_gosession.stores.disk import HARDLY_ANY, LITTLE, space_finding
from flask_gosession.stores.file.diagnosis import file_system_of
from flask_gosession.testing.clock import FakeClock


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """Return a folder that every user of the machine may enter, as a careless set-up has it."""
    for each in (tmp_path, *tmp_path.parents):
        if each.stat().st_uid == os.geteuid() and not each.stat().st_mode & 0o011 and each != Path("/"):
            each.chmod(each.stat().st_mode | 0o011)
    return tmp_path


def doctor(store: str, clock: FakeClock, *, spoil=lambda: None) -> dict[str, Finding]:
    """Set an app up, spoil something, and ask doctor."""
    shop = make_shop(store, clock, testing=False)
    shop.manager.login("ada")
    spoil()
    with shop.app.app_context():
        found = {one.check: one for one in reversed(shop.gosession.doctor())}
    shop.manager.close()
    return found


def test_a_private_folder_is_well(examine: Examine, tmp_path: Path):
    """The folder that the store makes itself has nothing wrong."""
    found = examine(f"file://{tmp_path}/sessions")
    assert severities(found) == {}
    assert {"file.permissions", "file.disk"} <= found.keys()


@pytest.mark.parametrize(("mode", "severity"), [(0o777, "error"), (0o755, "warning"), (0o700, "ok")])
def test_a_folder_that_others_may_touch_is_found(open_path: Path, clock: FakeClock, mode: int, severity: str):
    """A world-writable session folder is an error, one that others may read a warning."""
    folder = open_path / "sessions"
    finding = doctor(f"file://{folder}", clock, spoil=lambda: folder.chmod(mode))["file.permissions"]
    assert finding.severity == severity
    if severity != "ok":
        assert finding.fix == f"chmod 700 {folder}"


def test_a_folder_inside_a_private_one_is_safe(tmp_path: Path, clock: FakeClock):
    """Nobody reaches a folder whose parent is closed to them."""
    parent = tmp_path / "private"
    parent.mkdir(mode=0o700)
    folder = parent / "sessions"
    assert doctor(f"file://{folder}", clock, spoil=lambda: folder.chmod(0o777))["file.permissions"].severity == "ok"


def test_links_in_the_folder_are_found(tmp_path: Path, clock: FakeClock):
    """A link that somebody planted is a warning."""
    folder = tmp_path / "sessions"
    found = doctor(f"file://{folder}", clock, spoil=lambda: (folder / "odd").symlink_to("/etc/passwd"))
    assert found["file.exposed"].severity == "warning"


def test_a_folder_that_is_gone_is_found(tmp_path: Path, clock: FakeClock):
    """A folder that was removed under a running app is an error, not a traceback."""
    folder = tmp_path / "sessions"
    found = doctor(f"file://{folder}", clock, spoil=lambda: folder.rename(tmp_path / "elsewhere"))
    assert found["store.reachable"].severity == "error"


def test_a_database_file_that_others_may_touch_is_found(open_path: Path, clock: FakeClock):
    """An SQLite file that others may write is an error."""
    path = open_path / "sessions.db"
    found = doctor(f"sqlite:///{path}?timeout=5", clock, spoil=lambda: path.chmod(0o666))
    assert found["sql.permissions"].severity == "error"
    assert "0666" in found["sql.permissions"].what


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 60 MB, which is neither the machine's nor named as a plain path is."""
    folder = tmp_path / "a small disk"
    folder.mkdir()
    options = ("-t", "tmpfs", "-o", "size=60m,mode=0700", "tmpfs", str(folder))
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", *options], capture_output=True, check=False).returncode
    ):
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("store", ["file://{}/sessions", "sqlite:///{}/sessions.db?timeout=5"])
def test_a_disk_that_is_filled_is_found(small_disk: Path, clock: FakeClock, store: str):
    """A small disk is a warning while there is room, and an error when something has filled it."""
    kind = "file" if store.startswith("file") else "sql"
    url = store.format(quote(str(small_disk)) if kind == "file" else small_disk)
    assert doctor(url, clock)[f"{kind}.disk"].severity == "warning"
    found = doctor(url, clock, spoil=lambda: (small_disk / "log").write_bytes(bytes(30_000_000)))
    assert found[f"{kind}.disk"].severity == "error"


def test_a_file_system_is_found_by_any_name(small_disk: Path):
    """The kernel writes a blank in the name of a folder in another way."""
    assert file_system_of(small_disk / "sessions") == "tmpfs"


@pytest.mark.parametrize(("free", "severity"), [(LITTLE, "ok"), (LITTLE - 1, "warning"), (HARDLY_ANY - 1, "error")])
def test_a_disk_without_room_is_found(free: int, severity: str):
    """Little room is a warning, hardly any an error."""
    assert space_finding("file", free).severity == severity


def test_a_network_file_system_is_recognised(tmp_path: Path):
    """The kind of file system is that of the mount that is nearest above."""
    mounts = f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path.resolve()} nfs4 rw 0 0\n"
    assert file_system_of(tmp_path / "sessions", mounts) == "nfs4"
    assert file_system_of(Path("/somewhere"), mounts) == "ext4"


@pytest.mark.parametrize(
    ("mode", "severity"), [(0o666, "error"), (0o604, "warning"), (0o640, "warning"), (0o600, "ok")]
)
def test_a_file_of_keys_that_others_may_touch_is_found(tmp_path: Path, clock: FakeClock, mode: int, severity: str):
    """Keys that others may write are an error, those that others may read a warning."""
    path = tmp_path / "keys.json"
    shop = make_shop("memory://", clock, KEYS=path, KEY_ROTATION="90d")
    path.chmod(mode)
    with shop.app.app_context():
        found = {one.check: one for one in shop.gosession.doctor()}
    assert (found["keys.file"].severity if "keys.file" in found else "ok") == severity
    if severity != "ok":
        assert found["keys.file"].fix == f"chmod 600 {path}"
