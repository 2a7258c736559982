"""The configuration: one frozen Struct with a field per setting, read once from ``GOSESSION_*`` keys.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from flask_gosession import setting_readers as read
from flask_gosession.discreet import Discreet
from flask_gosession.errors import ConfigError
from flask_gosession.given_settings import DEFAULT_REALM, PREFIX, own_settings, parse, realm_values, unknown
from flask_gosession.session.policy import Binding, BindingAction, Level, OnLimit, Policy
from flask_gosession.setting_readers import Reader
from flask_gosession.tokens.key_schedule import LEAST_AHEAD
from flask_gosession.tokens.key_sources import path_of

__all__ = ["DEFAULT_REALM", "PREFIX", "Config", "settings_table"]

COOKIES = ("access", "refresh", "csrf", "state", "actor")

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_YEARS = 10 * 366 * _DAY
_POLICY = Policy()
_NAME = read.matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, dots, dashes or underscores")
_HEADER = read.matching(r"[A-Za-z0-9-]{1,64}", "a header name")
_PATH = read.matching(r"/[\x21-\x3a\x3c-\x7e]*", "a path that starts with /")


class Setting(msgspec.Struct, frozen=True):
    """How a setting is declared; it is the factory of its field's default."""

    default: Any
    read: Reader
    doc: str
    """One line about it."""
    secret: bool
    """Whether a repr must not show it."""

    def __call__(self) -> Any:
        """Return the default; each configuration has a dict of its own."""
        return dict(self.default) if isinstance(self.default, dict) else self.default


def setting(default: Any, read: Reader, doc: str, *, secret: bool = False) -> Any:
    """Declare a setting; see `Setting`."""
    return msgspec.field(default_factory=Setting(default, read, doc, secret))


class Config(Discreet, msgspec.Struct, frozen=True, kw_only=True):
    """All settings in their normal form: durations in seconds, sizes in bytes."""

    store: Any = setting(
        "memory://", read.anything, "Where records live: a URL, a ready client, or a store.", secret=True
    )
    key_prefix: str = setting("gosession", _NAME, "The prefix of every key, file name or table name.")
    wait_replicas: int = setting(0, read.whole(0, 10), "How many Redis replicas must confirm a revocation.")
    purge_interval: float = setting(
        _HOUR, read.duration(0, 30 * _DAY), "How often stores without an expiry of their own are purged; 0 = never."
    )

    token_mode: str = setting(
        "jwt",
        read.one_of("jwt", "opaque"),
        "`jwt` for signed tokens, `opaque` for tokens that only the store understands.",
    )
    keys: Any = setting(
        None,
        read.anything,
        "The signing keys: a list, a file, or a function; without them, a key is derived from `SECRET_KEY`.",
        secret=True,
    )
    key_rotation: float = setting(
        0.0,
        read.duration(0, _YEARS),
        "How long a key in the file of `KEYS` signs before the next one takes over; 0 = forever.",
    )
    key_publish_ahead: float = setting(
        _DAY, read.duration(LEAST_AHEAD, _YEARS), "How long a new key is published before it signs."
    )
    algorithm: str | None = setting(
        None, read.optional(read.text), "The one algorithm that all keys must have; default: any."
    )
    issuer: str | None = setting(None, read.optional(read.text), "The `iss` claim.")
    audience: str | None = setting(None, read.optional(read.text), "The `aud` claim; default: the realm.")
    leeway: float = setting(_POLICY.leeway, read.duration(0, 300), "Clock skew allowed between servers.")
    token_max_bytes: int = setting(8192, read.whole(512, 65_536), "Longer tokens are refused unread.")
    token_cache: int = setting(4096, read.whole(0, 1_000_000), "Verified tokens remembered by a process.")

    access_lifetime: float = setting(
        _POLICY.access_lifetime, read.duration(1, _YEARS), "Life of an access token; it never outlives its session."
    )
    idle_timeout: float = setting(
        _POLICY.idle_timeout, read.duration(1, _YEARS), "A session unused for this long ends."
    )
    absolute_timeout: float = setting(
        _POLICY.absolute_timeout, read.duration(1, _YEARS), "A session ends this long after its login, used or not."
    )
    remember_idle_timeout: float = setting(
        _POLICY.remember_idle_timeout, read.duration(1, _YEARS), "Idle timeout of a session with remember-me."
    )
    remember_absolute_timeout: float = setting(
        _POLICY.remember_absolute_timeout, read.duration(1, _YEARS), "Absolute timeout of a session with remember-me."
    )
    impersonation_lifetime: float = setting(
        _POLICY.impersonation_lifetime,
        read.duration(1, _DAY),
        "Absolute timeout of an impersonated session, if that is shorter.",
    )
    touch_interval: float = setting(
        _POLICY.touch_interval, read.duration(0, _DAY), "The use of a session is noted at most this often."
    )
    rotation_grace: float = setting(
        _POLICY.rotation_grace,
        read.duration(0, 300),
        "How long, plus the leeway, a refreshed pair still counts after its successor was first used.",
    )
    refresh_rotation: bool = setting(
        _POLICY.refresh_rotation,
        read.flag,
        "Whether a refresh replaces the refresh token; False = one for the whole session, whose theft goes unnoticed.",
    )
    legacy_until: float | None = setting(
        None,
        read.optional(read.moment),
        "Until when adapters honour another library's earlier credentials: a Unix time, a datetime, or ISO 8601 text.",
    )
    fresh_lifetime: float = setting(
        _POLICY.fresh_lifetime, read.duration(1, _YEARS), "How long a login counts as fresh."
    )

    session_limit: int = setting(
        _POLICY.session_limit, read.whole(1, 1000), "Live sessions a subject may have; 1 = single login."
    )
    client_limits: Mapping[str, int] = setting(
        _POLICY.client_limits, read.client_limits, 'Live sessions by client class, such as `{"web": 1, "*": 5}`.'
    )
    on_limit: OnLimit = setting(
        _POLICY.on_limit,
        read.one_of("evict_oldest", "evict_idle", "refuse"),
        "What happens at the limit: `evict_oldest`, `evict_idle` or `refuse`.",
    )

    user_ttl: float = setting(
        _POLICY.user_ttl, read.duration(0, 30 * _DAY), "How long user info is cached; 0 = not at all."
    )
    user_cap: int = setting(
        _POLICY.user_cap,
        read.whole(64, 65_536),
        "Largest user info that is cached, in bytes; larger is loaded each time.",
    )
    data_cap: int = setting(_POLICY.data_cap, read.whole(64, 65_536), "Largest data a session may hold, in bytes.")

    level: Level = setting(
        "strict",
        read.one_of("strict", "cached", "signature"),
        "What a check relies on: `strict` the store, `cached` verdicts kept here, `signature` the token alone.",
    )
    max_stale: float = setting(
        10.0, read.duration(0, _HOUR), "How long a cached verdict counts at most, in case news of a change is lost."
    )
    verdict_cache: int = setting(
        4096, read.whole(1, 1_000_000), "How many verdicts a process keeps, and sessions for outages."
    )
    event_streams: int | None = setting(
        None,
        read.optional(read.whole(0, 100_000)),
        "Event streams a process holds open; default: any number under gevent, none in threaded workers.",
    )
    outage_grace: float = setting(
        0.0,
        read.duration(0, _HOUR),
        "How long after its last check a session counts while the store is down; 0 = not at all.",
    )
    binding: tuple[Binding, ...] = setting(
        (),
        read.some_of("ip", "agent"),
        "What a session is bound to: `ip`, its address's prefix; `agent`, its user agent.",
    )
    binding_action: BindingAction = setting(
        "signal", read.one_of("signal", "step_up", "refuse"), "What to do when the binding changes."
    )

    token_locations: tuple[str, ...] = setting(
        ("header",), read.locations, "Where tokens may come from: `header`, `cookie`, `query`, `json`."
    )
    query_name: str = setting("access_token", _NAME, "The query parameter of a token.")
    json_name: str = setting("access_token", _NAME, "The JSON field of a token; `refresh_token` for a refresh.")

    cookie_name: str = setting("gosession", _NAME, "The prefix of the names of all cookies.")
    cookie_names: Mapping[str, str] = setting(
        {},
        read.named(COOKIES, _NAME),
        'Names of single cookies (`access`, `refresh`, `csrf`, `state`, `actor`), such as `{"access": "sid"}`.',
    )
    cookie_preset: str | None = setting(
        None, read.optional(read.one_of("host")), "`host`: names with the `__Host-` prefix."
    )
    cookie_secure: bool | None = setting(
        None, read.optional(read.flag), "Send cookies over HTTPS only; default: unless debug or testing."
    )
    cookie_samesite: str = setting(
        "Lax", read.one_of("Lax", "Strict", "None"), "SameSite of every cookie except the refresh cookie."
    )
    cookie_refresh_samesite: str = setting(
        "Strict", read.one_of("Lax", "Strict", "None"), "SameSite of the refresh cookie: `Lax`, `Strict` or `None`."
    )
    cookie_domain: str | None = setting(None, read.optional(read.text), "Domain of the cookies.")
    cookie_path: str = setting("/", _PATH, "Path of all cookies except the refresh cookie.")
    url_prefix: str = setting("/auth", _PATH, "URL prefix of the blueprint, and path of the refresh cookie.")

    csrf: bool | Literal["origin"] = setting(
        default=True,
        read=read.flag_or("origin"),
        doc="What unsafe methods need with cookies: True = a CSRF value, `origin` = the Origin, False = nothing.",
    )
    csrf_header: str = setting("X-GoSession-CSRF", _HEADER, "The header of the CSRF value.")
    csrf_field: str = setting("gosession_csrf", _NAME, "The form field of the CSRF value.")
    csrf_trusted_origins: tuple[str, ...] = setting(
        (), read.origins, "Other origins that may send requests with cookies."
    )

    clear_site_data: tuple[str, ...] = setting(
        (),
        read.some_of("cache", "storage"),
        "What browsers clear at a sign-out (Clear-Site-Data): `cache`, `storage`; never the cookies of sibling hosts.",
    )

    login_view: str | None = setting(
        None,
        read.optional(read.view),
        "Where a browser without a session is sent: an endpoint, a path or an address; default: nowhere.",
    )
    login_views: Mapping[str, str | None] = setting(
        {}, read.views, 'The same by blueprint, such as `{"admin": "admin.login", "api": None}`.'
    )
    login_message: Any = setting(
        None,
        read.message,
        "What is flashed there: text, or a function of the error; empty = nothing; default: the error's own.",
    )
    login_message_category: str = setting("gosession", read.text, "The category of that message.")
    error_format: str = setting(
        "json", read.one_of("json", "problem"), "`json`, or `problem` for problem+json (RFC 9457)."
    )
    audit: Any = setting(
        None,
        read.audit,
        "Where the audit trail goes: `logging`, `sql` (the store's database), an SQL URL, a function, or nowhere.",
        secret=True,
    )
    audit_max_age: float = setting(90 * _DAY, read.duration(60, _YEARS), "An entry in the SQL table stays this long.")
    audit_max_entries: int = setting(
        1_000_000, read.whole(1000, 10**9), "The SQL table holds about this many entries; the oldest go first."
    )
    observers: tuple[Any, ...] = setting(
        (), read.items, "What counts and times: `prometheus`, `opentelemetry`, or objects of your own."
    )
    realms: Mapping[str, Any] = setting(
        {}, read.anything, "Settings of named realms, by name, without prefix.", secret=True
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
        """Like `load`, but return the problems along with the settings, where each wrong one has its default."""
        _check_name(realm)
        given = {key[len(PREFIX) :]: value for key, value in values.items() if key.startswith(PREFIX)}
        own = own_settings(given.get("REALMS"), realm)
        readers = {name.upper(): one.read for name, one in declared().items()}
        problems = [*unknown(readers, given, PREFIX), *unknown(readers, own, f"{PREFIX}REALMS[{realm!r}]: ")]
        parsed, wrong = parse(readers, {**given, **own})
        values = {**parsed, **realm_values(parsed, own, realm)}
        if "access_lifetime" not in values:  # the default is not the app's choice
            longest = values.get("absolute_timeout", _POLICY.absolute_timeout)
            values["access_lifetime"] = min(_POLICY.access_lifetime, longest)
        config = cls(**values, realm=realm)
        return config, [*problems, *wrong, *config._contradictions()]

    @property
    def policy(self) -> Policy:
        """The numbers and choices that the session rules use."""
        names = {*Policy.__struct_fields__} & {*self.__struct_fields__}
        return Policy(**{name: getattr(self, name) for name in names}, unseen_use=self.level == "signature")

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return what may be shown, to debuggers, too: a Struct would show them everything."""
        secret = {name for name, one in declared().items() if one.secret}
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in secret]

    def _contradictions(self) -> Iterator[str]:
        if self.access_lifetime > self.absolute_timeout:
            yield f"{PREFIX}ACCESS_LIFETIME is longer than {PREFIX}ABSOLUTE_TIMEOUT: no session lives that long."
        if self.key_rotation and path_of(self.keys) is None:
            yield f"{PREFIX}KEY_ROTATION needs {PREFIX}KEYS to be the path of a file, where new keys are written to."
        if 0 < self.key_rotation < 2 * self.key_publish_ahead:
            yield f"{PREFIX}KEY_ROTATION is shorter than twice {PREFIX}KEY_PUBLISH_AHEAD: keys would pile up."
        for name in ("cookie_samesite", "cookie_refresh_samesite"):
            if getattr(self, name) == "None" and self.cookie_secure is False:
                yield f"{PREFIX}{name.upper()} = None needs {PREFIX}COOKIE_SECURE: browsers drop the cookie otherwise."
        names = [self.cookie_name_of(kind) for kind in COOKIES]
        if len(set(names)) < len(names):
            yield f"Two cookies have the same name ({', '.join(names)}); each needs its own."
        if self.cookie_preset == "host":
            yield from self._host_contradictions()

    def cookie_name_of(self, kind: str) -> str:
        """Return the name of the cookie of that kind: ``access``, ``refresh``, ``csrf``, ``state`` or ``actor``."""
        return self.cookie_names.get(kind) or f"{self.cookie_name}_{kind}"

    def _host_contradictions(self) -> Iterator[str]:
        if self.cookie_domain is not None:
            yield f'{PREFIX}COOKIE_PRESET = "host" forbids {PREFIX}COOKIE_DOMAIN.'
        if self.cookie_path != "/":
            yield f'{PREFIX}COOKIE_PRESET = "host" demands {PREFIX}COOKIE_PATH = "/".'
        if self.cookie_secure is False:
            yield f'{PREFIX}COOKIE_PRESET = "host" demands {PREFIX}COOKIE_SECURE.'


def settings_table() -> list[tuple[str, str, str]]:
    """Return name, default and one line about each setting, in the order of the documentation."""
    return [(PREFIX + name.upper(), repr(one.default), one.doc) for name, one in declared().items()]


def declared() -> dict[str, Setting]:
    """Return how each setting is declared, by its name in lower case."""
    factories = {one.name: one.default_factory for one in msgspec.structs.fields(Config)}
    return {name: one for name, one in factories.items() if isinstance(one, Setting)}


def _check_name(realm: str) -> None:
    try:
        _NAME(realm)
    except ValueError as error:
        raise ConfigError(
            f"The name of a realm {error}, because its keys and cookies have it; it is {realm!r}."
        ) from None
