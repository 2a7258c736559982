"""Real servers for the tests: each on a free port of its own, waited for until it answers, stopped by its process."""

from __future__ import annotations

import os
import select
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import fakeredis
import redis
from werkzeug.serving import WSGIRequestHandler, make_server

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
def running_redis(*options: str) -> Iterator[RedisAt]:
    """Run a redis-server in a directory of its own until the block ends."""
    # Not pytest's own directory: the path of a Unix socket is limited to about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="gs-") as name:
        at = RedisAt(free_port(), Path(name))
        own = ["--save", "", "--unixsocket", str(at.socket), "--enable-debug-command", "yes"]
        with _running([*own, *options], at):
            yield at


@contextmanager
def running_sentinel(config: str) -> Iterator[RedisAt]:
    """Run a Sentinel with these lines of configuration until the block ends."""
    with tempfile.TemporaryDirectory(prefix="gs-") as name:
        at = RedisAt(free_port(), Path(name))
        path = at.directory / "sentinel.conf"
        path.write_text(config)
        with _running([str(path), "--sentinel"], at):
            yield at


@contextmanager
def _running(options: list[str], at: RedisAt) -> Iterator[None]:
    place = ["--port", str(at.port), "--bind", "127.0.0.1", "--dir", str(at.directory), "--logfile", "log"]
    process = subprocess.Popen(["redis-server", *options, *place], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(process, at.port), f"an answer of redis-server on port {at.port}")
        yield
    finally:
        process.kill()
        process.wait()


def answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Return whether a Redis answers on *port*; raise when the process that should has ended."""
    if process.poll() is not None:
        raise RuntimeError(f"the server on port {port} ended at once")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) in (b"+PONG", b"-NOAU", b"-NOPE")
    except OSError:
        return False


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Let *server* serve in a thread until the block ends; then it is closed."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running_fakeredis() -> Iterator[str]:
    """Serve a fakeredis by TCP, for processes where no redis-server is installed; yield its URL."""
    port = free_port()
    server = fakeredis.TcpFakeServer(("127.0.0.1", port))
    server.daemon_threads = True
    # This server hangs up after every error it answers, NOSCRIPT too: so that there is none, it gets the script first.
    with fakeredis.FakeRedis(server=server.fake_server) as client:
        client.script_load(files("flask_gosession.stores.redis").joinpath("swap.lua").read_text("utf-8"))
    with serving(server):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def black_hole() -> Iterator[int]:
    """Listen on a port where connections are accepted and nothing is ever answered; yield the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield int(listener.getsockname()[1])


@contextmanager
def swallowing_proxy(port: int, command: bytes) -> Iterator[int]:
    """Pass on what goes to and from *port*, but no answer once *command* has gone there; yield the proxy's port."""

    class Passage(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as upstream:
                pass_on(self.request, upstream, command)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Passage)
    with serving(server):
        yield server.server_address[1]


def pass_on(client: socket.socket, upstream: socket.socket, last_command: bytes) -> None:
    """Carry bytes both ways until either side closes; after *last_command* only towards the server."""
    silent = False
    while True:
        readable, _, _ = select.select([client, upstream], [], [], PATIENCE)
        for source in readable:
            data = source.recv(65536)
            if not data:
                return
            silent = silent or (source is client and last_command in data)
            if source is client:
                upstream.sendall(data)
            elif not silent:
                client.sendall(data)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def served(app: Callable[..., Any]) -> Iterator[str]:
    """Serve a WSGI app on a port of its own until the block ends; yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    with serving(server):
        yield f"http://127.0.0.1:{server.port}"


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
