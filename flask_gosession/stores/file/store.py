"""Records as files, one per subject: durable, and shared by the processes of one machine without a server."""

from __future__ import annotations

import errno
import hashlib
import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby, islice
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from flask_gosession.deadline import let_others_go_on
from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.findings import Finding
from flask_gosession.stores.base import Record, StoreBusy, StoreFull, Swap
from flask_gosession.stores.file.diagnosis import diagnose
from flask_gosession.stores.file.directory import LAST_MTIME, TEMPORARY_PREFIX, Directory, Opened, stripe_of
from flask_gosession.stores.file.envelope import Envelope, seal, unseal

LOCK_TIMEOUT = 0.25
LEFTOVER_AGE = 86_400.0
"""Seconds after which a damaged file, or a temporary one of a process that died, is purged."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE)
_NAME = re.compile("[0-9a-f]{64}")
TOGETHER = 4096
"""How many files a purge looks at before it deletes: about sixty-four for each lock, which takes longer than a file."""
HELD = 0.004
"""Seconds after which a purge gives a lock to others, and takes it again for the files that are left."""


class _Past(NamedTuple):
    """A file whose modification time is over."""

    name: str
    mtime: float


class FileStore:
    """Each record is a file of mode 0600 in a directory of mode 0700, named by the SHA-256 of prefix and subject.

    A file appears whole or not at all, and is on disk when `swap` returns. Its modification time is the end of its
    record, so `purge` opens only files that may have ended. Reads take no lock. Not for a network file system.
    """

    shared = True

    def __init__(self, path: str, *, key_prefix: str = "gosession", timeout: float = LOCK_TIMEOUT) -> None:
        """Use the directory *path*, and wait at most *timeout* seconds for a lock. Raises ConfigError."""
        self._prefix = key_prefix
        self._directory = Directory(path, timeout=timeout)

    @classmethod
    def from_url(cls, url: str, *, key_prefix: str = "gosession", wait_replicas: int = 0) -> FileStore:
        """Open ``file:///absolute/path``, or ``…?timeout=SECONDS`` to wait longer for a lock. Raises ConfigError."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        timeout = _seconds(query.pop("timeout", str(LOCK_TIMEOUT)))
        if parts.netloc or query or parts.fragment or not parts.path.startswith("/") or not parts.path.strip("/"):
            raise ConfigError(
                'A file store is opened by an absolute path and nothing else: "file:///var/lib/app/sessions".'
            )
        if wait_replicas:
            raise ConfigError("WAIT_REPLICAS must be 0 with a file store: it has no replicas.")
        return cls(unquote(parts.path), key_prefix=key_prefix, timeout=timeout)

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*; a damaged file reads as an empty value with an etag to replace it by."""
        with self._directory_at_hand() as directory:
            return self._record(directory, self._name(subject), subject)

    def swap(
        self,
        subject: str,
        etag: bytes | None,
        new: Record | None,
        expires_at: float,
        *,
        announce: bool = False,  # noqa: ARG002 - nobody listens to files
    ) -> Swap:
        """Put or delete, if no other writer was faster; on disk before it returns. Raises StoreUnavailable.

        The old file stays whole until the new one is; a full disk does no harm.
        """
        name = self._name(subject)
        with self._directory_at_hand() as directory:
            if not self._is_current(directory, name, subject, etag):
                return Swap.LOST
            if new is not None:
                content = seal(subject, new, expires_at)
                return self._commit(directory, subject, etag, lambda: _put(directory, name, content, expires_at))
            if etag is not None:
                return self._commit(directory, subject, etag, lambda: directory.remove(name))
        return Swap.DONE

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects that have an undamaged file under this prefix."""
        with self._directory_at_hand() as directory:
            for name, _mtime in directory.names():
                envelope = self._envelope(directory, name)
                if envelope is not None:
                    yield envelope.header.subject

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete at most *limit* files that ended before *now*, and leftovers of dead processes; count the records."""
        purged = 0
        with self._directory_at_hand() as directory:
            past = self._past(directory, now)
            while purged < limit and (some := list(islice(past, min(TOGETHER, limit - purged)))):
                for _, files in groupby(sorted(some, key=_stripe), key=_stripe):
                    purged += self._purge_stripe(directory, deque(files), now)
        return purged

    def count_ended(self, now: float) -> int:
        """Return how many files ended before *now*, by their modification time."""
        with self._directory_at_hand() as directory:
            return sum(mtime < now and bool(_NAME.fullmatch(name)) for name, mtime in directory.names())

    def locate(self, subject: str) -> str:
        """Return the path of the file of *subject*."""
        return f"file {self._directory.path / self._name(subject)}"

    def diagnose(self, now: float, tolerance: float) -> Iterator[Finding]:  # noqa: ARG002 - the clock is this host's
        """Look at the directory: its modes, its contents, the room on its disk."""
        return diagnose(self._directory.path)

    def ping(self) -> None:
        """Return when the directory is there; raise StoreUnavailable otherwise."""
        with self._directory_at_hand():
            return

    def close(self) -> None:
        """Do nothing: between calls no file is open."""

    @contextmanager
    def _directory_at_hand(self) -> Iterator[Opened]:
        try:
            with self._directory.opened() as directory:
                yield directory
        except OSError as error:
            raise _kind(error) from error

    def _name(self, subject: str) -> str:
        return hashlib.sha256(msgspec.json.encode((self._prefix, subject))).hexdigest()

    def _record(self, directory: Opened, name: str, subject: str) -> Record | None:
        content = directory.read(name)
        if content is None:
            return None
        envelope = unseal(content)
        if envelope is None or envelope.header.subject != subject:
            return Record(b"", hashlib.sha256(content).digest()[:8])
        return envelope.record

    def _is_current(self, directory: Opened, name: str, subject: str, etag: bytes | None) -> bool:
        record = self._record(directory, name, subject)
        return etag == (None if record is None else record.etag)

    def _commit(self, directory: Opened, subject: str, etag: bytes | None, change: Callable[[], None]) -> Swap:
        name = self._name(subject)
        try:
            with directory.locked(name):
                if not self._is_current(directory, name, subject, etag):
                    return Swap.LOST
                change()
        except TimeoutError:
            # A writer that times out behind others of the same record loses the swap; the store is well.
            if self._is_current(directory, name, subject, etag):
                raise
            return Swap.LOST
        directory.sync()
        return Swap.DONE

    def _envelope(self, directory: Opened, name: str) -> Envelope | None:
        """Return what an undamaged file of this prefix holds."""
        envelope = unseal(directory.read(name) or b"")
        return envelope if envelope is not None and self._name(envelope.header.subject) == name else None

    def _past(self, directory: Opened, now: float) -> Iterator[_Past]:
        """Yield the files of records that may have ended, and remove what dead processes have left on the way."""
        for name, mtime in directory.names():
            if name.startswith(TEMPORARY_PREFIX):
                if mtime < now - LEFTOVER_AGE:
                    directory.remove_if_there(name)
            elif mtime < now and _NAME.fullmatch(name):
                yield _Past(name, mtime)

    def _purge_stripe(self, directory: Opened, files: deque[_Past], now: float) -> int:
        """Delete those of *files*, which share a lock, that have ended; return how many."""
        purged = 0
        while files:
            with directory.locked(files[0].name):
                purged += self._purge_some(directory, files, now)
            let_others_go_on()
        return purged

    def _purge_some(self, directory: Opened, files: deque[_Past], now: float) -> int:
        """Delete those that have ended of the first *files*, until their lock was held long enough; return how many."""
        released, purged = time.monotonic() + HELD, 0
        while True:
            name, mtime = files.popleft()
            if self._has_ended(directory, name, mtime, now):
                directory.remove(name)
                purged += 1
            if not files or time.monotonic() >= released:
                return purged

    def _has_ended(self, directory: Opened, name: str, mtime: float, now: float) -> bool:
        content = directory.read(name)
        if content is None:
            return False
        envelope = unseal(content)
        if envelope is None:
            return mtime < now - LEFTOVER_AGE
        return envelope.header.expires_at < now and self._name(envelope.header.subject) == name


def _stripe(file: _Past) -> int:
    return stripe_of(file.name)


def _kind(error: OSError) -> type[StoreUnavailable]:
    if error.errno in _FULL:
        return StoreFull
    return StoreBusy if error.errno in _OUT_OF_FILES or isinstance(error, TimeoutError) else StoreUnavailable


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.0 < seconds < math.inf:
        raise ConfigError("timeout of the file store is a number of seconds above 0.")
    return seconds


def _put(directory: Opened, name: str, content: bytes, expires_at: float) -> None:
    aside = directory.write_aside(content, min(max(expires_at, 0.0), LAST_MTIME))
    try:
        directory.rename(aside, name)
    except BaseException:
        directory.remove_if_there(aside)
        raise
