"""What is done to a single Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import redis
import servers

from .runs import Scene
from .stages import redis_of


def set_to(name: str, value: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """Return what sets a parameter of Redis, and sets it back."""

    @contextmanager
    def changed(scene: Scene) -> Iterator[None]:
        with redis_of(scene.stage) as client:
            former = client.config_get(name)[name]
            client.config_set(name, value)
            yield
            client.config_set(name, former)

    return changed


@contextmanager
def evicting(scene: Scene) -> Iterator[None]:
    """Let Redis throw records away because it is full."""
    with ExitStack() as stack:
        for name, value in (("maxmemory-policy", "allkeys-random"), ("maxmemory", "1mb")):
            stack.enter_context(set_to(name, value)(scene))
        yield


@contextmanager
def read_only(scene: Scene) -> Iterator[None]:
    """Make the server a replica of nobody who answers: it refuses writes."""
    with redis_of(scene.stage) as client:
        client.config_set("replica-serve-stale-data", "yes")
        client.replicaof("127.0.0.1", 1)
        yield
        client.replicaof("NO", "ONE")


@contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """Demand a password that the app does not have."""
    port = scene.stage.server.port
    with redis.Redis(port=port) as client:
        client.config_set("requirepass", "secret")
        client.client_kill_filter(skipme=True, _type="normal")
    yield
    with redis.Redis(port=port, password="secret") as client:
        client.config_set("requirepass", "")


@contextmanager
def crowded(scene: Scene) -> Iterator[None]:
    """Let the server take no more clients than it has: us."""
    with redis_of(scene.stage) as client:
        client.ping()
        client.config_set("maxclients", "1")
        client.client_kill_filter(skipme=True, _type="normal")
        yield
        client.config_set("maxclients", "10000")


@contextmanager
def busy(scene: Scene) -> Iterator[None]:
    """Keep the server busy with a script that does not end before it is killed."""
    with redis_of(scene.stage) as client, redis_of(scene.stage) as other:
        client.config_set("busy-reply-threshold", "100")
        connection = other.connection_pool.get_connection()
        connection.send_command("EVAL", "while true do end", 0)
        yield
        client.script_kill()
        connection.disconnect()


@contextmanager
def loading(scene: Scene) -> Iterator[None]:
    """Let the server read anew what it has written, and take its time; it refuses everything meanwhile."""
    with redis_of(scene.stage) as client, redis_of(scene.stage) as other:
        client.config_set("loading-process-events-interval-bytes", "1024")
        client.config_set("key-load-delay", "20000")
        connection = other.connection_pool.get_connection()
        connection.send_command("DEBUG", "RELOAD")
        servers.wait_until(lambda: client.info("persistence")["loading"], "loading")
        yield
        client.config_set("key-load-delay", "0")
        servers.wait_until(lambda: not client.info("persistence")["loading"], "the end of the loading")
        connection.disconnect()


@contextmanager
def unsaved(scene: Scene) -> Iterator[None]:
    """Let a snapshot fail, after which the server refuses writes (MISCONF)."""
    with redis_of(scene.stage) as client:
        obstacle = Path(client.config_get("dir")["dir"], client.config_get("dbfilename")["dbfilename"])
        obstacle.unlink(missing_ok=True)  # a server that was stopped has saved what it had
        obstacle.mkdir()
        with set_to("save", "3600 1")(scene):
            client.bgsave()
            servers.wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "a failure")
            yield
            obstacle.rmdir()


def repeated(*command: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """Return what sends a command before and after."""

    @contextmanager
    def sent(scene: Scene) -> Iterator[None]:
        with redis_of(scene.stage) as client:
            client.execute_command(*command)
            yield
            client.execute_command(*command)

    return sent
