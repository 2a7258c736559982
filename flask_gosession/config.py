"""The configuration: one frozen dataclass, a field a setting, read once from ``GOSESSION_*`` keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from flask_gosession import settings
from flask_gosession.errors import BadClient, ConfigError
from flask_gosession.session.device import CLIENT_PATTERN
from flask_gosession.session.policy import Binding, BindingAction, OnLimit, Policy
from flask_gosession.settings import Reader

PREFIX = "GOSESSION_"
DEFAULT_REALM = "default"
LOCATIONS = ("header", "cookie", "query", "json")

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_YEARS = 10 * 366 * _DAY
_NAME = settings.matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, dots, dashes or underscores")
_HEADER = settings.matching(r"[A-Za-z0-9-]{1,64}", "a header name")
_PATH = settings.matching(r"/[\x21-\x3a\x3c-\x7e]*", "a path that starts with /")


def _client_limits(value: Any) -> Mapping[str, int]:
    """Read limits by client class; a class that no login could have would be a limit of nothing."""
    limits = settings.limits(value)
    for name in limits:
        if name != "*" and not re.fullmatch(CLIENT_PATTERN, name):
            raise ValueError(f"names {name!r}, which is no client class; {BadClient.text}")
    return limits


def setting(default: Any, read: Reader, doc: str, *, secret: bool = False) -> Any:
    """Declare a setting: its default, its reader, one line about it, and whether a repr must not show it."""
    metadata = {"read": read, "doc": doc}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings in their one form: durations in seconds, sizes in bytes."""

    store: Any = setting(
        "memory://", settings.anything, "Where records live: a URL, a ready client, or a store.", secret=True
    )
    key_prefix: str = setting("gosession", _NAME, "First part of every key, file or table name.")
    wait_replicas: int = setting(0, settings.whole(0, 10), "How many Redis replicas must confirm a revocation.")
    purge_interval: float = setting(
        _HOUR, settings.duration(0, 30 * _DAY), "How often stores without expiry of their own are purged; 0 = never."
    )

    token_mode: str = setting("jwt", settings.one_of("jwt", "opaque"), "Signed tokens, or reference tokens.")
    keys: Any = setting(
        None, settings.anything, "A list of keys; without it one is derived from `SECRET_KEY`.", secret=True
    )
    algorithm: str | None = setting(
        None, settings.optional(settings.text), "The one algorithm that all keys must have; default: any of theirs."
    )
    issuer: str | None = setting(None, settings.optional(settings.text), "The `iss` claim.")
    audience: str | None = setting(None, settings.optional(settings.text), "The `aud` claim; default: the realm.")
    leeway: float = setting(10.0, settings.duration(0, 300), "Clock skew allowed between servers.")
    token_max_bytes: int = setting(8192, settings.whole(512, 65_536), "Longer tokens are refused unread.")
    token_cache: int = setting(4096, settings.whole(0, 1_000_000), "Verified tokens remembered by a process.")

    access_lifetime: float = setting(15 * _MINUTE, settings.duration(1, _DAY), "Life of an access token.")
    idle_timeout: float = setting(7 * _DAY, settings.duration(1, _YEARS), "A session unused for this long ends.")
    absolute_timeout: float = setting(30 * _DAY, settings.duration(1, _YEARS), "A session ends then, used or not.")
    remember_idle_timeout: float = setting(
        30 * _DAY, settings.duration(1, _YEARS), "Idle timeout of a session with remember-me."
    )
    remember_absolute_timeout: float = setting(
        180 * _DAY, settings.duration(1, _YEARS), "Absolute timeout of a session with remember-me."
    )
    touch_interval: float = setting(
        60.0, settings.duration(0, _DAY), "The use of a session is written down at most this often."
    )
    rotation_grace: float = setting(
        10.0, settings.duration(0, 300), "A refreshed token counts this long after its successor was first used."
    )
    fresh_lifetime: float = setting(15 * _MINUTE, settings.duration(1, _YEARS), "How long a login counts as fresh.")

    session_limit: int = setting(50, settings.whole(1, 1000), "Live sessions a subject may have; 1 = single login.")
    client_limits: Mapping[str, int] = setting(
        {}, _client_limits, 'Live sessions by client class, such as `{"web": 1, "*": 5}`.'
    )
    on_limit: OnLimit = setting(
        "evict_oldest", settings.one_of("evict_oldest", "evict_idle", "refuse"), "What happens at the limit."
    )

    user_ttl: float = setting(300.0, settings.duration(0, 30 * _DAY), "How long user info is cached; 0 = not at all.")
    user_cap: int = setting(4096, settings.whole(64, 65_536), "Largest user info that is cached.")
    data_cap: int = setting(4096, settings.whole(64, 65_536), "Largest data a session may hold.")

    level: str = setting("strict", settings.one_of("strict"), "What a check asks: `strict`, the store.")
    binding: tuple[Binding, ...] = setting(
        (), settings.some_of("ip", "agent"), "What a session is bound to: its address's prefix, its user agent."
    )
    binding_action: BindingAction = setting(
        "signal", settings.one_of("signal", "step_up", "refuse"), "What a change of that leads to."
    )

    token_locations: tuple[str, ...] = setting(("header",), settings.some_of(*LOCATIONS), "Where tokens may come from.")
    query_name: str = setting("access_token", _NAME, "The query parameter of a token.")
    json_name: str = setting("access_token", _NAME, "The JSON field of a token; `refresh_token` for a refresh.")

    cookie_name: str = setting("gosession", _NAME, "First part of the names of all cookies.")
    cookie_preset: str | None = setting(
        None, settings.optional(settings.one_of("host")), "`host`: names with the `__Host-` prefix."
    )
    cookie_secure: bool | None = setting(
        None, settings.optional(settings.flag), "Send cookies over HTTPS only; default: unless debug or testing."
    )
    cookie_samesite: str = setting("Lax", settings.one_of("Lax", "Strict", "None"), "SameSite of all but the next.")
    cookie_refresh_samesite: str = setting(
        "Strict", settings.one_of("Lax", "Strict", "None"), "SameSite of the refresh cookie."
    )
    cookie_domain: str | None = setting(None, settings.optional(settings.text), "Domain of the cookies.")
    cookie_path: str = setting("/", _PATH, "Path of all cookies but the refresh cookie.")
    url_prefix: str = setting("/auth", _PATH, "Where the blueprint stands, and the path of the refresh cookie.")

    csrf: bool = setting(default=True, read=settings.flag, doc="Whether cookies need a CSRF value with unsafe methods.")
    csrf_header: str = setting("X-CSRF-Token", _HEADER, "The header of the CSRF value.")
    csrf_field: str = setting("csrf_token", _NAME, "The form field of the CSRF value.")
    csrf_trusted_origins: tuple[str, ...] = setting(
        (), settings.origins, "Other origins that may send requests with cookies."
    )

    login_view: str | None = setting(
        None, settings.optional(settings.text), "The endpoint that a browser without a session is sent to."
    )
    error_format: str = setting("json", settings.one_of("json", "problem"), "JSON, or problem+json (RFC 9457).")
    realms: Mapping[str, Any] = setting(
        {}, settings.anything, "Settings of named realms, by name, without prefix.", secret=True
    )

    realm: str = DEFAULT_REALM
    """The name of the realm that these settings are for."""

    @classmethod
    def load(cls, values: Mapping[str, Any], realm: str = DEFAULT_REALM) -> Config:
        """Read the ``GOSESSION_*`` keys of *values* for *realm*.

        Raises ConfigError with every problem at once: unknown keys, and values that are not right alone or together.
        """
        config, problems = cls.read(values, realm)
        if problems:
            raise ConfigError(*problems)
        return config

    @classmethod
    def read(cls, values: Mapping[str, Any], realm: str = DEFAULT_REALM) -> tuple[Config, list[str]]:
        """Like `load`, and return the problems beside the settings, where a wrong one has its default."""
        _check_name(realm)
        given = {key[len(PREFIX) :]: value for key, value in values.items() if key.startswith(PREFIX)}
        own = _own_settings(given.get("REALMS"), realm)
        problems = [*_unknown(given, PREFIX), *_unknown(own, f"{PREFIX}REALMS[{realm!r}]: ")]
        parsed, wrong = _parse({**given, **own})
        config = cls(**{**parsed, **_realm_values(parsed, own, realm)}, realm=realm)
        return config, [*problems, *wrong, *config._contradictions()]

    @property
    def policy(self) -> Policy:
        """The numbers and choices that the session rules go by."""
        names = {one.name for one in fields(Policy)} & {one.name for one in fields(self)}
        return Policy(**{name: getattr(self, name) for name in names})

    def _contradictions(self) -> Iterator[str]:
        if self.access_lifetime > self.absolute_timeout:
            yield f"{PREFIX}ACCESS_LIFETIME is longer than {PREFIX}ABSOLUTE_TIMEOUT: no session lives that long."
        for name in ("cookie_samesite", "cookie_refresh_samesite"):
            if getattr(self, name) == "None" and self.cookie_secure is False:
                yield f"{PREFIX}{name.upper()} = None needs {PREFIX}COOKIE_SECURE: browsers drop the cookie otherwise."
        if self.cookie_preset == "host":
            yield from self._host_contradictions()

    def _host_contradictions(self) -> Iterator[str]:
        if self.cookie_domain is not None:
            yield f'{PREFIX}COOKIE_PRESET = "host" forbids {PREFIX}COOKIE_DOMAIN.'
        if self.cookie_path != "/":
            yield f'{PREFIX}COOKIE_PRESET = "host" demands {PREFIX}COOKIE_PATH = "/".'
        if self.cookie_secure is False:
            yield f'{PREFIX}COOKIE_PRESET = "host" demands {PREFIX}COOKIE_SECURE.'


def settings_table() -> list[tuple[str, str, str]]:
    """Return name, default and one line about each setting, in the order of the documentation."""
    return [(PREFIX + one.name.upper(), _default_of(one), one.metadata["doc"]) for one in _declared()]


def _check_name(realm: str) -> None:
    try:
        _NAME(realm)
    except ValueError as error:
        raise ConfigError(
            f"The name of a realm {error}, because its keys and cookies have it; it is {realm!r}."
        ) from None


def _declared() -> list[Field[Any]]:
    return [one for one in fields(Config) if "read" in one.metadata]


def _default_of(one: Field[Any]) -> str:
    return repr({} if one.name in {"client_limits", "realms"} else one.default)


def _unknown(given: Mapping[str, Any], where: str) -> Iterator[str]:
    known = [one.name.upper() for one in _declared()]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"; did you mean {PREFIX}{near[0]}?" if near else "."
            yield f"{where}{key} is not a setting{hint}"


def _parse(merged: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the settings that are right, and what is wrong with the others."""
    parsed: dict[str, Any] = {}
    problems = []
    for one in _declared():
        key = one.name.upper()
        if key in merged:
            try:
                parsed[one.name] = one.metadata["read"](merged[key])
            except ValueError as error:
                problems.append(f"{PREFIX}{key} {error}; it is {_shown(merged[key])}.")
    return parsed, problems


def _own_settings(realms: Any, realm: str) -> Mapping[str, Any]:
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


def _realm_values(parsed: Mapping[str, Any], own: Mapping[str, Any], realm: str) -> dict[str, Any]:
    """Give a named realm keys, cookies, paths and an audience of its own, also where it shares all settings."""
    if realm == DEFAULT_REALM:
        return {"audience": parsed.get("audience") or realm}
    audience = parsed.get("audience")
    values: dict[str, Any] = {"audience": f"{audience}/{realm}" if audience else realm}
    for name, separator in (("key_prefix", "-"), ("cookie_name", "_")):
        if name.upper() not in own:
            values[name] = f"{parsed.get(name, 'gosession')}{separator}{realm}"
    if "URL_PREFIX" not in own:
        shared = parsed.get("url_prefix", "/auth").rstrip("/")
        values["url_prefix"] = f"{shared}-{realm}" if shared else f"/{realm}"
    return values
