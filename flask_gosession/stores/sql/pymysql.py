"""A PyMySQL connection with a deadline: its own timeouts bound the wait for the next bytes, not for the answer."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flask_gosession.deadline import bounded, refuse_late


def bounded_connection() -> Any:
    """Return a class of connections whose waits, including that of the log-in, all end with their operation."""
    parent: Any = import_module("pymysql.connections").Connection
    return type("BoundedConnection", (parent,), {"_rfile": property(_file, _set_file)})


def _file(connection: Any) -> Any:
    return vars(connection).get("_bounded_file")


def _set_file(connection: Any, file: Any) -> None:
    vars(connection)["_bounded_file"] = None if file is None else _BoundedFile(file, connection)


class _BoundedFile:
    """The file that PyMySQL reads answers from."""

    def __init__(self, file: Any, connection: Any) -> None:
        self._file = file
        self._connection = connection

    def read(self, size: int) -> bytes:
        sock, timeout = self._connection._sock, self._connection._read_timeout  # noqa: SLF001 - there are no other names
        parts = []
        try:
            while size > 0:
                refuse_late()
                sock.settimeout(bounded(timeout))
                part = self._file.read1(size)
                if not part:
                    break
                parts.append(part)
                size -= len(part)
        finally:
            sock.settimeout(timeout)
        return b"".join(parts)

    def close(self) -> None:
        self._file.close()
