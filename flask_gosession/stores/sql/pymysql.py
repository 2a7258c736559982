"""A PyMySQL connection with a deadline: its own timeouts bound the wait for the next bytes, not for the answer."""

from __future__ import annotations

import math
import ssl
from importlib import import_module
from typing import Any

from flask_gosession.deadline import bounded, refuse_late
from flask_gosession.stores.keepalive import keep_alive

AHEAD = 16_384
"""Bytes that are received at once, if so many are there: as many as TLS hands over at most."""


def bounded_connection() -> Any:
    """Return a class of connections for one engine, whose waits, also those of the log-in, end with their operation.

    They share one TLS context. PyMySQL makes one per connection, also for a server without TLS, and reads all the
    certificates of the system for it: 30 ms of the processor, which threads that connect together spend in turn.
    """
    parent: Any = import_module("pymysql.connections").Connection
    made: dict[type, Any] = {}

    def one_context(connection: Any, options: Any) -> Any:
        kind = ssl.SSLContext  # once gevent has put another class in its place, a context of the former one fails
        if kind not in made:  # the options of an engine stay what they are
            made[kind] = parent._create_ssl_ctx(connection, options)  # noqa: SLF001 - it has no other name
        return made[kind]

    def connect(connection: Any, sock: Any = None) -> None:
        parent.connect(connection, sock)
        keep_alive(connection._sock)  # noqa: SLF001 - PyMySQL leaves it to the system when probes begin: after two hours

    parts = {
        "connect": connect,
        "_create_ssl_ctx": one_context,
        "_rfile": property(_file, _set_file),
        "connect_timeout": property(_connect_timeout, _set_connect_timeout),
    }
    return type("BoundedConnection", (parent,), parts)


def _connect_timeout(connection: Any) -> float:
    return bounded(vars(connection)["_longest_connect"])


def _set_connect_timeout(connection: Any, seconds: float | None) -> None:
    vars(connection)["_longest_connect"] = math.inf if seconds is None else seconds


def _file(connection: Any) -> Any:
    return vars(connection).get("_bounded_file")


def _set_file(connection: Any, file: Any) -> None:
    former = _file(connection)
    vars(connection)["_bounded_file"] = None if file is None else _BoundedFile(file, connection)
    if file is None and former is not None:
        former.close()  # or the socket of a connection that failed stays open for as long as its error is kept


class _BoundedFile:
    """The file that PyMySQL reads answers from: it asks twice for each row, so this receives ahead."""

    def __init__(self, file: Any, connection: Any) -> None:
        self._file = file
        self._connection = connection
        self._arrived = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Return *size* bytes, fewer at the end of the stream."""
        if self._at + size > len(self._arrived):
            left = self._arrived[self._at :]
            self._arrived, self._at = left + self._receive(size - len(left)), 0
        part = self._arrived[self._at : self._at + size]
        self._at += size
        return part

    def _receive(self, least: int) -> bytes:
        """Wait for *least* bytes, and return those that have come with them, too."""
        sock, timeout = self._connection._sock, self._connection._read_timeout  # noqa: SLF001 - there are no other names
        parts = []
        try:
            while least > 0:
                refuse_late()
                sock.settimeout(bounded(timeout))
                part = self._file.read1(max(least, AHEAD))
                if not part:
                    break
                parts.append(part)
                least -= len(part)
        finally:
            sock.settimeout(timeout)
        return b"".join(parts)

    def close(self) -> None:
        self._file.close()
