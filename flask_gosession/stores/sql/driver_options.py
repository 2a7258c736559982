"""The driver's options in the URL of an SQL store: known by name, read by type, and wrong ones found at start-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from flask_gosession.errors import ConfigError

Read = Callable[[str], Any]


def _flag(text: str) -> bool:
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]


def _threshold(text: str) -> int | None:
    return None if text.lower() == "none" else int(text)


def _ssl_mode(text: str) -> str:
    if text not in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
        raise ValueError(text)
    return text


def _digits(text: str) -> str:
    int(text)
    return text


_NUMBERS = ("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count")
_PYMYSQL: Mapping[str, Read] = {
    **dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), float),
    **dict.fromkeys(("max_allowed_packet", "client_flag"), int),
    **dict.fromkeys(("local_infile", "use_unicode", "binary_prefix", "ssl_disabled"), _flag),
    **dict.fromkeys(("ssl_verify_cert", "ssl_verify_identity", "ssl_check_hostname"), _flag),
    **dict.fromkeys(("charset", "collation", "unix_socket", "bind_address", "init_command", "sql_mode"), str),
    **dict.fromkeys(("ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password", "program_name", "server_public_key"), str),
    **dict.fromkeys(("read_default_file", "read_default_group"), str),
}
_PYSQLITE: Mapping[str, Read] = {
    **dict.fromkeys(("uri", "check_same_thread", "nolock", "immutable"), _flag),
    **dict.fromkeys(("cached_statements", "detect_types"), int),
    **dict.fromkeys(("isolation_level", "mode", "cache", "vfs"), str),
}
_BY_SQLALCHEMY = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_check_hostname")
"""What SQLAlchemy itself puts together for PyMySQL."""


def read_driver_options(url: sa.URL) -> tuple[sa.URL, dict[str, Any]]:
    """Return the URL without the driver's options, and these by name. Raises ConfigError.

    A driver that we do not know gets its options as text.
    """
    readers = _readers(url.get_driver_name())
    if readers is None:
        return url, {}
    if unknown := sorted(set(url.query) - set(readers)):
        raise ConfigError(f"{url.drivername} knows no option {', '.join(unknown)} in the URL of the session store.")
    given = {name: value for name, value in url.query.items() if isinstance(value, str)}
    values = {name: _value(name, text, readers[name], url.drivername) for name, text in given.items()}
    ours = {name: value for name, value in values.items() if _is_read(name, url.get_driver_name())}
    return url.difference_update_query(ours), ours


def _readers(driver: str) -> Mapping[str, Read] | None:
    if driver == "psycopg":
        return {
            **dict.fromkeys(_libpq_names(), str),
            **dict.fromkeys(_NUMBERS, _digits),
            "sslmode": _ssl_mode,
            "prepare_threshold": _threshold,
        }
    return {"pymysql": _PYMYSQL, "pysqlite": _PYSQLITE}.get(driver)


def _libpq_names() -> list[str]:
    options: Any = import_module("psycopg").pq.Conninfo.get_defaults()
    return [option.keyword.decode() for option in options]


def _value(name: str, text: str, read: Read, driver: str) -> Any:
    try:
        return read(text)
    except (KeyError, ValueError):
        raise ConfigError(f"The option {name} of {driver} in the URL of the session store has a wrong value.") from None


def _is_read(name: str, driver: str) -> bool:
    """Whether we pass the value to the driver: SQLAlchemy knows the others, and handles files given by a URI itself."""
    if driver == "pysqlite":
        return False
    return name not in _BY_SQLALCHEMY and name not in ("host", "port", "options")
