"""Findings about a store's files: the room left on their disk, and the users who may read or write them.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from flask_gosession.findings import Finding, ok

LITTLE = 1_000_000_000
HARDLY_ANY = 50_000_000
"""Bytes: a disk with less left causes a warning, and an error."""


def space(name: str, path: Path) -> Finding:
    """Return the finding about the disk that holds *path*; *name* is the store's. Raises OSError."""
    return space_finding(name, shutil.disk_usage(path).free)


def space_finding(name: str, free: int) -> Finding:
    """Return the finding about *free* bytes."""
    check, what = f"{name}.disk", f"The disk has {free / 1e6:,.0f} MB left."
    if free >= LITTLE:
        return ok(check, what)
    why = "On a full disk nobody can sign in or refresh."
    severity = "error" if free < HARDLY_ANY else "warning"
    return Finding(check, severity, what, why, "Make room, or move the store to another disk.")  # type: ignore[arg-type]  # two of its words


def exposed_paths(name: str, paths: Iterator[Path], *, fix: str) -> Iterator[Finding]:
    """Yield a finding for each of *paths* that other users of this machine may write or read. Raises OSError.

    A file in a folder that no other user may enter is safe, whatever its own mode.
    """
    for path in paths:
        if any(not parent.stat().st_mode & 0o011 for parent in path.resolve().parents):
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o022:
            yield Finding(
                f"{name}.permissions",
                "error",
                f"Other users of this machine may write to {path} (mode {mode:04o}).",
                "They can sign in as anybody, or sign everybody out.",
                fix,
            )
        elif mode & 0o044:
            yield Finding(
                f"{name}.permissions",
                "warning",
                f"Other users of this machine may read {path} (mode {mode:04o}).",
                "They can see who is signed in, from where, and the data of the sessions, but no tokens.",
                fix,
            )
