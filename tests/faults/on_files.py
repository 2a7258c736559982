"""What is done to a folder of files, and to the disk below it."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from small_disk import fill, remount

from .runs import Scene


def _records(folder: Path) -> list[Path]:
    """Return the files with something in them, but for those that are being written."""
    found = [one for one in folder.rglob("*") if not one.name.startswith(".")]
    return [one for one in found if one.is_file() and one.stat().st_size]


@contextmanager
def truncated(scene: Scene) -> Iterator[None]:
    """Cut every other file of the folder in half."""
    for path in _records(Path(scene.stage.server))[::2]:
        with suppress(FileNotFoundError):
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
    yield


@contextmanager
def folder_gone(scene: Scene) -> Iterator[None]:
    """Move the folder away, and back again."""
    away = Path(scene.stage.server).with_name("away")
    shutil.move(scene.stage.server, away)
    yield
    shutil.rmtree(scene.stage.server, ignore_errors=True)
    shutil.move(away, scene.stage.server)


@contextmanager
def linked(scene: Scene) -> Iterator[None]:
    """Put links in the place of every other record, each to the whole record of somebody else; then take them away."""
    folder = Path(scene.stage.server)
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir()
    files = _records(folder)
    links = dict(zip(files[::2], files[1::2], strict=False))
    for path, other in links.items():
        with suppress(FileNotFoundError, FileExistsError):  # the app goes on meanwhile
            shutil.copy(other, elsewhere / other.name)
            path.unlink()
            path.symlink_to(elsewhere / other.name)
    yield
    for path in links:
        if path.is_symlink():  # nobody has written there since
            path.unlink()


@contextmanager
def full(scene: Scene) -> Iterator[None]:
    """Fill the disk, and make room again."""
    filling = fill(scene.stage.server)
    yield
    filling.unlink()


@contextmanager
def read_only(scene: Scene) -> Iterator[None]:
    """Make the disk read-only, as the system does after an error."""
    remount(scene.stage.server, "ro")
    yield
    remount(scene.stage.server, "rw")


@contextmanager
def without_descriptors(scene: Scene) -> Iterator[None]:
    """Let the workers open hardly a file more than they have open."""
    former = {}
    for pid in scene.site.workers():
        former[pid] = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        highest = max(int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 3, former[pid][1]))
    yield
    for pid, limits in former.items():
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
