"""Redis URLs mean the same on every Python; what is wrong with one is said without repeating it."""

from __future__ import annotations

import traceback

import pytest
from redis.connection import SSLConnection, UnixDomainSocketConnection, parse_url

from flask_gosession.errors import ConfigError
from flask_gosession.stores.redis.connect import connector_for
from flask_gosession.stores.redis.urls import parse_redis_url
from flask_gosession.stores.registry import open_store

SECRET = "hunter2"

HOST_LISTS = {
    "10.0.0.1:26379,[fd00::1]:26379": [("10.0.0.1", 26379), ("fd00::1", 26379)],
    "[fd00::1]:26379,10.0.0.1:26379": [("fd00::1", 26379), ("10.0.0.1", 26379)],
    "[fd00::1],[fd00::2]:7": [("fd00::1", None), ("fd00::2", 7)],
    "[::ffff:10.0.0.1]:1": [("::ffff:10.0.0.1", 1)],
    "[fe80::1%25eth0]:1": [("fe80::1%eth0", 1)],
    "redis-1.example.com,redis_2:,r3:65535": [("redis-1.example.com", None), ("redis_2", None), ("r3", 65535)],
    "": [("", None)],
    ":7000": [("", 7000)],
}
CREDENTIALS = {
    "": ("", ""),
    "user@": ("user", ""),
    ":pw@": ("", "pw"),
    "user:pw@": ("user", "pw"),
    "us%65r:p%40%3A%2F%23%3F%25@": ("user", "p@:/#?%"),
    "user:p:w@": ("user", "p:w"),
    "user:p@w@": ("user", "p@w"),
    "user:p[w@": ("user", "p[w"),
    "user:p[w],[x]@": ("user", "p[w],[x]"),
    "%C3%A9:p%20w@": ("é", "p w"),
}


@pytest.mark.parametrize("credentials", CREDENTIALS)
@pytest.mark.parametrize("hosts", HOST_LISTS)
@pytest.mark.parametrize("scheme", ["redis+sentinel", "valkey+cluster", "rediss"])
def test_hosts_and_credentials(scheme: str, hosts: str, credentials: str) -> None:
    """Names, IPv4 and IPv6 addresses stand side by side; a password may hold brackets, colons, commas and @."""
    found = parse_redis_url(f"{scheme}://{credentials}{hosts}/a%20b/0?x=1&y=%2F")
    assert list(found.hosts) == HOST_LISTS[hosts]
    assert (found.username, found.password) == CREDENTIALS[credentials]
    assert (found.scheme, found.path, found.query) == (scheme, "/a b/0", "x=1&y=%2F")


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis:///1",
        "redis://:7000",
        "redis://host",
        "redis://host:7000/2",
        "redis://user:p%40w@host/2?socket_timeout=3",
        "redis://host/1?db=2",
        "redis://[fd00::1]:7000/2",
        "rediss://host?ssl_cert_reqs=none",
        "unix:///run/redis%20one.sock?db=3",
        "unix://user:pw@/run/redis.sock",
    ],
)
def test_one_server_as_the_driver_reads_it(url: str) -> None:
    """Where the driver reads a URL rightly everywhere, it means the same here."""
    pool = connector_for(url.replace("unix:", "redis+unix:")).client().connection_pool
    meant = parse_url(url)
    kind = meant.pop("connection_class", None)
    assert meant.items() <= pool.connection_kwargs.items()
    assert "ssl" not in pool.connection_kwargs
    assert issubclass(pool.connection_class, UnixDomainSocketConnection) is (kind is UnixDomainSocketConnection)
    assert issubclass(pool.connection_class, SSLConnection) is (kind is SSLConnection)


def test_sentinels_by_ipv6() -> None:
    """Sentinels are found by IPv6 behind others by IPv4, at their usual port; the master by its name and password."""
    pool = connector_for("redis+sentinel://ann:p%5Bw@10.0.0.1:7,[fd00::1]/main/2").client().connection_pool
    sentinels = [node.connection_pool.connection_kwargs for node in pool.sentinel_manager.sentinels]
    assert [(one["host"], one["port"]) for one in sentinels] == [("10.0.0.1", 7), ("fd00::1", 26379)]
    assert pool.service_name == "main"
    assert {"username": "ann", "password": "p[w", "db": 2}.items() <= pool.connection_kwargs.items()


WRONG = {
    "unbracketed IPv6": "redis+sentinel://:{}@fd00::1:26379/service/0",
    "bracket not closed": "redis+sentinel://:{}@h,[fd00::1/service/0",
    "bracket not opened": "redis+sentinel://:{}@h,fd00::1]/service/0",
    "text before a bracket": "redis+cluster://:{}@h[fd00::1]:1",
    "text after a bracket": "redis+cluster://:{}@[fd00::1]x:1",
    "brackets empty": "redis+cluster://:{}@[]:1",
    "IPv4 in brackets": "redis+cluster://:{}@[10.0.0.1]:1",
    "name in brackets": "redis://:{}@[host]:1",
    "address of the future": "redis://:{}@[v1.x]:1",
    "port of letters": "redis+cluster://:{}@h:port",
    "port zero": "redis+cluster://:{}@h:0",
    "port too high": "redis+cluster://:{}@h:65536",
    "port of many digits": "redis+cluster://:{}@h:" + "9" * 5000,
    "port in other digits": "redis+cluster://:{}@h:\u0661",
    "port negative": "redis://:{}@h:-1/0",
    "host missing in a list": "redis+cluster://:{}@h1,,h2",
    "comma at the end": "redis+sentinel://:{}@h1,/service/0",
    "space behind a comma": "redis+cluster://:{}@h1, h2",
    "line break": "redis+cluster://:{}@h1\n,h2",
    "several hosts for one server": "redis://:{}@h1,h2/0",
    "database of letters": "redis://:{}@h/zero",
    "two databases": "redis://:{}@h/0/1",
    "socket with a host": "redis+unix://:{}@h/run/redis.sock",
    "socket without a path": "redis+unix://:{}@",
    "fragment": "redis://:{}@h/0#1",
    "number sign in a password": "redis://:{}#@h/0",
    "slash in a password": "redis://:{}/@h/0",
    "slash in a password of digits first": "redis://:12/{}@h/0",
    "question mark in a password": "redis+sentinel://:{}?@h/service/0",
    "question mark in a password of digits": "redis+sentinel://:12?{}@h/service/0",
    "option of a wrong type": "redis+cluster://:{}@h?max_connections=many",
}


@pytest.mark.parametrize("url", WRONG.values(), ids=WRONG)
def test_a_wrong_url_is_refused_without_repeating_it(url: str) -> None:
    """What a URL cannot mean is a ConfigError at start-up, and no traceback of it shows the password. LOG-01."""
    with pytest.raises(ConfigError) as refused:
        open_store(url.format(SECRET))
    assert str(refused.value).endswith(".")
    assert SECRET not in "".join(traceback.format_exception_only(refused.value)) + repr(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_no_password_in_a_repr() -> None:
    """A parsed URL may be logged by accident; its secrets are not in it. LOG-01."""
    assert SECRET not in repr(parse_redis_url(f"redis://{SECRET}:{SECRET}@h/0?sentinel_password={SECRET}"))


def test_mongodb_by_ipv6() -> None:
    """A list of MongoDB's hosts may mix IPv4 and IPv6, too."""
    open_store("mongodb://10.0.0.1:27017,[fd00::1]:27017/sessions?replicaSet=rs").close()
