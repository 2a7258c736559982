"""The secret of an app that was given none: made once, and kept for every worker and the next start."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile


def kept_secret(folder: Path) -> str:
    """Return the secret in *folder*, readable by its owner alone; the first of several workers makes it."""
    path = folder / "secret_key"
    if not path.exists():
        _make(path)
    return path.read_text()


def _make(path: Path) -> None:
    # Written whole under another name and then linked: nobody reads half a secret, and only one is first.
    with NamedTemporaryFile("w", dir=path.parent, prefix=".secret-") as draft:
        draft.write(secrets.token_hex(32))
        draft.flush()
        os.fsync(draft.fileno())
        with suppress(FileExistsError):
            os.link(draft.name, path)
