"""Pools send keepalives: what is set is read off the open socket, whichever driver has opened it."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import databases
import pytest
import servers
import sqlalchemy as sa

from flask_gosession.stores.keepalive import COUNT, IDLE, INTERVAL, keep_alive
from flask_gosession.stores.registry import open_store

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "TCP_KEEPIDLE"), reason="this system does not say when probes begin"
)


def sockets_to(port: int) -> Iterator[socket.socket]:
    """Yield this process's connections to a port, as sockets of our own."""
    for one in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if stat.S_ISSOCK(one.stat().st_mode):
                with socket.socket(fileno=os.dup(int(one.name))) as sock:
                    if sock.family == socket.AF_INET and sock.getpeername()[1] == port:
                        yield sock


def probes_to(port: int) -> set[tuple[int, int, int, int]]:
    """Return whether the connections to a port send probes, and when."""
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    return {
        (
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            *(sock.getsockopt(socket.IPPROTO_TCP, name) for name in names),
        )
        for sock in sockets_to(port)
    }


def test_redis(server: servers.RedisAt) -> None:
    """After a minute of silence a connection to Redis is probed."""
    store = open_store(server.url)
    store.ping()
    assert store.load("ada") is None
    assert probes_to(server.port) == {(1, IDLE, INTERVAL, COUNT)} == {(1, 60, 10, 3)}
    store.close()


@pytest.mark.parametrize("name", list(databases.SERVERS))
def test_sql(name: str) -> None:
    """So is one that psycopg or PyMySQL has opened to a database."""
    if not databases.answers(name):
        pytest.skip(databases.without(name))
    with databases.own_database(name) as url:
        store = open_store(url)
        store.ping()
        assert probes_to(sa.make_url(url).port or 0) == {(1, IDLE, INTERVAL, COUNT)}
        store.close()


def test_a_unix_socket_has_nothing_to_probe() -> None:
    """What is not TCP is left alone, and so is what has been closed."""
    one, other = socket.socketpair()
    with one, other:
        keep_alive(one)
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
    closed = socket.socket()
    closed.close()
    keep_alive(closed)
