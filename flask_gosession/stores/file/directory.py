"""A private directory whose files appear whole or not at all: temporary file, fsync, rename, fsync."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from flask_gosession.deadline import let_others_go_on
from flask_gosession.errors import ConfigError
from flask_gosession.keyed_lock import KeyedLock

STRIPES = 64
LOCK_SUFFIX = ".lock"
TEMPORARY_PREFIX = ".new-"
LAST_MTIME = 2.0**32
"""The latest time that every common file system can keep."""
STRETCH = 0.002
"""Seconds of looks at files after which the other greenlets of a process get their turn."""
_DESCRIPTORS = Path("/proc/self/fd")
"""Where Linux shows what is behind each descriptor."""
_NOT_A_FILE = (errno.ELOOP, errno.EMLINK, errno.ENXIO)
"""The errors of opening a symbolic link (Linux, FreeBSD) and a socket."""


class Opened:
    """The directory behind a descriptor: it cannot be exchanged for another one while it is used."""

    def __init__(self, fd: int, path: Path, turns: KeyedLock, timeout: float) -> None:
        self._fd = fd
        # FileLock creates a missing folder, readable by all. The folder may just have been taken from its path, so the
        # lock gets the path of the descriptor.
        self._path = _DESCRIPTORS / str(fd) if _DESCRIPTORS.is_dir() else path
        self._turns = turns
        self._timeout = timeout

    def read(self, name: str) -> bytes | None:
        """Return the content of a regular file, or None when there is no such file. Raises OSError.

        A symbolic link is never followed. Anything but a regular file reads as a few of its attributes, which no writer
        of ours can have produced.
        """
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in _NOT_A_FILE:
                raise
            return _attributes(os.stat(name, dir_fd=self._fd, follow_symlinks=False))
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                return _attributes(found)
            return _whole(fd, found.st_size)
        finally:
            os.close(fd)

    def write_aside(self, content: bytes, mtime: float) -> str:
        """Write a new file that is safe on disk, with *mtime* as its modification time; return its temporary name."""
        name = TEMPORARY_PREFIX + secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, 0o600, dir_fd=self._fd)
        try:
            with open(fd, "wb") as file:  # noqa: PTH123 - there is only a descriptor
                file.write(content)
                file.flush()
                os.utime(fd, (mtime, mtime))
                os.fsync(fd)
        except BaseException:
            self.remove_if_there(name)
            raise
        return name

    def rename(self, old: str, new: str) -> None:
        """Give a file its name, replacing any file that had it."""
        os.replace(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(name, dir_fd=self._fd)

    def remove_if_there(self, name: str) -> None:
        """Remove a file if possible."""
        with suppress(OSError):
            self.remove(name)

    def sync(self) -> None:
        """Wait until renamed and removed names are safe on disk."""
        os.fsync(self._fd)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock, shared by a 64th of all names, against threads and processes. Raises OSError.

        The threads of a process queue for their turn, so only one of them has to poll for the file.
        """
        stripe = stripe_of(name)
        lock = FileLock(self._path / f"{stripe:02x}{LOCK_SUFFIX}", mode=0o600)
        deadline = time.monotonic() + self._timeout
        with self._turns.hold(stripe, self._timeout) as ours:
            if not ours:
                raise TimeoutError
            left = max(deadline - time.monotonic(), 0.0)
            with lock.acquire(timeout=left, poll_interval=0.002):
                yield

    def names(self) -> Iterator[tuple[str, float]]:
        """Iterate over the files that are not locks, with their modification times, in no order.

        A temporary file has the time when it was written: its own mtime is the end of its record.
        """
        turn = 0.0
        with os.scandir(self._fd) as entries:
            for entry in entries:
                if time.monotonic() >= turn:
                    let_others_go_on()
                    turn = time.monotonic() + STRETCH
                if entry.name.endswith(LOCK_SUFFIX):
                    continue
                with suppress(FileNotFoundError):
                    found = os.stat(entry.name, dir_fd=self._fd, follow_symlinks=False)
                    is_temporary = entry.name.startswith(TEMPORARY_PREFIX)
                    yield entry.name, found.st_ctime if is_temporary else found.st_mtime


class Directory:
    """A directory of our own, made with mode 0700 if it is missing."""

    def __init__(self, path: str, *, timeout: float) -> None:
        """Wait at most *timeout* seconds for a lock. Raises ConfigError if the directory cannot be made ours alone."""
        if os.open not in os.supports_dir_fd or not hasattr(os, "O_NOFOLLOW"):
            raise ConfigError("The file store needs a POSIX system; use sqlite:/// here.")
        self.path: Path = Path(path)
        self._timeout = timeout
        self._turns = KeyedLock()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.opened_fd() as fd:
                _refuse_shared(os.fstat(fd))
        except OSError as error:
            raise ConfigError(f"The directory of the file store cannot be used: {error.strerror}.") from error

    @contextmanager
    def opened_fd(self) -> Iterator[int]:
        """Hold a descriptor of the directory itself, never of a link's target. Raises OSError."""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        """Hold the directory open. Raises OSError, even if it is gone: a missing directory is not an empty one."""
        with self.opened_fd() as fd:
            yield Opened(fd, self.path, self._turns, self._timeout)


def stripe_of(name: str) -> int:
    """Return the number of the lock of a file: it starts with hexadecimal digits."""
    return int(name[:8], 16) % STRIPES


def _whole(fd: int, size: int) -> bytes:
    """Return the content of a file of *size* bytes, which no writer of ours ever changes: one call to the system."""
    content = os.read(fd, size)
    while len(content) < size and (more := os.read(fd, size - len(content))):
        content += more
    return content


def _attributes(found: os.stat_result) -> bytes:
    return repr((found.st_mode, found.st_ino, found.st_mtime_ns)).encode("ascii")


def _refuse_shared(found: os.stat_result) -> None:
    if found.st_mode & 0o077 or found.st_uid != os.geteuid():
        raise ConfigError(
            "The directory of the file store must belong to this user alone (mode 0700); "
            "name one that does not exist yet, and it is made so."
        )
