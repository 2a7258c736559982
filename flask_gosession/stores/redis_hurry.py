"""One budget of time for a whole call, however many servers the driver asks in it: each wait gets half of what is left.

Behind Sentinel and in a Cluster a server that is gone makes the driver look for another one. With a timeout for each
that it asks, the sum has no bound: 2.3 seconds were measured in a cluster with five silent nodes of six.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from typing import Any, ClassVar

from redis.connection import Connection

SHORTEST = 0.001
"""Seconds that a wait gets when the budget is used up: a timeout of 0 would mean not to wait at all, or for ever."""


class Hurry:
    """A context for one call at a time in each thread; it may take *budget* seconds."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._thread = threading.local()

    def __enter__(self) -> None:
        """Begin a call."""
        self._thread.deadline = time.monotonic() + self._budget

    def __exit__(self, *_exception: object) -> None:
        """End the call: what comes next is not in a hurry."""
        self._thread.deadline = math.inf

    def bound(self, patience: float) -> float:
        """Return how long to wait now: *patience* seconds, or half of what this thread's call has left."""
        left = getattr(self._thread, "deadline", math.inf) - time.monotonic()
        return min(patience, max(left / 2, SHORTEST))

    def connection(self, kind: type[Connection]) -> type[Connection]:
        """Return a class of connections like *kind* that hurry."""
        return type(f"Hurried{kind.__name__}", (_Hurried, kind), {"hurry": self})


class _Hurried:
    """Keeps the timeouts under the names that redis-py 8 gives them; older versions set them by our properties."""

    hurry: ClassVar[Hurry]
    _sock: socket.socket | None
    _socket_timeout: float
    _socket_connect_timeout: float

    @property
    def socket_timeout(self) -> float:
        return self.hurry.bound(self._socket_timeout)

    @socket_timeout.setter
    def socket_timeout(self, seconds: float) -> None:
        self._socket_timeout = seconds

    @property
    def socket_connect_timeout(self) -> float:
        return self.hurry.bound(self._socket_connect_timeout)

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, seconds: float) -> None:
        self._socket_connect_timeout = seconds

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        if self._sock is not None:
            self._sock.settimeout(self.socket_timeout)
        return super().read_response(*args, **kwargs)  # type: ignore[misc]  # of the class this is mixed into
