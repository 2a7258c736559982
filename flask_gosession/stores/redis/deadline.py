"""Connections whose waits all end with their operation.

Behind Sentinel and in a Cluster, if a server is gone the driver looks for another one, so each wait gets half of
what is left there: with a timeout for each server that is asked, a cluster with five silent nodes of six took 2.3
seconds. A socket's timeout bounds only the wait for the next byte: an answer that trickled in took 17 seconds.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import monotonic
from typing import Any, ClassVar

from redis.connection import AbstractConnection

from flask_gosession.deadline import bounded, current_operation, refuse_late


def with_deadline(kind: type[AbstractConnection], *, share: float = 1.0) -> type[AbstractConnection]:
    """Return a class of connections like *kind* whose waits each take at most *share* of the time left."""
    base = _WithDeadline if share == 1 else _WithShare
    return type(f"WithDeadline{kind.__name__}", (base, kind), {"share": share})


class _BoundedSocket:
    """A socket whose reads all end with the current operation, however few bytes arrive at a time."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._sock = sock
        self.sendall: Callable[[bytes], None] = sock.sendall
        self._timeout: float | None = timeout
        self._shortened = True

    def recv(self, *args: Any) -> bytes:
        self._bound()
        return self._sock.recv(*args)

    def recv_into(self, *args: Any) -> int:
        self._bound()
        return self._sock.recv_into(*args)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout, self._shortened = seconds, False
        self._sock.settimeout(seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def _bound(self) -> None:
        """Shorten the timeout to the time left, and restore it afterwards."""
        if self._timeout and current_operation().ends - monotonic() < self._timeout:
            refuse_late()
            self._sock.settimeout(bounded(self._timeout))
            self._shortened = True
        elif self._shortened:
            self.settimeout(self._timeout)


class _WithDeadline:
    """Keeps the timeouts under the names that redis-py 8 gives them; older versions set them by our properties."""

    share: ClassVar[float]
    _sock: Any
    _socket_timeout: float
    _socket_connect_timeout: float

    @property
    def socket_timeout(self) -> float:
        return bounded(self._socket_timeout, share=self.share)

    @socket_timeout.setter
    def socket_timeout(self, seconds: float) -> None:
        self._socket_timeout = seconds

    @property
    def socket_connect_timeout(self) -> float:
        return bounded(self._socket_connect_timeout, share=self.share)

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, seconds: float) -> None:
        self._socket_connect_timeout = seconds

    def _connect(self) -> _BoundedSocket:
        return _BoundedSocket(super()._connect(), self._socket_timeout)  # type: ignore[misc]  # of what it is mixed into


class _WithShare(_WithDeadline):
    """Lets an answer take its share of the time left."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        if self._sock is not None:
            self._sock.settimeout(self.socket_timeout)
        # Sentinel's connections would stay open after an interruption, with the answer to come for whoever is next.
        kwargs = {"disconnect_on_error": True, **kwargs}
        return super().read_response(*args, **kwargs)  # type: ignore[misc]  # of the class this is mixed into
