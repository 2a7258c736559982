"""What is done to the primary behind Sentinel, and to nodes of a Cluster."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import redis
import servers

from .runs import Scene
from .stages import primary_of


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    """Kill the primary; the replica takes its place."""
    watched = scene.stage.server
    watched.primary.kill()
    yield
    servers.wait_until(lambda: primary_of(watched) == watched.replica.port, "a promotion", 30)


@contextmanager
def frozen(scene: Scene) -> Iterator[None]:
    """Freeze the primary until the replica has taken its place, and let it wake as a former one."""
    watched = scene.stage.server
    watched.primary.freeze()
    yield
    servers.wait_until(lambda: primary_of(watched) == watched.replica.port, "a promotion", 30)
    watched.primary.thaw()


@contextmanager
def parted(scene: Scene) -> Iterator[None]:
    """Cut the primary off from replica and Sentinels, not from the app, for less time than a promotion takes."""
    watched = scene.stage.server
    with redis.Redis(port=watched.replica.port) as replica:
        replica.config_set("replica-announce-port", watched.replica.port)
    for one in (watched.replica, *watched.sentinels):
        one.freeze()
    yield
    for one in (watched.replica, *watched.sentinels):
        one.thaw()


@contextmanager
def node_killed(scene: Scene) -> Iterator[None]:
    """Kill one primary of a Cluster; its replica takes its place, and it comes back as that one's replica."""
    scene.stage.server[0].kill()
    yield
    scene.stage.server[0].start()


@contextmanager
def node_frozen(scene: Scene) -> Iterator[None]:
    """Freeze one primary of a Cluster."""
    scene.stage.server[0].freeze()
    yield
    scene.stage.server[0].thaw()


@contextmanager
def slots_moved(scene: Scene) -> Iterator[None]:
    """Move a thousand slots from one primary to another, with the records in them."""
    ports = [node.port for node in scene.stage.server[:2]]
    ids = []
    for port in ports:
        with redis.Redis(port=port) as client:
            ids.append(client.execute_command("CLUSTER", "MYID").decode())
    options = ["--cluster-from", ids[0], "--cluster-to", ids[1], "--cluster-slots", "1000", "--cluster-yes"]
    move = ["redis-cli", "--cluster", "reshard", f"127.0.0.1:{ports[0]}", *options]
    subprocess.run(move, check=True, capture_output=True, timeout=60)
    yield
