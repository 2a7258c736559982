"""A connection that listens to a channel, and is read as the bytes arrive.

The driver makes the connection, but cannot read it: it would wait for the rest of a message, and would reconnect
by itself, hiding a gap.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

CHUNK = 65_536


class Listener:
    """One of the driver's connections that has subscribed to *channel* and may publish there, both as its server said.

    Raises what the driver raises, OSError, and ValueError for an answer that Redis would not give.
    """

    def __init__(self, connection: Any, channel: str, now: float) -> None:
        self.known_until: float = now
        """The time of the last beat that came back: all that was published before it has been read."""
        self._connection = connection
        self._buffer = b""
        self._connection.connect()
        self._sock = connection._sock  # noqa: SLF001 - the driver has no other way to it
        # To listeners this is no message at all; to us it proves that swaps may announce here.
        self._send("PUBLISH", channel, b"")
        self._connection.read_response()
        self._send("SUBSCRIBE", channel)
        self._await_subscription()
        self._sock.settimeout(0)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when data has arrived."""
        return int(self._sock.fileno())

    def read(self) -> list[bytes]:
        """Return the messages that have arrived completely."""
        self._receive()
        return [payload for kind, *_, payload in self._frames() if self._is_message(kind, payload)]

    def beat(self, now: float) -> None:
        """Ask for an echo of the time, which the server sends after all that was published before."""
        # Not by the driver, which would reconnect if the connection is lost.
        for packed in self._connection.pack_command("PING", repr(now)):
            self._sock.sendall(packed)

    def close(self) -> None:
        """Close the socket; the driver does not shut one down that a fork has copied."""
        self._connection.disconnect()

    def _send(self, *command: str | bytes) -> None:
        self._connection.send_command(*command, check_health=False)

    def _await_subscription(self) -> None:
        """Wait, as long as the driver would for an answer, until the server confirms the subscription."""
        while True:
            self._buffer += self._require(self._sock.recv(CHUNK))
            for kind, *_ in self._frames():
                if kind == b"subscribe":
                    return

    def _receive(self) -> None:
        """Read until nothing is left, in the socket or in the TLS above it, which no selector sees."""
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            while True:
                self._buffer += self._require(self._sock.recv(CHUNK))

    @staticmethod
    def _require(data: bytes) -> bytes:
        if not data:
            raise ConnectionResetError("the server has closed the connection")
        return data

    def _frames(self) -> Iterator[list[bytes]]:
        """Take the complete frames out of the buffer, in order."""
        at = 0
        try:
            while at < len(self._buffer):
                frame, at = _frame(self._buffer, at)
                yield frame
        except EOFError:
            return  # the rest of it is on its way
        finally:
            self._buffer = self._buffer[at:]

    def _is_message(self, kind: bytes, payload: bytes) -> bool:
        if kind == b"pong":
            self.known_until = float(payload)
        return kind == b"message"


def _frame(data: bytes, at: int) -> tuple[list[bytes], int]:
    """Return the array at that position, and the position after it. Raises EOFError while it is incomplete."""
    header, at = _line(data, at)
    if header[:1] != b"*":
        raise ValueError(f"the server answered a subscriber with {header[:80]!r}")
    parts = []
    for _ in range(int(header[1:])):
        part, at = _line(data, at)
        if part[:1] == b"$":
            start, at = at, at + int(part[1:]) + 2
            if at > len(data):
                raise EOFError
            parts.append(data[start : at - 2])
        else:
            parts.append(part[1:])
    return parts, at


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b"\r\n", at)
    if end < 0:
        raise EOFError
    return data[at:end], end + 2
