"""Real servers for the tests: each on a free port of its own, waited for until it answers, stopped by its process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import fakeredis
import redis

PATIENCE = 15.0
REDIS_SERVER = shutil.which("redis-server")
WITHOUT_REDIS = "redis-server is not installed; install it, or point --store at a running server"


class RedisAt(NamedTuple):
    """A running server."""

    port: int
    directory: Path

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def socket(self) -> Path:
        return self.directory / "redis.sock"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Return as soon as *true* is, asked a hundred times a second; fail with a sentence after *patience* seconds."""
    pause = threading.Event()
    for _ in range(int(patience * 100)):
        if true():
            return
        pause.wait(0.01)
    raise TimeoutError(f"{what} did not happen within {patience:g} seconds")


@contextmanager
def running_redis(*options: str, binary: str = "redis-server", port: int = 0) -> Iterator[RedisAt]:
    """Run a redis-server, or another binary of its kind, in a directory of its own until the block ends."""
    port = port or free_port()
    # Not pytest's own directory: the path of a Unix socket is limited to about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="gs-") as name:
        at = RedisAt(port, Path(name))
        fixed = ["--port", str(port), "--bind", "127.0.0.1", "--dir", name, "--logfile", f"{name}/log"]
        if binary == "redis-server":
            fixed += ["--save", "", "--unixsocket", str(at.socket), "--enable-debug-command", "yes"]
        process = subprocess.Popen([binary, *_config(options, at), *fixed], stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: _answers(process, port), f"an answer of {binary} on port {port}")
            yield at
        finally:
            process.kill()
            process.wait()


def _config(options: tuple[str, ...], at: RedisAt) -> list[str]:
    """Sentinel wants a file that it may rewrite; a text with line ends becomes one."""
    if len(options) != 1 or "\n" not in options[0]:
        return list(options)
    path = at.directory / "server.conf"
    path.write_text(options[0])
    return [str(path)]


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the server on port {port} ended at once")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) in (b"+PONG", b"-NOAU", b"-NOPE")
    except OSError:
        return False


@contextmanager
def running_fakeredis() -> Iterator[str]:
    """Serve a fakeredis by TCP, for processes where no redis-server is installed; yield its URL."""
    port = free_port()
    server = fakeredis.TcpFakeServer(("127.0.0.1", port))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def black_hole() -> Iterator[int]:
    """Listen on a port where connections are accepted and nothing is ever answered; yield the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield int(listener.getsockname()[1])


@contextmanager
def served_tls(directory: Path) -> Iterator[tuple[str, Path]]:
    """Run a Redis that speaks TLS only, with a certificate of its own; yield its URL and the CA file."""
    certificate, key, port = directory / "tls.crt", directory / "tls.key", free_port()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    options = ["--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    with running_redis(*options, "--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no"):
        wait_until(lambda: _speaks_tls(port, certificate), f"a TLS handshake on port {port}")
        yield f"rediss://127.0.0.1:{port}/0", certificate


def _speaks_tls(port: int, certificate: Path) -> bool:
    with redis.Redis(port=port, ssl=True, ssl_ca_certs=str(certificate)) as client:
        return bool(client.ping())
