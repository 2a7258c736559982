"""Puts one realm together for one app: keys, codec, store, manager and transport, from the configuration."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flask import Flask

from flask_gosession import events, signals
from flask_gosession.config import PREFIX, Config
from flask_gosession.context import State, forget_renewal
from flask_gosession.cookies import CookieJar
from flask_gosession.errors import ConfigError
from flask_gosession.manager import SessionManager
from flask_gosession.purging import Purger
from flask_gosession.stores.base import Store
from flask_gosession.stores.breaker import BreakerStore
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.derive import DerivedKeys
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.tokens.types import Codec
from flask_gosession.transport import Extractor, Transport

log = logging.getLogger("flask_gosession")


def assemble(
    app: Flask,
    realm: str,
    *,
    clock: Callable[[], float],
    extractor: Extractor | None,
) -> State:
    """Return the state of one realm. Raises ConfigError with every problem of settings, keys, cookies and store."""
    config, problems = Config.read(app.config, realm)
    keys = _Keys(app, config)
    problems += [*keys.problems, *_cookie_problems(app, config)]
    if not config.token_locations and extractor is None:
        problems.append(f"{PREFIX}TOKEN_LOCATIONS is empty, and there is no extractor: no token could ever come.")
    store = _open_store(config, problems)
    if problems or store is None:
        raise ConfigError(*problems)
    _warn_of_memory(app, config)
    jar = CookieJar(config, secure=_secure(app, config))
    transport = Transport(config, jar, keys.csrf, app.ensure_sync(extractor) if extractor else None)
    manager = SessionManager(store, keys.codec(), config.policy, clock=clock, emit=partial(_tell, app, config.realm))
    return State(app, config, manager, transport, _labeller(), Purger(store, config.purge_interval, clock))


def _tell(app: Flask, realm: str, event: events.Event) -> None:
    forget_renewal(realm, event)
    signals.send(app, event)


class _Keys:
    """The keys of a realm: from ``KEYS`` where they are given, and derived from ``SECRET_KEY`` for all else."""

    def __init__(self, app: Flask, config: Config) -> None:
        self._config = config
        self.problems: list[str] = []
        self._derived = self._try(lambda: _derived(app, config))
        self._keyring = self._try(self._make_keyring)
        if self._derived is None and not self.problems:
            self.problems += _missing_secret(config)
        if self._keyring is not None:
            self.problems += _algorithm_problems(self._keyring, config.algorithm)
        self.csrf: Sequence[bytes] = self._derived.derive_all("csrf") if self._derived else (os.urandom(32),)

    def codec(self) -> Codec:
        """Return the codec of the token mode."""
        config = self._config
        if config.token_mode == "opaque" and self._derived is not None:  # noqa: S105 - a mode, not a password
            key, *older = self._derived.derive_all("opaque")
            return OpaqueCodec(key, older_keys=older, realm=config.realm, max_bytes=config.token_max_bytes)
        assert self._keyring is not None  # noqa: S101 - its absence is among the problems
        return JWTCodec(
            self._keyring,
            issuer=config.issuer,
            audience=config.audience or config.realm,
            leeway=config.leeway,
            longest_lifetime=config.policy.longest_lifetime,
            max_bytes=config.token_max_bytes,
            cache_size=config.token_cache,
        )

    def _make_keyring(self) -> Keyring | None:
        if self._config.keys is not None:
            if not isinstance(self._config.keys, (list, tuple)):
                raise ConfigError(f"{PREFIX}KEYS is a list of keys, each a dict with kid, alg, status and the key.")
            return Keyring.from_config(self._config.keys)
        return Keyring.from_derived(self._derived) if self._derived else None

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
        f"{PREFIX}KEYS has the key {key.kid!r} of {key.alg}, and {PREFIX}ALGORITHM allows {algorithm} alone."
        for key in keyring.keys
        if algorithm is not None and key.alg != algorithm
    ]


def _cookie_problems(app: Flask, config: Config) -> list[str]:
    if "cookie" not in config.token_locations or _secure(app, config) or config.cookie_secure is False:
        return []  # what contradicts a COOKIE_SECURE = False is among the problems of the settings
    names = [name for name in ("cookie_samesite", "cookie_refresh_samesite") if getattr(config, name) == "None"]
    problems = [f"{PREFIX}{name.upper()} = None needs {PREFIX}COOKIE_SECURE = True." for name in names]
    if config.cookie_preset == "host":
        problems.append(f'{PREFIX}COOKIE_PRESET = "host" needs {PREFIX}COOKIE_SECURE = True.')
    return problems


def _secure(app: Flask, config: Config) -> bool:
    return not (app.debug or app.testing) if config.cookie_secure is None else config.cookie_secure


def _open_store(config: Config, problems: list[str]) -> Store | None:
    try:
        store = open_store(config.store, key_prefix=config.key_prefix, wait_replicas=config.wait_replicas)
        return BreakerStore(store) if store.shared and store is not config.store else store
    except ConfigError as error:
        problems += error.problems
        return None


def _warn_of_memory(app: Flask, config: Config) -> None:
    is_memory = isinstance(config.store, str) and config.store.startswith("memory:")
    if is_memory and not (app.debug or app.testing):
        log.warning(
            "sessions are kept in this process's memory: a restart signs everybody out, and a second worker knows "
            "nobody. Set %sSTORE to a store that is shared, such as redis://localhost.",
            PREFIX,
        )


def _labeller() -> Callable[[str], str]:
    """Return what names a device by its user agent; without the extra ``devices`` sessions go without a label."""
    if importlib.util.find_spec("ua_parser") is None:
        return lambda _agent: ""
    label_of: Callable[[str], str] = importlib.import_module("flask_gosession.devices").label_of
    return label_of
