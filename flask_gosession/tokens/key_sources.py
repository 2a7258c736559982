"""Where the entries of ``KEYS`` come from while the app runs: a file that is read when it changes, or a function."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Protocol

from flask_gosession.errors import ConfigError

Entry = Mapping[str, Any]

ASK_EVERY, ASK_URGENTLY_EVERY = 30.0, 5.0
"""Seconds between two calls of a function; the second number is for tokens whose key is not known."""


def path_of(target: object) -> Path | None:
    """Return the path of the file that a setting names: a path, or text that begins with ``file://``.

    Other text could be a secret in the wrong place, and is never taken for a file name.
    """
    if isinstance(target, str) and target.startswith("file://"):
        return Path(target.removeprefix("file://")).expanduser()
    return Path(target).expanduser() if isinstance(target, os.PathLike) else None


class KeySource(Protocol):
    """Entries that may change."""

    def changed(self, now: float, *, urgent: bool = False) -> Sequence[Entry] | None:
        """Return the entries if they may have changed, or None. Raises ConfigError."""
        ...


class KeyFile:
    """A JSON file with a list of entries; read when its stamp has changed, and replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: object = None

    def changed(self, now: float, *, urgent: bool = False) -> list[dict[str, Any]] | None:  # noqa: ARG002 - part of the interface
        """Return the entries if the file has changed. Raises ConfigError if it cannot be read."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise ConfigError(f"The keys in {self.path} cannot be read: {error.strerror}.") from error
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp == self._stamp:
            return None
        entries = self.read()
        self._stamp = stamp
        return entries

    def read(self) -> list[dict[str, Any]]:
        """Return the entries. Raises ConfigError, which repeats nothing from the file."""
        try:
            entries = json.loads(self.path.read_bytes())
        except OSError as error:
            raise ConfigError(f"The keys in {self.path} cannot be read: {error.strerror}.") from error
        except ValueError:
            raise ConfigError(f"The keys in {self.path} are not JSON.") from None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ConfigError(f"The keys in {self.path} are not a list of keys, each an object.")
        return entries

    def write(self, entries: Sequence[Entry]) -> None:
        """Replace the content by *entries*, readable only by the owner. Raises ConfigError."""
        self._put(entries, lambda draft: Path(draft).replace(self.path))

    def create(self, entries: Sequence[Entry]) -> None:
        """Write *entries* unless the file exists: the first of several processes wins. Raises ConfigError."""

        def link(draft: str) -> None:
            with suppress(FileExistsError):
                os.link(draft, self.path)

        self._put(entries, link)

    def _put(self, entries: Sequence[Entry], place: Callable[[str], object]) -> None:
        try:
            self._put_whole(json.dumps(list(entries), indent=2) + "\n", place)
        except OSError as error:
            raise ConfigError(f"The keys in {self.path} cannot be written: {error.strerror}.") from error

    def _put_whole(self, text: str, place: Callable[[str], object]) -> None:
        """Write the text under another name first: no process reads half of it."""
        with NamedTemporaryFile("w", dir=self.path.parent, prefix=f".{self.path.name}-", delete=False) as draft:
            try:
                draft.write(text)
                draft.flush()
                os.fsync(draft.fileno())
                place(draft.name)
            finally:
                Path(draft.name).unlink(missing_ok=True)


class KeyFunction:
    """A function of the app that returns the entries, such as from a vault: called now and then."""

    def __init__(self, function: Callable[[], Sequence[Entry]]) -> None:
        self._function = function
        self._asked_at = float("-inf")

    def changed(self, now: float, *, urgent: bool = False) -> list[dict[str, Any]] | None:
        """Return what the function returns, or None if it was called just now. Raises ConfigError unless it is one."""
        if 0 <= now - self._asked_at < (ASK_URGENTLY_EVERY if urgent else ASK_EVERY):
            return None
        self._asked_at = now
        entries = self._function()
        if not isinstance(entries, (list, tuple)):
            raise ConfigError("The function in GOSESSION_KEYS does not return a list of keys.")
        return [dict(entry) for entry in entries]
