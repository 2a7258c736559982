"""The settings as an app gives them: which keys are known, which values are right, and what a named realm has.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask_gosession.errors import ConfigError
from flask_gosession.setting_readers import Reader

PREFIX = "GOSESSION_"
DEFAULT_REALM = "default"


def unknown(known: Iterable[str], given: Mapping[str, Any], where: str) -> Iterator[str]:
    """Say, for each key of *given* that is not *known*, what may have been meant."""
    known = list(known)
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"; did you mean {PREFIX}{near[0]}?" if near else "."
            yield f"{where}{key} is not a setting{hint}"


def parse(readers: Mapping[str, Reader], merged: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the valid settings, by their names in lower case, and what is wrong with the others."""
    parsed: dict[str, Any] = {}
    problems = []
    for key, read in readers.items():
        if key in merged:
            try:
                parsed[key.lower()] = read(merged[key])
            except ValueError as error:
                problems.append(f"{PREFIX}{key} {error}; it is {_shown(merged[key])}.")
    return parsed, problems


def own_settings(realms: Any, realm: str) -> Mapping[str, Any]:
    """Return the settings that only the named realm has."""
    if realm == DEFAULT_REALM or realms is None:
        return {}
    if not isinstance(realms, Mapping) or not isinstance(realms.get(realm, {}), Mapping):
        raise ConfigError(f'{PREFIX}REALMS must be a mapping such as {{"admin": {{"SESSION_LIMIT": 1}}}}.')
    own: Mapping[str, Any] = realms.get(realm, {})
    return own


def _shown(value: Any) -> str:
    """Show a wrong value; a long one could be a secret in the wrong place."""
    return repr(value) if isinstance(value, (int, float, bool, str)) and len(repr(value)) <= 40 else "something else"


def realm_values(parsed: Mapping[str, Any], own: Mapping[str, Any], realm: str) -> dict[str, Any]:
    """Give a named realm its own keys, cookies, paths and audience, even if it shares all settings."""
    if realm == DEFAULT_REALM:
        return {"audience": parsed.get("audience") or realm}
    audience = parsed.get("audience")
    values: dict[str, Any] = {"audience": f"{audience}/{realm}" if audience else realm}
    for name, separator in (("key_prefix", "-"), ("cookie_name", "_")):
        if name.upper() not in own:
            values[name] = f"{parsed.get(name, 'gosession')}{separator}{realm}"
    values |= {} if "COOKIE_NAMES" in own else {"cookie_names": {}}
    if "URL_PREFIX" not in own:
        shared = parsed.get("url_prefix", "/auth").rstrip("/")
        values["url_prefix"] = f"{shared}-{realm}" if shared else f"/{realm}"
    return values
