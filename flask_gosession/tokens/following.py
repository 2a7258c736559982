"""A JWT codec whose keys follow a file or a function, and which moves a file on when a new key is due."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask_gosession import at_fork
from flask_gosession.errors import ConfigError
from flask_gosession.tokens.jwt import JWTCodec, UnknownKey
from flask_gosession.tokens.key_schedule import Schedule, moved_on, resolved, scheduled
from flask_gosession.tokens.key_sources import KeyFile, KeyFunction, KeySource, path_of
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.types import Claims, TokenType

log: logging.Logger = logging.getLogger("flask_gosession")

LOOK_EVERY = 1.0
"""Seconds between two checks of the keys; a token with an unknown key causes one at once."""

REST = 60.0
"""Seconds between two checks whether the next key is due."""

FIRST_ALGORITHM = "ES256"
"""The algorithm of the first key in a file that we make, unless the settings name one."""


class FollowingKeys:
    """The current keyring, from a source of entries and a schedule; *clock* returns Unix seconds.

    If anything is wrong with the keys while the app runs, that is logged once, and the known keys stay in use. Raises
    ConfigError if anything is wrong with them at the start.
    """

    def __init__(
        self, source: KeySource, schedule: Schedule, clock: Callable[[], float], *, allow_typed: bool = False
    ) -> None:
        self._source = source
        self._allow_typed = allow_typed
        self._schedule = schedule
        self._clock = clock
        self._entries: Sequence[Mapping[str, Any]] = ()
        self._looked_at = float("-inf")
        self._rests_until = float("-inf")
        self._told: set[str] = set()
        self._renew_lock()
        at_fork.in_child(self._renew_lock)
        now = clock()
        self._entries = source.changed(now) or ()
        self._move_on(now)
        self.keyring: Keyring = self._keyring_of(self._entries, now)

    @property
    def source(self) -> KeySource:
        """Where the entries come from."""
        return self._source

    def look(self, *, urgent: bool = False) -> bool:
        """Check the source if it is time, or *urgent*; return whether the keyring has changed.

        One thread checks at a time; the others use the known keys.
        """
        now = self._clock()
        if not urgent and 0 <= now - self._looked_at < LOOK_EVERY:
            return False
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._looked_at = now
            return self._follow(now, urgent=urgent)
        finally:
            self._lock.release()

    def _follow(self, now: float, *, urgent: bool) -> bool:
        self._attempt(lambda: self._move_on(now))
        before = self.keyring
        self._attempt(lambda: self._read(now, urgent=urgent))
        return self.keyring is not before

    def _read(self, now: float, *, urgent: bool) -> None:
        entries = self._source.changed(now, urgent=urgent)
        found = self._entries if entries is None else entries
        keyring = self._keyring_of(found, now)
        self._entries = found
        if _names(keyring) != _names(self.keyring):
            self.keyring = keyring

    def _attempt(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception as error:  # noqa: BLE001 - a function of the app may raise anything
            self._tell_once(error)

    def _move_on(self, now: float) -> None:
        """Publish the next key, and drop obsolete ones, if the keys are in a file and rotation is on.

        Two processes may do so at once, and the later write wins: no process signs with a lost key, because every
        process reads the file again long before a new key signs.
        """
        if not self._schedule.every or not isinstance(self._source, KeyFile) or now < self._rests_until:
            return
        self._rests_until = now + REST  # even if it fails: a new key may be costly to draw
        if moved_on(self._entries, now, self._schedule) != [dict(entry) for entry in self._entries]:
            self._source.write(moved_on(self._source.read(), now, self._schedule))
            log.info("the keys in %s were moved on", self._source.path)

    def _keyring_of(self, entries: Sequence[Mapping[str, Any]], now: float) -> Keyring:
        return Keyring.from_config(resolved(entries, now), allow_typed=self._allow_typed)

    def _tell_once(self, error: Exception) -> None:
        """Log what is wrong with the keys, only in our own words: other errors might repeat a key."""
        said = " ".join(error.problems) if isinstance(error, ConfigError) else type(error).__name__
        if said not in self._told:
            self._told.add(said)
            log.error("the keys could not be renewed; the known ones stay in use: %s", said)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


class FollowingCodec(JWTCodec):
    """A `JWTCodec` whose keyring is that of *keys*."""

    def __init__(self, keys: FollowingKeys, **options: Any) -> None:
        self._keys = keys
        super().__init__(keys.keyring, **options)

    @property
    def source(self) -> KeySource:
        """Where the keys come from."""
        return self._keys.source

    def current_keyring(self) -> Keyring:
        """Return the keys of this moment."""
        self._renew()
        return self.keyring

    def encode(self, claims: Claims) -> str:
        """Return the token, signed by the currently active key."""
        self._renew()
        return super().encode(claims)

    def decode(
        self, token: str, expected: TokenType, now: float, *, allow_expired: bool = False, allow_early: bool = False
    ) -> Claims:
        """Verify *token* by the keys of this moment, and return its claims."""
        self._renew()
        waived = {"allow_expired": allow_expired, "allow_early": allow_early}
        try:
            return super().decode(token, expected, now, **waived)
        except UnknownKey:
            if not self._renew(urgent=True):
                raise
            return super().decode(token, expected, now, **waived)

    def _renew(self, *, urgent: bool = False) -> bool:
        if not self._keys.look(urgent=urgent):
            return False
        self.use(self._keys.keyring)
        return True


def follow(
    target: Any,
    schedule: Schedule,
    clock: Callable[[], float],
    *,
    algorithm: str | None = None,
    allow_typed: bool = False,
) -> FollowingKeys:
    """Return the keys of *target*, a file or a function; with rotation, a missing file is made.

    With *allow_typed*, for tests, a secret may be one that a person has made up. Raises ConfigError.
    """
    path = path_of(target)
    if path is None:
        return FollowingKeys(KeyFunction(target), schedule, clock, allow_typed=allow_typed)
    file = KeyFile(path)
    if schedule.every and not file.path.exists():
        file.create([scheduled(algorithm or FIRST_ALGORITHM, clock(), math.floor(clock()))])
    return FollowingKeys(file, schedule, clock, allow_typed=allow_typed)


def _names(keyring: Keyring) -> list[tuple[str, str]]:
    return [(key.kid, key.status) for key in keyring.keys]
