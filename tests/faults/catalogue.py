"""Every fault by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from . import on_app, on_databases, on_files, on_primaries, on_redis, on_servers
from .model import NOT_ANSWERED, Allowance
from .proxy import Way
from .runs import Fault, Scene
from .stages import DOWN_AFTER

TOLD = Allowance().statuses
LOSES = Allowance(loses=True)
UNANSWERED = Allowance(statuses=TOLD | {NOT_ANSWERED})
FAILS_OVER = Allowance(loses=True, returns=True)
TAKEN_OVER = DOWN_AFTER / 1000 + 3
SQL = 2.5


@contextmanager
def turned(scene: Scene, way: Way) -> Iterator[None]:
    """Treat the store's connections badly; where answers are to be lost, see that some were."""
    before = scene.stage.way.lost
    scene.stage.way.turn(way)
    yield
    scene.stage.way.heal()
    if way.loses and scene.stage.way.lost == before:
        raise LookupError(f"no answer to {way.loses.decode()} was lost")


def network(way: Way) -> Callable[[Scene], AbstractContextManager[None]]:
    """Return what treats the store's connections in that way."""
    return partial(turned, way=way)


WAYS = {
    "reset": Way(resets=True),
    "refuse": Way(refuses=True),
    "black hole": Way(silent=True),
    "delay 100 ms": Way(delay=0.1),
    "delay 400 ms": Way(delay=0.4),
    "trickle": Way(pace=0.05),
}

REPLIES = {
    "redis": (b"GET", b"EVALSHA", b"CLIENT"),
    "postgresql": (b"SELECT", b"INSERT", b"UPDATE"),
    "pgbouncer": (b"SELECT", b"UPDATE"),
    "mariadb": (b"SELECT", b"INSERT", b"UPDATE", b"COMMIT"),
}
"""Commands whose answers are lost."""


def of_network() -> Iterator[Fault]:
    """Yield what a network does to a store behind it."""
    for stage, commands in REPLIES.items():
        recovery = 2.0 if stage == "redis" else SQL
        for name, way in WAYS.items():
            yield Fault(f"{stage}: {name}", stage, network(way), recovery=recovery)
        for command in commands:
            way = Way(loses=command, every=3)
            yield Fault(f"{stage}: reply to {command.decode()} lost", stage, network(way), recovery=recovery)


SERVER = {
    "stop": on_servers.stopped,
    "kill -9": on_servers.killed,
    "SIGSTOP 5 s": on_servers.frozen,
    "connection storm": on_servers.stormed,
}

REDIS = {
    **SERVER,
    "OOM": on_redis.set_to("maxmemory", "1"),
    "READONLY": on_redis.read_only,
    "NOAUTH": on_redis.locked,
    "maxclients": on_redis.crowded,
    "BUSY": on_redis.busy,
    "NOREPLICAS": on_redis.set_to("min-replicas-to-write", "1"),
    "SCRIPT FLUSH": on_redis.repeated("SCRIPT", "FLUSH"),
    "LOADING": on_redis.loading,
    "MISCONF": on_redis.unsaved,
}

LOSING = {"FLUSHALL": on_redis.repeated("FLUSHALL"), "eviction": on_redis.evicting}


def of_redis() -> Iterator[Fault]:
    """Yield what happens to a single Redis."""
    for name, breaks in REDIS.items():
        yield Fault(f"redis: {name}", "redis", breaks, hold=5.0 if "SIGSTOP" in name else 2.0)
    yield Fault("redis: SIGSTOP 20 s", "redis", on_servers.frozen, hold=20.0)
    for name, breaks in {**SERVER, "LOADING": on_redis.loading}.items():
        yield Fault(f"valkey: {name}", "valkey", breaks, hold=5.0 if "SIGSTOP" in name else 2.0)
    for name, breaks in LOSING.items():
        yield Fault(f"redis: {name}", "redis", breaks, allows=LOSES)


def of_failovers() -> Iterator[Fault]:
    """Yield what happens to primaries that have replicas."""
    over = partial(Fault, hold=TAKEN_OVER + 2, recovery=TAKEN_OVER, heals_itself=True, allows=FAILS_OVER, spoils=True)
    yield over("sentinel: kill -9", "sentinel", on_primaries.killed)
    yield over("sentinel: SIGSTOP + CONT", "sentinel", on_primaries.frozen)
    yield Fault("sentinel: all but the primary silent", "sentinel", on_primaries.parted)
    yield Fault("sentinel: a dead one first", "dead sentinel", on_servers.untouched)
    yield over("cluster: kill -9", "cluster", on_primaries.node_killed)
    yield over("cluster: SIGSTOP", "cluster", on_primaries.node_frozen)
    yield Fault("cluster: 1,000 slots move", "cluster", on_primaries.slots_moved)


DATABASE = {
    "connections dropped": on_databases.dropped,
    "no connection left": on_databases.crowded,
    "rows locked": on_databases.rows_locked,
    "deadlocks": on_databases.colliding,
}


def of_databases() -> Iterator[Fault]:
    """Yield what happens to SQL databases."""
    for stage in ("postgresql", "mariadb"):
        for name, breaks in (SERVER | DATABASE).items():
            hold = 5.0 if "SIGSTOP" in name else 2.0
            yield Fault(f"{stage}: {name}", stage, breaks, hold=hold, recovery=SQL)
    yield Fault("pgbouncer: kill -9 of PostgreSQL", "pgbouncer", on_servers.killed, recovery=SQL)
    yield Fault("sqlite: locked", "sqlite", on_databases.file_locked, recovery=SQL)


def of_files() -> Iterator[Fault]:
    """Yield what happens to a folder of files; on a full disk the end of one session may be that of all."""
    yield Fault("files: truncated", "files", on_files.truncated, allows=LOSES)
    yield Fault("files: folder away", "files", on_files.folder_gone, allows=LOSES)
    yield Fault("files: symbolic links", "files", on_files.linked, allows=LOSES)
    yield Fault("files: EMFILE", "files", on_files.without_descriptors, recovery=10, allows=UNANSWERED, prompt=None)
    yield Fault("files: ENOSPC", "small disk", on_files.full, allows=LOSES)
    yield Fault("files: EROFS", "small disk", on_files.read_only)


FORKED = {"GUNICORN_CMD_ARGS": "--preload"}
"""A worker that takes the place of a dead one is there at once: what is measured is not how long an import takes."""
DEADLY = {"FAULTS_DEADLY": "1", **FORKED}
PRELOADED = {"FAULTS_PRELOADED": "1", **FORKED}


def of_app() -> Iterator[Fault]:
    """Yield what happens to the app itself; workers that are started anew take their time."""
    yield Fault("app: workers killed", "redis", on_app.workers_killed, recovery=10, allows=UNANSWERED, prompt=None)
    for path in ("/login", "/auth/refresh", "/auth/logout"):
        for when in ("before", "after"):
            name, breaks = f"app: kill -9 in {path.split('/')[-1]}, {when} the write", on_app.dying(path, when)
            yield Fault(name, "redis", breaks, recovery=SQL, allows=UNANSWERED, prompt=None, environment=DEADLY)
    raises = Allowance(statuses=TOLD | {500})
    yield Fault("app: loader raises", "redis", on_app.noted("loader", "raise"), allows=raises)
    yield Fault("app: loader takes 2 s", "redis", on_app.noted("loader", "2"), recovery=4, prompt=None)
    yield Fault("app: clock 2 s ahead on one host", "redis", on_app.another_clock)
    yield Fault("app: clock jumps 2 s ahead", "redis", on_app.noted("clock", "2"))
    yield Fault("app: a herd of 1,000", "redis", on_app.stampeded, recovery=4, prompt=None)
    yield Fault("app: --preload", "redis", on_servers.untouched, environment=PRELOADED)
    yield Fault("app: --preload, kill -9 of Redis", "redis", on_servers.killed, environment=PRELOADED)


FAULTS: list[Fault] = [*of_network(), *of_redis(), *of_failovers(), *of_databases(), *of_files(), *of_app()]

BY_NAME = {fault.name: fault for fault in FAULTS}
