"""A relay between a client and a server, which the test can make silent or slow without touching the server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Passes bytes both ways while ``passing`` is set; what arrives meanwhile waits.

    While *drips* is set, what the server says is passed on byte by byte, ten a second.
    """

    def __init__(self, host: str, port: int, drips: threading.Event | None = None) -> None:
        self._drips = drips or threading.Event()
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port = int(self._listener.getsockname()[1])
        self.passing = threading.Event()
        self.passing.set()
        self._start(self._accept)

    def close(self) -> None:
        self.passing.set()
        self._drips.clear()
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def _start(self, work, *arguments, **options) -> None:
        thread = threading.Thread(target=work, args=arguments, kwargs=options, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                self._start(self._pass, client, server, sink_drips=False)
                self._start(self._pass, server, client, sink_drips=True)

    def _pass(self, source: socket.socket, sink: socket.socket, *, sink_drips: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.passing.wait()
                while data and sink_drips and self._drips.is_set():
                    sink.sendall(data[:1])
                    data = data[1:]
                    time.sleep(0.1)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def relay(host: str, port: int, drips: threading.Event | None = None) -> Iterator[Relay]:
    """Run a relay to *host* and *port* until the block ends."""
    running = Relay(host, port, drips)
    try:
        yield running
    finally:
        running.close()
