"""A look at the folder of the file store: its modes, its disk, and anything in it that is not a record."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from flask_gosession.errors import StoreUnavailable
from flask_gosession.findings import Finding, ok
from flask_gosession.stores.disk import exposed_paths, space

NETWORKS = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs")
"""File systems on which neither locks nor renames can be relied upon."""


def diagnose(path: Path) -> Iterator[Finding]:
    """Look at the folder *path*. Raises StoreUnavailable when it cannot be looked at."""
    try:
        yield from _modes(path)
        yield space("file", path)
        yield from _links(path)
        yield from _network(path)
    except OSError as error:
        raise StoreUnavailable from error


def _modes(path: Path) -> Iterator[Finding]:
    found = list(exposed_paths("file", iter([path]), fix=f"chmod 700 {path}"))
    yield from found or [ok("file.permissions", f"Only this user may read and write in {path}.")]


def _links(path: Path) -> Iterator[Finding]:
    odd = [each.name for each in path.iterdir() if not stat.S_ISREG(each.lstat().st_mode)]
    if odd:
        yield Finding(
            "file.exposed",
            "warning",
            f"{len(odd)} entries of {path} are not files, such as {odd[0]!r}.",
            "The store makes only files: something else writes here.",
            f"find {path} ! -type f -ls",
        )


def _network(path: Path) -> Iterator[Finding]:
    kind = file_system_of(path)
    if kind in NETWORKS:
        yield Finding(
            "file.network",
            "error",
            f"{path} is on a network file system ({kind}).",
            "Locks and renames are not reliable there: two simultaneous logins can both win.",
            'GOSESSION_STORE = "redis://…", or a folder on a local disk',
        )


def file_system_of(path: Path, mounts: str | None = None) -> str:
    """Return the kind of file system that *path* is on, as Linux lists them in *mounts*; empty elsewhere."""
    if mounts is None:
        table = Path("/proc/mounts")
        mounts = table.read_text("utf-8", "replace") if table.exists() else ""
    lines = (line.split() for line in mounts.splitlines())
    points = {_unescaped(fields[1]): fields[2] for fields in lines if len(fields) > 2}
    here = path.resolve()
    return next((points[str(each)] for each in (here, *here.parents) if str(each) in points), "")


def _unescaped(name: str) -> str:
    """Return the name of a folder as it is: the kernel lists blanks and backslashes as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), name)
