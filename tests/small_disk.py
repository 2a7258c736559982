"""A small file system of its own, for tests of a disk that is full or read-only; only root can mount one."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

WITHOUT = "a small tmpfs cannot be mounted here; run as root to fill a real disk"


def can_mount() -> bool:
    """Return whether a file system can be mounted here."""
    with tempfile.TemporaryDirectory(prefix="gs-") as name, suppress(pytest.skip.Exception), mounted(Path(name), "64k"):
        return True
    return False


@contextmanager
def mounted(place: Path, size: str) -> Iterator[Path]:
    """Mount a file system of *size* (``2m``) below *place* until the block ends; skip the test where nobody may."""
    disk = place / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(WITHOUT)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def remount(disk: Path, mode: str) -> None:
    """Make a disk read-only (``ro``) or writable again (``rw``), as soon as nobody has a file open for writing."""
    command = ["mount", "-o", f"remount,{mode}", str(disk)]
    end = time.monotonic() + 10
    while subprocess.run(command, capture_output=True, check=False).returncode:
        if time.monotonic() > end:
            raise TimeoutError(f"{disk} could not be remounted as {mode}")


def fill(disk: Path) -> Path:
    """Write until not one byte fits; return the file that takes all the room."""
    with (disk / "log").open("ab", buffering=0) as log:
        for size in (65_536, 4096, 1):
            with suppress(OSError):
                while True:
                    log.write(b"x" * size)
    return disk / "log"
