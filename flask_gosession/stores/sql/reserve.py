"""Disk space reserved for deletions in an SQLite database: they are first written, too, to the write-ahead log."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

SIZE = 512 * 1024
STEP = 128 * 1024
CHECKPOINT_PAGES = 100
"""After so many pages in the log they go to the database: with pages of 4 KiB the reserve is enough for all of them."""


class Reserve:
    """A file of 512 KiB next to an SQLite database, given up bit by bit; none for a database given by a URI."""

    def __init__(self, url: sa.URL) -> None:
        path = url.database or ""
        is_file = url.get_backend_name() == "sqlite" and path and not path.startswith("file:")
        self._path = Path(f"{path}-reserve") if is_file else None

    def fill(self) -> None:
        """Reserve as much room as there is."""
        if self._path is None:
            return
        with suppress(OSError), self._path.open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(bytes(max(SIZE - file.tell(), 0)))

    def release(self) -> bool:
        """Give part of the room back; return whether any was left."""
        with suppress(OSError):
            size = self._path.stat().st_size if self._path else 0
            if self._path and size:
                os.truncate(self._path, max(size - STEP, 0))
                return True
        return False
