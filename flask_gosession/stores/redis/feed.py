"""Announcements of swaps by Redis: one listening connection to each server that may announce."""

from __future__ import annotations

import select
import selectors
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from redis.connection import AbstractConnection
from redis.exceptions import RedisClusterException, RedisError

from flask_gosession.deadline import Deadline
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.names import decode_subject
from flask_gosession.stores.redis.pubsub import Listener

Places = Mapping[str, Callable[[], AbstractConnection]]
"""The servers that announce, by address, each with a function that connects to it."""

_epoll: Callable[[], Any] | None = getattr(select, "epoll", None)
"""None if the system has none, or gevent has removed it."""


class RedisFeed:
    """Announces on *channel*, and subscribes to it; *places* returns the servers of the moment."""

    def __init__(self, places: Callable[[], Places], channel: str, budget: float) -> None:
        self.refused: bool = False
        """Whether the server has refused an announcement: no process can rely on hearing of changes."""
        self.channel = channel
        self._places = places
        self._budget = budget

    def subscribe(self, now: float) -> RedisSubscription:
        """Listen to the primary, or to each primary of a cluster."""
        with Deadline(self._budget), _told_as_unavailable():
            subscription = RedisSubscription(self, now)
        self.refused = False
        return subscription

    def is_heard(self) -> bool:
        """Whether subscribing is possible."""
        try:
            self.subscribe(0.0).close()
        except StoreUnavailable:
            return False
        return True

    def places(self) -> Places:
        """Return where announcements are made at the moment."""
        return self._places()


class RedisSubscription:
    """Listens at all places; if one is lost or replaced, the whole subscription is."""

    def __init__(self, feed: RedisFeed, now: float) -> None:
        self._feed = feed
        places = feed.places()
        self._addresses = set(places)
        self._listeners: list[Listener] = []
        self._epoll = _epoll() if _epoll else None
        try:
            for connect in places.values():
                self._listen(connect(), now)
        except BaseException:
            self.close()
            raise
        self._poll: Callable[[float], Any] | None = self._epoll.poll if self._epoll else None

    def _listen(self, connection: AbstractConnection, now: float) -> None:
        listener = Listener(connection, self._feed.channel, now)
        self._listeners.append(listener)
        if self._epoll:
            self._epoll.register(listener.fileno(), select.EPOLLIN)

    @property
    def known_until(self) -> float:
        """The oldest of the places' latest echoes."""
        return min(listener.known_until for listener in self._listeners)

    def pending(self) -> bool:
        """Whether a socket is readable, or closed."""
        if self._poll is None or self._feed.refused:
            return True
        try:
            return bool(self._poll(0))
        except (OSError, ValueError):  # another thread has closed it
            return True

    def read(self) -> list[str]:
        """Return the subjects whose verdicts have changed; in a cluster, each comes once from every node."""
        with _told_as_unavailable():
            if self._feed.refused:
                raise PermissionError(f"the server refuses to publish on {self._feed.channel!r}")
            heard = dict.fromkeys(payload for listener in self._listeners for payload in listener.read())
        subjects = (decode_subject(payload.decode("utf-8", "replace")) for payload in heard)
        return [subject for subject in subjects if subject]

    def beat(self, now: float) -> None:
        """Ask each server for an echo. Raises StoreUnavailable, also if the set of announcing servers changed."""
        with _told_as_unavailable():
            if set(self._feed.places()) != self._addresses:
                raise ConnectionError("announcements are made by another server now")
            for listener in self._listeners:
                listener.beat(now)

    def wait(self, seconds: float) -> None:
        """Wait for any of the sockets."""
        with _told_as_unavailable():
            if self._poll is not None and not _is_patched():
                self._poll(seconds)
            else:
                self._wait_by_selector(seconds)

    def _wait_by_selector(self, seconds: float) -> None:
        """Wait as gevent does, or the system has it; `select.select` refuses descriptors from 1024 on."""
        with selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            selector.select(seconds)

    def close(self) -> None:
        """Close all connections; never unregister a socket, which would unregister it for a forked parent, too."""
        for listener in self._listeners:
            listener.close()
        if self._epoll:
            self._epoll.close()


def _is_patched() -> bool:
    """Whether gevent has replaced the waiting functions: any that it has not replaced would stop all greenlets."""
    return not hasattr(select, "epoll")


@contextmanager
def _told_as_unavailable() -> Iterator[None]:
    try:
        yield
    except (RedisError, RedisClusterException, OSError, ValueError) as error:
        raise StoreUnavailable from error


def places_of(client: Any) -> Places:
    """Return where swaps by *client* are announced: at the primary, or at each primary of a cluster.

    A cluster passes an announcement on to all its nodes, but only the node that makes it sends it without delay.
    """
    if hasattr(client, "get_primaries"):
        nodes = {node.name: client.get_redis_connection(node) for node in client.get_primaries()}
        return {name: partial(_connection, node.connection_pool) for name, node in nodes.items()}
    pool = client.connection_pool
    ask = getattr(pool, "primary", None) or getattr(pool, "get_master_address", None)
    return {str(ask() if ask else ""): partial(_connection, pool)}


def _connection(pool: Any) -> AbstractConnection:
    """Return a connection outside the pool's count and reach; RESP2 has only one kind of push."""
    connection: AbstractConnection = pool.connection_class(**{**pool.connection_kwargs, "protocol": 2})
    return connection
