"""What stands behind the app in a run: a store on servers of its own, most of them behind a proxy that breaks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import servers
import small_disk
import sqlalchemy as sa
from outages.machines import Watched, cluster, machine, watched_by_sentinels

from . import instances
from .proxy import FaultProxy, fault_proxy

DOWN_AFTER = 5000
"""Milliseconds after which Sentinels and the nodes of a Cluster take a primary for dead."""


@dataclass
class Stage:
    """A store for the app, what runs it, and a way to it that does not break."""

    url: str
    direct: str
    server: Any
    proxy: FaultProxy | None = None
    replicas: int = 0
    """How many replicas confirm what ends a session."""

    @property
    def way(self) -> FaultProxy:
        assert self.proxy is not None
        return self.proxy


@contextmanager
def on_redis() -> Iterator[Stage]:
    """Yield one durable Redis."""
    with machine("--enable-debug-command", "yes") as server, fault_proxy(server.port) as proxy:
        yield Stage(f"redis://127.0.0.1:{proxy.port}/0", server.url, server, proxy)


@contextmanager
def on_valkey() -> Iterator[Stage]:
    """Yield one durable Valkey."""
    with machine(program="valkey-server") as server, fault_proxy(server.port) as proxy:
        yield Stage(f"redis://127.0.0.1:{proxy.port}/0", server.url, server, proxy)


@contextmanager
def on_sentinel() -> Iterator[Stage]:
    """Yield a primary, a replica that confirms, and three Sentinels."""
    with watched_by_sentinels(down_after=DOWN_AFTER) as watched:
        yield Stage(watched.url, watched.url, watched, replicas=1)


@contextmanager
def on_dead_sentinel() -> Iterator[Stage]:
    """Yield the same, with an address first in the list at which nobody answers."""
    with watched_by_sentinels(down_after=DOWN_AFTER) as watched, servers.black_hole() as port:
        url = watched.url.replace("//", f"//127.0.0.1:{port},", 1)
        yield Stage(url, watched.url, watched, replicas=1)


@contextmanager
def on_cluster() -> Iterator[Stage]:
    """Yield three primaries with a replica each that confirms."""
    with cluster(node_timeout=DOWN_AFTER) as nodes:
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        yield Stage(url, url, nodes, replicas=1)


@contextmanager
def on_postgresql() -> Iterator[Stage]:
    """Yield a PostgreSQL."""
    with instances.postgresql() as server, fault_proxy(server.port) as proxy:
        yield Stage(_through(server.url, proxy), server.url, server, proxy)


@contextmanager
def on_pgbouncer() -> Iterator[Stage]:
    """Yield a PostgreSQL behind PgBouncer in transaction mode; what breaks is before the latter."""
    with (
        instances.postgresql() as server,
        instances.pgbouncer(server.url) as pooler,
        fault_proxy(pooler.port) as proxy,
    ):
        yield Stage(_through(pooler.url, proxy), server.url, server, proxy)


@contextmanager
def on_mariadb() -> Iterator[Stage]:
    """Yield a MariaDB."""
    with instances.mariadb() as server, fault_proxy(server.port) as proxy:
        yield Stage(_through(server.url, proxy), server.url, server, proxy)


@contextmanager
def on_sqlite() -> Iterator[Stage]:
    """Yield a SQLite database in a file."""
    with tempfile.TemporaryDirectory(prefix="gs-") as name:
        url = f"sqlite:///{name}/sessions.sqlite"
        yield Stage(url, url, Path(name) / "sessions.sqlite")


@contextmanager
def on_files() -> Iterator[Stage]:
    """Yield a folder of files."""
    with tempfile.TemporaryDirectory(prefix="gs-") as name:
        url = f"file://{name}/sessions"
        yield Stage(url, url, Path(name) / "sessions")


@contextmanager
def on_small_disk() -> Iterator[Stage]:
    """Yield a folder of files on a disk of two megabytes."""
    with tempfile.TemporaryDirectory(prefix="gs-") as name, small_disk.mounted(Path(name), "2m") as disk:
        url = f"file://{disk}/sessions"
        yield Stage(url, url, disk)


def _through(url: str, proxy: FaultProxy) -> str:
    return sa.make_url(url).set(port=proxy.port).render_as_string(hide_password=False)


STAGES: dict[str, tuple[Callable[[], AbstractContextManager[Stage]], Callable[[], object]]] = {
    "redis": (on_redis, lambda: servers.REDIS_SERVER),
    "valkey": (on_valkey, lambda: shutil.which("valkey-server")),
    "sentinel": (on_sentinel, lambda: servers.REDIS_SERVER),
    "dead sentinel": (on_dead_sentinel, lambda: servers.REDIS_SERVER),
    "cluster": (on_cluster, lambda: servers.REDIS_SERVER),
    "postgresql": (on_postgresql, lambda: instances.is_there(instances.postgresql)),
    "pgbouncer": (on_pgbouncer, lambda: all(map(instances.is_there, (instances.postgresql, instances.pgbouncer)))),
    "mariadb": (on_mariadb, lambda: instances.is_there(instances.mariadb)),
    "sqlite": (on_sqlite, lambda: True),
    "files": (on_files, lambda: True),
    "small disk": (on_small_disk, small_disk.can_mount),
}
"""Each with whether the machine has what it takes."""


def is_installed(stage: str) -> bool:
    """Return whether this machine has what a stage takes."""
    return bool(STAGES[stage][1]())


def patient(url: str) -> str:
    """Return *url* with time-outs for somebody who is in no hurry."""
    return f"{url}?socket_timeout=5&socket_connect_timeout=5" if url.startswith("redis") else f"{url}?timeout=5"


def redis_of(stage: Stage) -> redis.Redis:
    """Return a client of the one Redis of a stage."""
    return redis.Redis(port=stage.server.port)


def primary_of(watched: Watched) -> int:
    """Return the port of the primary, as a Sentinel says."""
    with redis.Redis(port=watched.sentinels[0].port, protocol=2) as client:
        return int(client.sentinel_master("service")["port"])
