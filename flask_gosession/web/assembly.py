"""Puts one realm together for one app: keys, codec, store, manager and transport, from the configuration."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from msgspec.structs import replace

from flask_gosession.config import PREFIX, Config
from flask_gosession.engine.levels import LevelChecks
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.purging import Purger
from flask_gosession.engine.reporting import Emit, Reporter
from flask_gosession.errors import ConfigError
from flask_gosession.observe.assembly import observe
from flask_gosession.stores.address import address_of
from flask_gosession.stores.base import Store, forgets
from flask_gosession.stores.breaker import BreakerStore, behind_breaker
from flask_gosession.stores.registry import open_store
from flask_gosession.web.cookies import CookieJar
from flask_gosession.web.csrf import CSRFGuard
from flask_gosession.web.level_rules import level_problems
from flask_gosession.web.realm_keys import RealmKeys
from flask_gosession.web.state import Clock, State
from flask_gosession.web.telling import Teller
from flask_gosession.web.transport import Extractor, Transport

log: logging.Logger = logging.getLogger("flask_gosession")

LONG_LIFE = 86_400
"""Seconds; an access token that lives longer causes a warning."""


def assemble(
    app: Flask,
    realm: str,
    *,
    clock: Callable[[], float],
    extractor: Extractor | None,
) -> State:
    """Return the state of one realm. Raises ConfigError, listing every problem of settings, keys, cookies and store."""
    config, problems = Config.read(app.config, realm)
    clock = Clock(clock)
    keys = RealmKeys(app, config, clock)
    problems += [*keys.problems, *_cookie_problems(app, config), *_origin_problems(app, config)]
    if not config.token_locations and extractor is None:
        problems.append(f"{PREFIX}TOKEN_LOCATIONS is empty, and there is no extractor: no token could ever come.")
    teller = Teller(app, realm)
    store = _open_store(config, clock, teller, problems)
    observation = observe(config, clock, problems)
    if store is not None:
        problems += level_problems(config, store)
    if problems or store is None:
        raise ConfigError(*problems)
    _warn_of_memory(app, config)
    _warn_of_long_tokens(config)
    jar = CookieJar(config, secure=_secure(app, config))
    transport = Transport(config, jar, app.ensure_sync(extractor) if extractor else None)
    teller.listeners = observation.listeners(Reporter(teller).tell)
    manager = observation.make_manager(store, keys.codec(), config.policy, clock=clock, emit=teller)
    purger = None if forgets(store) else Purger(store, config.purge_interval, clock)
    csrf = CSRFGuard(config, keys.csrf)
    levels = LevelChecks(
        manager,
        size=config.verdict_cache,
        max_stale=config.max_stale,
        outage_grace=config.outage_grace,
        on_verdict=observation.on_verdict,
    )
    return State(app, config, clock, manager, levels, transport, csrf, _labeller(), purger, observation.audit)


def guest_manager(
    app: Flask, state: State, store: Any, *, lifetime: float, together: int, emit: Emit
) -> tuple[SessionManager, Purger | None]:
    """Return the manager of guests' records, which are kept apart from those of users, and what purges them.

    Its tokens are opaque. *lifetime* is the idle timeout in seconds; *together* is how many guests share a record at
    most; one more replaces a guest who never came back, or else who was away longest. Raises ConfigError.
    """
    config = state.config
    given, realm = config.store if store is None else store, f"{config.realm}/guests"
    if isinstance(given, Store) and behind_breaker(given) is behind_breaker(state.manager.store):
        raise ConfigError("The store object of the users has no room for guests: pass another one as guest_store.")
    own = replace(config, store=given, key_prefix=f"{config.key_prefix}-guests", realm=realm, token_mode="opaque")  # noqa: S106
    problems: list[str] = []
    name = f"{PREFIX}STORE" if store is None else "guest_store"
    opened = _open_store(own, state.clock, Teller(app, config.realm), problems, name)
    if opened is None:
        raise ConfigError(*problems)
    policy = replace(
        config.policy,
        idle_timeout=lifetime,
        absolute_timeout=max(lifetime, config.absolute_timeout),
        session_limit=together,
        client_limits={},
        on_limit="evict_idle",
        unused_first=True,
    )
    manager = SessionManager(opened, RealmKeys(app, own, state.clock).codec(), policy, clock=state.clock, emit=emit)
    manager.records.deletes_whole = False
    return manager, None if forgets(opened) else Purger(opened, config.purge_interval, state.clock)


def refuse_shared(states: Mapping[str, State], new: State) -> None:
    """Refuse two realms of one app that could mistake each other's tokens, cookies or records for their own.

    Raises ConfigError.
    """
    for name, old in states.items():
        pairs = {
            "AUDIENCE": (old.config.audience, new.config.audience),
            "KEY_PREFIX": (old.config.key_prefix, new.config.key_prefix),
            "COOKIE_NAME": (old.config.cookie_name_of("access"), new.config.cookie_name_of("access")),
            "STORE object": (_store_object(old), _store_object(new)),
        }
        same = [what for what, (mine, theirs) in pairs.items() if mine is theirs or mine == theirs]
        if same:
            raise ConfigError(
                f"The realms {name!r} and {new.config.realm!r} have the same {' and '.join(same)}; each needs its own."
            )


def _store_object(state: State) -> object:
    """Return the store object that the app has made itself; a URL or a client opens one for each realm."""
    return state.config.store if isinstance(state.config.store, Store) else state.manager.store


def _cookie_problems(app: Flask, config: Config) -> list[str]:
    if "cookie" not in config.token_locations or _secure(app, config) or config.cookie_secure is False:
        return []  # what contradicts a COOKIE_SECURE = False is among the problems of the settings
    names = [name for name in ("cookie_samesite", "cookie_refresh_samesite") if getattr(config, name) == "None"]
    problems = [f"{PREFIX}{name.upper()} = None needs {PREFIX}COOKIE_SECURE = True." for name in names]
    if config.cookie_preset == "host":
        problems.append(f'{PREFIX}COOKIE_PRESET = "host" needs {PREFIX}COOKIE_SECURE = True.')
    return problems


def _origin_problems(app: Flask, config: Config) -> list[str]:
    """Return why the origin that browsers report is not enough here."""
    problems: list[str] = []
    if config.csrf != "origin":
        return problems
    if not _secure(app, config) and not (app.debug or app.testing):
        problems.append(
            f'{PREFIX}CSRF = "origin" needs {PREFIX}COOKIE_SECURE: over plain HTTP browsers do not say where a request '
            f"comes from. Use HTTPS, or {PREFIX}CSRF = True."
        )
    if "None" in (config.cookie_samesite, config.cookie_refresh_samesite) and not config.csrf_trusted_origins:
        problems.append(
            f'{PREFIX}CSRF = "origin" and a SameSite of None need {PREFIX}CSRF_TRUSTED_ORIGINS: no other site may send '
            f"the cookies otherwise. Name the origins, or leave SameSite at Lax."
        )
    return problems


def _secure(app: Flask, config: Config) -> bool:
    return not (app.debug or app.testing) if config.cookie_secure is None else config.cookie_secure


def _open_store(
    config: Config, clock: Callable[[], float], teller: Teller, problems: list[str], name: str = f"{PREFIX}STORE"
) -> Store | None:
    """Return the store behind a circuit breaker, unless it is local to this process or has one.

    What is wrong with it is added to *problems*, under *name*, where the app has named the store.
    """
    try:
        store = open_store(config.store, key_prefix=config.key_prefix, wait_replicas=config.wait_replicas)
    except ConfigError as error:
        problems += (f"{name}: {problem}" for problem in error.problems)
        return None
    if not store.shared or isinstance(store, BreakerStore):
        return store
    return BreakerStore(store, address=address_of(config.store), emit=Reporter(teller).tell, wall_clock=clock)


def _warn_of_memory(app: Flask, config: Config) -> None:
    is_memory = isinstance(config.store, str) and config.store.startswith("memory:")
    if is_memory and not (app.debug or app.testing):
        log.warning(
            "sessions are kept in this process's memory: a restart signs everybody out, and a second worker does "
            "not know them. Set %sSTORE to a store that is shared, such as redis://localhost.",
            PREFIX,
        )


def _warn_of_long_tokens(config: Config) -> None:
    if config.token_mode == "jwt" and config.access_lifetime > LONG_LIFE:  # noqa: S105 - a mode, not a password
        log.warning(
            "access tokens live for %d hours: a service that checks only their signature sees a revocation only then. "
            'Use a shorter %sACCESS_LIFETIME and refresh, or TOKEN_MODE = "opaque" for tokens that last.',
            config.access_lifetime // 3600,
            PREFIX,
        )


def _labeller() -> Callable[[str], str]:
    """Return what names a device by its user agent; without the extra ``devices`` sessions go without a label."""
    if importlib.util.find_spec("ua_parser") is None:
        return lambda _agent: ""
    label_of: Callable[[str], str] = importlib.import_module("flask_gosession.web.device_labels").label_of
    return label_of
