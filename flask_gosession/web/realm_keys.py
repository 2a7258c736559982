"""The keys of a realm: for signing and verifying its tokens, and for making its CSRF values."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask

from flask_gosession import tokens
from flask_gosession.config import PREFIX, Config
from flask_gosession.errors import ConfigError
from flask_gosession.tokens.derive import DerivedKeys
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.key_schedule import Schedule, resolved
from flask_gosession.tokens.key_sources import path_of
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.types import Codec

log: logging.Logger = logging.getLogger("flask_gosession")

MARGIN = 60.0
"""Seconds that a retired key stays on top of what tokens and clocks need: a process may still sign with it."""


class RealmKeys:
    """The keys of a realm: from ``KEYS`` if they are given, and derived from ``SECRET_KEY`` for everything else."""

    def __init__(self, app: Flask, config: Config, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._testing = app.testing
        self._following: tokens.FollowingKeys | None = None
        self.problems: list[str] = []
        self._derived = self._try(lambda: _derived(app, config))
        self._keyring = self._try(self._make_keyring)
        if self._derived is None and not self.problems:
            self.problems += _missing_secret(config)
        if self._keyring is not None:
            self.problems += _algorithm_problems(self._keyring, config.algorithm)
            _warn_of_shared_secret(self._keyring, app)
        self.csrf: Sequence[bytes] = self._derived.derive_all("csrf") if self._derived else (os.urandom(32),)

    def codec(self) -> Codec:
        """Return the codec of the token mode."""
        config = self._config
        if config.token_mode == "opaque" and self._derived is not None:  # noqa: S105 - a mode, not a password
            key, *older = self._derived.derive_all("opaque")
            return tokens.OpaqueCodec(key, older_keys=older, realm=config.realm, max_bytes=config.token_max_bytes)
        assert self._keyring is not None  # noqa: S101 - its absence is among the problems
        options: dict[str, Any] = {
            "issuer": config.issuer,
            "audience": config.audience or config.realm,
            "leeway": config.leeway,
            "longest_lifetime": config.policy.longest_lifetime,
            "max_bytes": config.token_max_bytes,
            "cache_size": config.token_cache,
        }
        if self._following is not None:
            return tokens.FollowingCodec(self._following, **options)
        return JWTCodec(self._keyring, **options)

    def _make_keyring(self) -> Keyring | None:
        config, given = self._config, self._config.keys
        if given is None:
            return Keyring.from_derived(self._derived) if self._derived else None
        if isinstance(given, (list, tuple)):
            return Keyring.from_config(resolved(given, self._clock()), allow_typed=self._testing)
        if path_of(given) is None and not callable(given):
            raise ConfigError(
                f"{PREFIX}KEYS is a list of keys, each a dict with kid, alg, status and the key; or a file (file://…) "
                "with such a list, or a function that returns one."
            )
        self._following = tokens.follow(
            given, schedule_of(config), self._clock, algorithm=config.algorithm, allow_typed=self._testing
        )
        return self._following.keyring

    def _try(self, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except ConfigError as error:
            self.problems += error.problems
            return None


def _derived(app: Flask, config: Config) -> DerivedKeys | None:
    secret, fallbacks = app.secret_key, app.config.get("SECRET_KEY_FALLBACKS") or ()
    if secret is None or secret == "":
        return None
    if isinstance(fallbacks, (str, bytes)):
        raise ConfigError("SECRET_KEY_FALLBACKS is a list of secrets, not one secret.")
    for each in (secret, *fallbacks):
        if not isinstance(each, (str, bytes)):
            raise ConfigError(
                f"SECRET_KEY is {type(each).__name__}, not text: an environment variable made of digits is read as a "
                'number; use a longer random text, as `python -c "import secrets; print(secrets.token_hex(32))"` makes.'
            )
    return DerivedKeys(secret, fallbacks, realm=config.realm, allow_short=app.testing)


def _missing_secret(config: Config) -> list[str]:
    advice = 'Make one with `python -c "import secrets; print(secrets.token_hex(32))"`.'
    if config.keys is None:
        return [f"SECRET_KEY is not set, and neither is {PREFIX}KEYS. {advice}"]
    needs = {"cookie": "cookie" in config.token_locations, "opaque": config.token_mode == "opaque"}  # noqa: S105
    return [
        f"SECRET_KEY is not set, and {what} tokens need keys derived from it. {advice}"
        for what, needed in needs.items()
        if needed
    ]


def _algorithm_problems(keyring: Keyring, algorithm: str | None) -> list[str]:
    return [
        f"{PREFIX}KEYS has the key {key.kid!r} of {key.alg}, and {PREFIX}ALGORITHM allows only {algorithm}."
        for key in keyring.keys
        if algorithm is not None and key.alg != algorithm
    ]


def _warn_of_shared_secret(keyring: Keyring, app: Flask) -> None:
    secret = app.secret_key.encode("utf-8", "surrogatepass") if isinstance(app.secret_key, str) else app.secret_key
    for key in keyring.keys:
        if key.symmetric and key.verifying == secret:
            log.warning(
                "the secret of the key %r in %sKEYS is the SECRET_KEY: anybody who can verify tokens can also sign "
                "Flask's own cookies. Draw a secret of its own.",
                key.kid,
                PREFIX,
            )


def schedule_of(config: Config) -> Schedule:
    """Return the times at which a realm's keys succeed one another."""
    kept = config.policy.longest_lifetime + 2 * config.leeway + MARGIN
    return Schedule(config.key_rotation, config.key_publish_ahead, kept)
