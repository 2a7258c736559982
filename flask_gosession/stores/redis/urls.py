"""Redis URLs taken apart: one host or many, and the same answer on every Python.

`urllib.parse` knows one host, and which brackets it takes depends on the release of Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import unquote

from flask_gosession.errors import ConfigError

_URL = re.compile(r"([^:]+)://(?:([^/?#]*)@)?([^/?#@]*)([^?#]*)(?:\?([^#]*))?")
_HOST = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]*))(?::([0-9]{0,5}))?")


class Host(NamedTuple):
    """Where a server listens; an empty name or a port of None stands for the default."""

    name: str
    port: int | None


@dataclass(frozen=True)
class RedisURL:
    """``scheme://username:password@host:port,host:port/path?query``; all but the query is percent-decoded."""

    scheme: str
    hosts: tuple[Host, ...]
    path: str
    """With the slash before it."""
    username: str = field(repr=False)
    password: str = field(repr=False)
    query: str = field(repr=False)


def parse_redis_url(url: str) -> RedisURL:
    """Return the parts of *url*. Raises ConfigError, which repeats nothing of it but the scheme.

    The password ends at the last ``@`` before the path, so it may hold any character but ``/``, ``?`` and ``#``.
    """
    found = _URL.fullmatch(url)
    scheme = url.partition(":")[0]
    if found is None:
        raise ConfigError(f"A {scheme} URL has no fragment: in a password, # is written %23.")
    _, credentials, hosts, path, query = found.groups(default="")
    username, _, password = credentials.partition(":")
    return RedisURL(
        scheme=scheme,
        hosts=tuple(_host(text, scheme) for text in hosts.split(",")),
        path=unquote(path),
        username=unquote(username),
        password=unquote(password),
        query=query,
    )


def _host(text: str, scheme: str) -> Host:
    found = _HOST.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"A host in a {scheme} URL is name:port or [IPv6]:port; in a password, / ? # are written %2F %3F %23."
        )
    address, name, port = found.groups(default="")
    return Host(_address(address, scheme) if address else _name(name, scheme), _port(port, scheme))


def _address(text: str, scheme: str) -> str:
    address = unquote(text)  # %25 is before the zone of a link-local address
    try:
        IPv6Address(address)
    except ValueError:
        raise ConfigError(f"The brackets in a {scheme} URL hold an IPv6 address: [fd00::1]:6379.") from None
    return address


def _name(text: str, scheme: str) -> str:
    name = unquote(text)
    if not name.isprintable() or " " in name:
        raise ConfigError(f"A host in a {scheme} URL has a space or a control character in its name.")
    return name


def _port(text: str, scheme: str) -> int | None:
    if not text:
        return None
    if not 0 < int(text) < 65_536:
        raise ConfigError(f"A port in a {scheme} URL is a number from 1 to 65535.")
    return int(text)
