"""Redis clients by URL: impatient, bounded, without retries, and connected only when first used."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

import redis
from redis import cluster, connection, sentinel
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.connection import Connection, ConnectionPool, SSLConnection
from redis.retry import Retry

from flask_gosession.errors import ConfigError
from flask_gosession.stores import at_fork
from flask_gosession.stores.redis_hurry import Hurry

TIMEOUT = 0.25
"""Seconds for a connection, and again for an answer: together at most half a second a call while Redis is down."""

POOL_SIZE = 64

# The driver leaves these without annotations.
_parse_url: Callable[[str], dict[str, Any]] = connection.parse_url
_blocking_pool: Callable[..., ConnectionPool] = connection.BlockingConnectionPool
_sentinels: Callable[..., sentinel.Sentinel] = sentinel.Sentinel
_sentinel_pool: Callable[..., ConnectionPool] = sentinel.SentinelConnectionPool
_cluster_node: Callable[[str, int], cluster.ClusterNode] = cluster.ClusterNode

_TRUE = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Connector(NamedTuple):
    """How to get at a client, how to let go of it, and what bounds a call that asks several servers."""

    client: Callable[[], Any]
    close: Callable[[], None]
    hurry: AbstractContextManager[None] = nullcontext()
    asks: Callable[..., Any] | None = None
    """Reads by one command without the client around the connection, where that can be done."""


def connector_for(url: str) -> Connector:
    """Return how to reach the Redis that *url* describes, without connecting. Raises ConfigError.

    The query takes redis-py's options (``socket_timeout``, ``max_connections``, ``ssl_ca_certs``, …). For Sentinel
    and Cluster also ``ssl``, and for the Sentinels themselves ``sentinel_username``, ``sentinel_password`` and so on.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.replace("valkey", "redis")
    try:
        if scheme == "redis+sentinel":
            return _sentinel(parts)
        if scheme == "redis+cluster":
            return _cluster(parts)
        rest = url.partition(":")[2]
        return _standalone("unix" if scheme == "redis+unix" else scheme, rest)
    # The driver's sentences may repeat the URL, and with it a password.
    except (TypeError, ValueError, redis.RedisError) as error:
        what = str(error) if isinstance(error, TypeError) else type(error).__name__
        raise ConfigError(f"The {parts.scheme}:// URL of the session store cannot be used: {what}.") from None


def connector_of(client: Any) -> Connector:
    """Return how to use a ready client, which stays its owner's to close. Raises ConfigError when it does not fit."""
    if inspect.iscoroutinefunction(client.execute_command):
        raise ConfigError("The session store needs a synchronous Redis client; this one is from redis.asyncio.")
    encoder = client.get_encoder() if hasattr(client, "get_encoder") else None
    if getattr(encoder, "decode_responses", False):
        raise ConfigError(
            "Records are bytes: the session store needs a Redis client made without decode_responses=True."
        )
    return Connector(lambda: client, lambda: None)


def no_retry() -> Retry:
    """Return the retry policy of every connection: a write whose answer was lost must not run twice unseen."""
    return Retry(NoBackoff(), 0)


def _standalone(scheme: str, rest: str) -> Connector:
    options = _patient_for_a_moment(_parse_url(f"{scheme}:{rest}"))
    connection_class = options.pop("connection_class", Connection)
    pool_options = _pool_options(options)
    connection_class(retry=no_retry(), **options)
    pool = _blocking_pool(
        connection_class=connection_class, timeout=TIMEOUT, retry=no_retry(), **pool_options, **options
    )
    client = redis.Redis(connection_pool=pool)
    return Connector(lambda: client, pool.disconnect, asks=_asking(pool))


def _asking(pool: ConnectionPool) -> Callable[..., Any]:
    """Return what sends a command over a connection from *pool*: all that a client without retries does, too.

    A client adds a third to the cost of a GET, by closures for retries and by metrics.
    """
    # redis-py before 5.3 wants the command here, later versions warn about it.
    named = inspect.signature(pool.get_connection).parameters["command_name"].default is inspect.Parameter.empty

    def ask(*command: str) -> Any:
        connection = pool.get_connection(*command[:named])
        try:
            send: Callable[..., None] = connection.send_command
            send(*command)
            return connection.read_response()
        finally:
            pool.release(connection)

    return ask


def _sentinel(parts: SplitResult) -> Connector:
    options = _patient_for_a_moment(_options(parts))
    service, _, database = unquote(parts.path).strip("/").partition("/")
    if not service:
        raise ConfigError("A Sentinel URL names the service: redis+sentinel://host:26379,host:26379/service/0.")
    tls = _flag(options.pop("ssl", "false"))
    sentinel_options = {name: options.pop(name) for name in list(options) if name.startswith("sentinel_")}
    own = {name.removeprefix("sentinel_"): value for name, value in sentinel_options.items()}
    shared = {name: value for name, value in options.items() if name.startswith(("socket_", "ssl_"))}
    own = {**shared, **own, "ssl": _flag(own.get("ssl", str(tls))), "protocol": 2, "retry": no_retry()}
    options["db"] = int(database or options.get("db", 0))
    pool_options = _pool_options(options)
    _connection_class(tls=tls)(retry=no_retry(), **options)
    hurry = _hurry(options)
    watchers = _sentinels(_hosts(parts, 26379), sentinel_kwargs=own)
    for node in watchers.sentinels:
        node.connection_pool.connection_class = hurry.connection(node.connection_pool.connection_class)
    managed = hurry.connection(_managed_class(tls=tls))
    pool = _sentinel_pool(service, watchers, connection_class=managed, retry=no_retry(), **pool_options, **options)
    client = redis.Redis(connection_pool=pool)

    def close() -> None:
        pool.disconnect()
        for node in watchers.sentinels:
            node.connection_pool.disconnect()

    return Connector(lambda: client, close, hurry)


def _cluster(parts: SplitResult) -> Connector:
    options = _patient_for_a_moment(_options(parts))
    tls = _flag(options.pop("ssl", "false"))
    pool_options = _pool_options(options)
    _connection_class(tls=tls)(retry=no_retry(), **options)
    if int(options.pop("db", 0)) or parts.path.strip("/"):
        raise ConfigError("Redis Cluster has no numbered databases: redis+cluster://host:port,host:port.")
    hosts, hurry = _hosts(parts, 6379), _hurry(options)
    options["connection_class"] = hurry.connection(_connection_class(tls=tls))
    lazy = _Lazy(lambda: _open_cluster(hosts, {**options, **pool_options}))
    return Connector(lazy.get, lazy.close, hurry)


def _open_cluster(hosts: list[tuple[str, int]], options: dict[str, Any]) -> RedisCluster:
    (host, port), *others = hosts
    # Only a client made from a URL takes a class of connections.
    options["url"] = f"redis://[{host}]:{port}" if ":" in host else f"redis://{host}:{port}"
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
        self._renew_lock()
        at_fork.in_child(self._renew_lock)

    def get(self) -> RedisCluster:
        if self._client is None:
            with self._lock:
                self._client = self._client or self._make()
        return self._client

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _options(parts: SplitResult) -> dict[str, Any]:
    """Return credentials and query as typed options; the hosts are read by `_hosts`."""
    user, at, _ = parts.netloc.rpartition("@")
    options = _parse_url(f"redis://{user}{at}host?{parts.query}")
    return {name: value for name, value in options.items() if name != "host"}


def _hosts(parts: SplitResult, default_port: int) -> list[tuple[str, int]]:
    _, _, hosts = parts.netloc.rpartition("@")
    split = [urlsplit(f"//{host}") for host in hosts.split(",")]
    if not all(one.hostname for one in split):
        raise ConfigError(f"A {parts.scheme} URL lists its hosts: {parts.scheme}://host:port,host:port.")
    return [(one.hostname or "", one.port or default_port) for one in split]


def _patient_for_a_moment(options: dict[str, Any]) -> dict[str, Any]:
    """Add what is not said in the URL. RESP2 says all we need, and starts a connection with fewer commands."""
    return {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "protocol": 2, **options}


def _pool_options(options: dict[str, Any]) -> dict[str, Any]:
    return {"max_connections": options.pop("max_connections", POOL_SIZE)}


def _hurry(options: dict[str, Any]) -> Hurry:
    """Return what bounds a call to the time for a connection and an answer."""
    return Hurry(options["socket_connect_timeout"] + options["socket_timeout"])


def _managed_class(*, tls: bool) -> type[Connection]:
    return sentinel.SentinelManagedSSLConnection if tls else sentinel.SentinelManagedConnection


def _connection_class(*, tls: bool) -> type[Connection]:
    return SSLConnection if tls else Connection


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE:
        raise ConfigError('The ssl option of a session store URL is "true" or "false".')
    return _TRUE[text.lower()]
