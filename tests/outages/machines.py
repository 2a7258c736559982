"""Redis servers that a test can stop, kill, freeze and bring back on the same port, alone and in company."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import redis
import servers

DURABLE = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
VALKEY_SERVER = shutil.which("valkey-server")


class Machine:
    """One server process in a directory of its own, which survives it."""

    def __init__(self, *options: str, program: str = "redis-server", config: str = "") -> None:
        self.port = servers.free_port()
        self._directory = tempfile.TemporaryDirectory(prefix="gs-")
        path = Path(self._directory.name) / "own.conf"
        path.write_text(config)
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._directory.name, "--logfile", "log"]
        self._command = [program, str(path), *options, *place]
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        servers.wait_until(lambda: servers.answers(self._process, self.port), f"an answer on port {self.port}")

    def stop(self) -> None:
        """Let it shut down in order."""
        self._process.terminate()
        self._process.wait(servers.PATIENCE)

    def kill(self) -> None:
        """End it as a power cut does, as far as a process can feel one."""
        self._process.kill()
        self._process.wait(servers.PATIENCE)

    def freeze(self) -> None:
        """Let the system accept connections, and nobody answer them."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        self._directory.cleanup()


@contextmanager
def machine(*options: str, program: str = "redis-server") -> Iterator[Machine]:
    """Run a durable server until the block ends."""
    with closing(Machine(*DURABLE, *options, program=program)) as one:
        yield one


class Watched(NamedTuple):
    """A primary and a replica, and the three Sentinels that watch them."""

    primary: Machine
    replica: Machine
    sentinels: list[Machine]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/service/0"


@contextmanager
def watched_by_sentinels(down_after: int) -> Iterator[Watched]:
    """Run a primary with a replica, and three Sentinels that miss them after *down_after* milliseconds."""
    with ExitStack() as stack:
        primary = stack.enter_context(machine())
        replica = stack.enter_context(machine("--replicaof", f"127.0.0.1 {primary.port}"))
        with redis.Redis(port=replica.port) as client:
            servers.wait_until(lambda: client.info("replication")["master_link_status"] == "up", "replication")
        watch = (
            f"sentinel monitor service 127.0.0.1 {primary.port} 2\n"
            f"sentinel down-after-milliseconds service {down_after}\n"
            "sentinel failover-timeout service 5000\n"
        )
        sentinels = [stack.enter_context(closing(Machine("--sentinel", config=watch))) for _ in range(3)]
        for one in sentinels:
            with redis.Redis(port=one.port) as client:
                servers.wait_until(lambda client=client: _sees_all(client), "Sentinels that know each other", 30)
        yield Watched(primary, replica, sentinels)


def _sees_all(client: redis.Redis) -> bool:
    state = client.sentinel_master("service")
    return state["num-other-sentinels"] == 2 and state["num-slaves"] == 1


@contextmanager
def cluster(node_timeout: int) -> Iterator[list[Machine]]:
    """Run a cluster of three primaries (first) with a replica each, which miss each other after so many ms."""
    with ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout))
        # The usual bus port, ten thousand above the other, may lie beyond the last port.
        nodes = [stack.enter_context(machine(*options, "--cluster-port", str(servers.free_port()))) for _ in range(6)]
        hosts = [f"127.0.0.1:{one.port}" for one in nodes]
        subprocess.run(
            ["redis-cli", "--cluster", "create", *hosts, "--cluster-replicas", "1", "--cluster-yes"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        for one in nodes:
            with redis.Redis(port=one.port) as client:
                servers.wait_until(lambda client=client: _is_whole(client), "a cluster that is whole", 30)
        yield nodes


def _is_whole(client: redis.Redis) -> bool:
    replicas = client.info("replication")
    linked = (
        replicas["connected_slaves"] == 1 if replicas["role"] == "master" else replicas["master_link_status"] == "up"
    )
    return linked and client.cluster("INFO")["cluster_state"] == "ok"
