"""A server that speaks just enough of Redis to answer every command in the same odd way."""

from __future__ import annotations

import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from servers import serving

Reply = Callable[[Any, bytes], None]
"""Answers, on a socket, the name of a command."""


@contextmanager
def odd_redis(reply: Reply) -> Iterator[int]:
    """Answer set-up commands with OK and all others by *reply*; yield the port."""

    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                words = [self._word() for _ in range(int(line[1:]))]
                try:
                    if words[0] in (b"CLIENT", b"SELECT"):
                        self.request.sendall(b"+OK\r\n")
                    else:
                        reply(self.request, words[0])
                except OSError:
                    return

        def _word(self) -> bytes:
            length = int(self.rfile.readline()[1:])
            return self.rfile.read(length + 2)[:-2]

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 500

        def handle_error(self, *_arguments: object) -> None: ...

    server = Server(("127.0.0.1", 0), Connection)
    with serving(server):
        yield server.server_address[1]
