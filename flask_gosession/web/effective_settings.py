"""The settings in effect for a realm: each with its value, secrets masked, and where it came from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from flask import Flask

from flask_gosession.config import DEFAULT_REALM, PREFIX, Config, declared
from flask_gosession.tokens.key_sources import path_of

Origin = Literal["default", "app.config", "environment", "realm", "derived"]

MASK = "***"
_SECRET_OPTION = re.compile(r"((?:^|&)[^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)


class SettingView(msgspec.Struct, frozen=True):
    """One setting in effect."""

    name: str
    value: Any
    """In its normal form: durations in seconds, sizes in bytes; secrets masked."""
    origin: Origin
    """``environment``: the app's configuration has it, and so has a variable ``FLASK_…``; ``realm``:
    ``GOSESSION_REALMS``; ``derived``: from the settings of the default realm and the realm's name."""


def effective_settings(app: Flask, config: Config, environ: Mapping[str, str] = os.environ) -> list[SettingView]:
    """Return the settings of one realm in the order of the documentation, after the Flask settings behind them."""
    own = _own(app, config.realm)
    return [*_secrets(app, environ), *(_view(name, app, config, own, environ) for name in declared())]


def masked_url(text: str) -> str:
    """Return a URL without its secrets: the password, and options whose names say that they are secret."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return f"{text.partition(':')[0]}:{MASK}"
    user, at, hosts = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{colon and ':' + MASK}{at}{hosts}"
    query = _SECRET_OPTION.sub(rf"\1{MASK}", parts.query)
    return f"{parts.scheme}://{netloc}{parts.path}{query and '?' + query}"


def _own(app: Flask, realm: str) -> Mapping[str, Any]:
    realms = app.config.get(f"{PREFIX}REALMS") or {}
    return {} if realm == DEFAULT_REALM else realms.get(realm, {})


def _view(name: str, app: Flask, config: Config, own: Mapping[str, Any], environ: Mapping[str, str]) -> SettingView:
    key, value = PREFIX + name.upper(), getattr(config, name)
    shown = _SHOWN.get(name, _plain)(value)
    if name.upper() in own:
        return SettingView(key, shown, "realm")
    if name in _DERIVED and (config.realm != DEFAULT_REALM or (name == "audience" and key not in app.config)):
        return SettingView(key, shown, "derived")
    return SettingView(key, shown, _origin(key, app, environ))


_DERIVED = ("key_prefix", "cookie_name", "url_prefix", "audience")
"""What a named realm has of its own, although it shares all settings."""


def _origin(key: str, app: Flask, environ: Mapping[str, str]) -> Origin:
    if key not in app.config:
        return "default"
    return "environment" if _stands_in(environ, key, app.config[key]) else "app.config"


def _stands_in(environ: Mapping[str, str], key: str, value: Any) -> bool:
    """Return whether ``FLASK_<key>`` has this very value, as `Flask.config.from_prefixed_env` reads it."""
    text = environ.get(f"FLASK_{key}")
    if text is None:
        return False
    try:
        return bool(json.loads(text) == value)
    except ValueError:
        return bool(text == value)


def _secrets(app: Flask, environ: Mapping[str, str]) -> list[SettingView]:
    secret, fallbacks = app.config.get("SECRET_KEY"), app.config.get("SECRET_KEY_FALLBACKS") or ()
    shown = None if not secret else f"{MASK} ({len(secret)} characters)"
    views = [SettingView("SECRET_KEY", shown, _origin("SECRET_KEY", app, environ))]
    if fallbacks:
        origin = _origin("SECRET_KEY_FALLBACKS", app, environ)
        views.append(SettingView("SECRET_KEY_FALLBACKS", [MASK] * len(fallbacks), origin))
    return views


def _shown_store(store: Any) -> str:
    return masked_url(store) if isinstance(store, str) else f"({type(store).__name__})"


def _shown_keys(keys: Any) -> Any:
    if keys is None or path_of(keys):
        return None if keys is None else str(path_of(keys))
    if callable(keys):
        return f"({type(keys).__name__})"
    return [{name: key.get(name) for name in ("kid", "alg", "status")} for key in keys]


def _shown_audit(audit: Any) -> str | None:
    return None if audit is None else _shown_store(audit) if "://" in str(audit) or callable(audit) else str(audit)


def _shown_observers(observers: Sequence[Any]) -> list[str]:
    return [one if isinstance(one, str) else f"({type(one).__name__})" for one in observers]


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


_SHOWN: Mapping[str, Any] = {
    "store": _shown_store,
    "keys": _shown_keys,
    "audit": _shown_audit,
    "observers": _shown_observers,
    "realms": sorted,
}
