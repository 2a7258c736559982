"""Redis clients by URL: with short timeouts, bounded, without retries, and connected only when first used."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any, NamedTuple
from urllib.parse import quote

import redis
from redis import cluster, connection, sentinel
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.connection import Connection, SSLConnection
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from flask_gosession.deadline import bounded
from flask_gosession.errors import ConfigError
from flask_gosession.keyed_lock import KeyedLock
from flask_gosession.stores.keepalive import SOCKET_OPTIONS
from flask_gosession.stores.redis.deadline import with_deadline
from flask_gosession.stores.redis.lane import Lane
from flask_gosession.stores.redis.pool import TIMEOUT, PatientPool, SentinelPool
from flask_gosession.stores.redis.urls import Host, RedisURL, parse_redis_url

POOL_SIZE = 64
KEEPALIVE: dict[str, Any] = {"socket_keepalive": True, "socket_keepalive_options": SOCKET_OPTIONS}
SHARE = 0.5
"""The share of the time left that each of several servers gets."""

# The driver leaves these without annotations.
_parse_url: Callable[[str], dict[str, Any]] = connection.parse_url
_socket_connection: Callable[..., connection.AbstractConnection] = connection.UnixDomainSocketConnection
_sentinels: Callable[..., sentinel.Sentinel] = sentinel.Sentinel
_cluster_node: Callable[[str, int], cluster.ClusterNode] = cluster.ClusterNode

_TRUE = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Connector(NamedTuple):
    """How to get a client, and how to close it."""

    client: Callable[[], Any]
    close: Callable[[], None]
    budget: float = inf
    """Seconds that an operation may take; a ready client has only its owner's timeouts."""
    lane: Lane | None = None
    """Reads and writes without pool and client around the connection, where that can be done."""
    in_use: Callable[[], int] = int
    """Counts the connections in use; none of a client that the app has made."""


def connector_for(url: str) -> Connector:
    """Return how to reach the Redis that *url* describes, without connecting. Raises ConfigError.

    The query takes redis-py's options (``socket_timeout``, ``max_connections``, ``ssl_ca_certs``, …). For Sentinel
    and Cluster also ``ssl``, and for the Sentinels themselves ``sentinel_username``, ``sentinel_password`` and so on.
    """
    parts = parse_redis_url(url)
    try:
        if parts.scheme.endswith("+sentinel"):
            return _sentinel(parts)
        if parts.scheme.endswith("+cluster"):
            return _cluster(parts)
        return _standalone(parts)
    # The driver's sentences may repeat the URL, and with it a password.
    except (TypeError, ValueError, redis.RedisError) as error:
        what = str(error) if isinstance(error, TypeError) else type(error).__name__
        raise ConfigError(f"The {parts.scheme}:// URL of the session store cannot be used: {what}.") from None


def connector_of(client: Any) -> Connector:
    """Return how to use a ready client, which its owner closes. Raises ConfigError if it cannot be used."""
    if inspect.iscoroutinefunction(client.execute_command):
        raise ConfigError("The session store needs a synchronous Redis client; this one is from redis.asyncio.")
    encoder = client.get_encoder() if hasattr(client, "get_encoder") else None
    if getattr(encoder, "decode_responses", False):
        raise ConfigError(
            "Records are bytes: the session store needs a Redis client made without decode_responses=True."
        )
    return Connector(lambda: client, lambda: None)


def nodes_of(client: Any) -> list[Any]:
    """Return a client of each server that holds records: the only one, or each primary of a cluster."""
    if not hasattr(client, "get_primaries"):
        return [client]
    primaries = sorted(client.get_primaries(), key=lambda node: node.name)
    return [client.get_redis_connection(node) for node in primaries]


def no_retry() -> Retry:
    """Return the retry policy of every connection: a write whose answer was lost must not run twice unnoticed."""
    return Retry(NoBackoff(), 0)


def _standalone(parts: RedisURL) -> Connector:
    by_socket, tls = parts.scheme.endswith("+unix"), parts.scheme in ("rediss", "valkeys")
    address = _socket(parts) if by_socket else _server(parts)
    kind: Any = _socket_connection if by_socket else _connection_class(tls=tls)
    connection_class = with_deadline(kind)
    options = _patient_for_a_moment({**address, **_options(parts)})
    pool_options = _pool_options(options)
    connection_class(retry=no_retry(), **options)
    pool = PatientPool(connection_class=connection_class, retry=no_retry(), **pool_options, **options)
    client = redis.Redis(connection_pool=pool)
    return Connector(lambda: client, pool.disconnect, _budget(options), _lane(pool, options), lambda: pool.in_use)


def _server(parts: RedisURL) -> dict[str, Any]:
    """Return where the one server listens, and the database if the path names one."""
    if len(parts.hosts) != 1:
        raise ConfigError(f"A {parts.scheme} URL has one host; for several there are redis+sentinel and redis+cluster.")
    host, database = parts.hosts[0], parts.path.strip("/")
    named = {"host": host.name, "port": host.port, "db": _number(database, parts.scheme) if database else None}
    return {**KEEPALIVE, **{name: value for name, value in named.items() if value not in ("", None)}}


def _socket(parts: RedisURL) -> dict[str, Any]:
    if parts.hosts != (Host("", None),) or not parts.path.strip("/"):
        raise ConfigError(f"A {parts.scheme} URL is the absolute path of a socket: {parts.scheme}:///run/redis.sock.")
    return {"path": parts.path}


def _number(database: str, scheme: str) -> int:
    if not (database.isascii() and database.isdecimal()):
        raise ConfigError(f"The last part of a {scheme} URL's path is the number of a database.")
    return int(database)


def _lane(pool: PatientPool, options: dict[str, Any]) -> Lane | None:
    """Return the fast way to the server; None for RESP3, where it may send what was not asked for."""
    return Lane(pool) if str(options["protocol"]) == "2" else None


def _sentinel(parts: RedisURL) -> Connector:
    hosts = _hosts(parts, 26379)
    options = {**KEEPALIVE, **_patient_for_a_moment(_options(parts))}
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ConfigError("A Sentinel URL names the service: redis+sentinel://host:26379,host:26379/service/0.")
    tls = _flag(options.pop("ssl", "false"))
    sentinel_options = {name: options.pop(name) for name in list(options) if name.startswith("sentinel_")}
    own = {name.removeprefix("sentinel_"): value for name, value in sentinel_options.items()}
    shared = {name: value for name, value in options.items() if name.startswith(("socket_", "ssl_"))}
    own = {**shared, **own, "ssl": _flag(own.get("ssl", str(tls))), "protocol": 2, "retry": no_retry()}
    options["db"] = _number(database, parts.scheme) if database else options.get("db", 0)
    pool_options = _pool_options(options)
    _connection_class(tls=tls)(retry=no_retry(), **options)
    bounded = partial(with_deadline, share=SHARE)
    watchers = _sentinels(hosts, sentinel_kwargs=own)
    for node in watchers.sentinels:
        pool_of_node: Any = node.connection_pool  # its annotations forget that a socket may be a Unix one
        pool_of_node.connection_class = bounded(pool_of_node.connection_class)
    managed: Any = bounded(_managed_class(tls=tls))
    pool = SentinelPool(service, watchers, connection_class=managed, retry=no_retry(), **pool_options, **options)
    client = redis.Redis(connection_pool=pool)

    def close() -> None:
        pool.disconnect()
        for node in watchers.sentinels:
            node.connection_pool.disconnect()

    return Connector(lambda: client, close, _budget(options), _lane(pool, options), lambda: pool.in_use)


def _cluster(parts: RedisURL) -> Connector:
    hosts = _hosts(parts, 6379)
    options = {**KEEPALIVE, **_patient_for_a_moment(_options(parts))}
    tls = _flag(options.pop("ssl", "false"))
    pool_options = _pool_options(options)
    _connection_class(tls=tls)(retry=no_retry(), **options)
    if int(options.pop("db", 0)) or parts.path.strip("/"):
        raise ConfigError("Redis Cluster has no numbered databases: redis+cluster://host:port,host:port.")
    options["connection_class"] = with_deadline(_connection_class(tls=tls), share=SHARE)
    options["connection_pool_class"] = PatientPool
    lazy = _Lazy(lambda: _open_cluster(hosts, {**options, **pool_options}))
    return Connector(lazy.get, lazy.close, _budget(options), in_use=lazy.in_use)


def _open_cluster(hosts: list[tuple[str, int]], options: dict[str, Any]) -> RedisCluster:
    (host, port), *others = hosts
    # Only a client made from a URL takes a class of connections.
    name = quote(host, safe=":")
    options["url"] = f"redis://[{name}]:{port}" if ":" in host else f"redis://{name}:{port}"
    options["startup_nodes"] = [_cluster_node(*other) for other in others]
    # redis-py 5 counts its attempts in an argument of its own, which later versions warn about.
    if "retry" in inspect.signature(RedisCluster.__init__).parameters and not redis.__version__.startswith("5."):
        return RedisCluster(retry=no_retry(), **options)
    return RedisCluster(cluster_error_retry_attempts=0, **options)


class _Lazy:
    """A cluster client asks for the topology as soon as it is made, so it is made at the first use."""

    def __init__(self, make: Callable[[], RedisCluster]) -> None:
        self._make = make
        self._client: RedisCluster | None = None
        self._failures = 0
        self._locks = KeyedLock()

    def get(self) -> RedisCluster:
        """Return the client, which one thread makes; the others wait as long as their own operations may take.

        If it cannot be made, that is the answer for all who waited: with 16 threads, one attempt after the other took
        0.8 seconds. Raises RedisError or RedisClusterException.
        """
        if self._client is not None:
            return self._client
        failures, patience = self._failures, bounded(inf)
        with self._locks.hold(None, None if patience == inf else patience) as ours:
            if not ours:
                raise redis.TimeoutError("another thread took too long to connect to the cluster")
            if self._client is None:
                if self._failures != failures:
                    raise RedisClusterException("the cluster did not answer another thread just now")
                self._client = self._attempt()
            return self._client

    def _attempt(self) -> RedisCluster:
        try:
            return self._make()
        except Exception:
            self._failures += 1
            raise

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def in_use(self) -> int:
        """Count the connections in use to all nodes."""
        client: Any = self._client
        nodes = [] if client is None else list(client.get_nodes())
        return sum(node.redis_connection.connection_pool.in_use for node in nodes if node.redis_connection)


def _options(parts: RedisURL) -> dict[str, Any]:
    """Return credentials and query as typed options; the host is not one of them."""
    credentials = {"username": parts.username, "password": parts.password}
    options = _parse_url(f"redis://?{parts.query}") | {name: value for name, value in credentials.items() if value}
    options.pop("host", None)
    return options


def _hosts(parts: RedisURL, default_port: int) -> list[tuple[str, int]]:
    if not all(host.name for host in parts.hosts):
        raise ConfigError(f"A {parts.scheme} URL lists its hosts: {parts.scheme}://host:port,host:port.")
    return [(host.name, host.port or default_port) for host in parts.hosts]


def _patient_for_a_moment(options: dict[str, Any]) -> dict[str, Any]:
    """Add defaults for what the URL leaves out. RESP2 is all we need, and starts a connection with fewer commands."""
    return {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "protocol": 2, **options}


def _pool_options(options: dict[str, Any]) -> dict[str, Any]:
    return {"max_connections": options.pop("max_connections", POOL_SIZE)}


def _budget(options: dict[str, Any]) -> float:
    """Return the time that connecting and an answer may take together."""
    return float(options["socket_connect_timeout"] + options["socket_timeout"])


def _managed_class(*, tls: bool) -> type[Connection]:
    return sentinel.SentinelManagedSSLConnection if tls else sentinel.SentinelManagedConnection


def _connection_class(*, tls: bool) -> type[Connection]:
    return SSLConnection if tls else Connection


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE:
        raise ConfigError('The ssl option of a session store URL is "true" or "false".')
    return _TRUE[text.lower()]
