"""TCP keepalive: probes begin after a minute of silence, and keep firewalls from forgetting the connection.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress

IDLE, INTERVAL, COUNT = 60, 10, 3
"""Seconds before the first probe, seconds between probes, and how many may stay without an answer."""

SOCKET_OPTIONS: Mapping[int, int] = {
    getattr(socket, name): number
    for name, number in {"TCP_KEEPIDLE": IDLE, "TCP_KEEPINTVL": INTERVAL, "TCP_KEEPCNT": COUNT}.items()
    if hasattr(socket, name)
}
"""The same as the operating system calls it, as far as it can be told."""


def keep_alive(sock: socket.socket) -> None:
    """Let *sock* send probes; there is nothing to probe in a Unix socket."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with suppress(OSError):  # that it has been lost meanwhile is noticed when it is used
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, number in SOCKET_OPTIONS.items():
            sock.setsockopt(socket.IPPROTO_TCP, option, number)
