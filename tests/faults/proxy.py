"""A proxy between an app and a server, which breaks the connection in the ways that networks do."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import servers

CHUNK = 65536


class Way(NamedTuple):
    """How connections are treated; as it stands, they are left alone."""

    refuses: bool = False
    """No connection is accepted, and those that there were are gone."""
    resets: bool = False
    """Each connection is reset as soon as something is said on it."""
    silent: bool = False
    """Connections are accepted, and nothing is passed on."""
    delay: float = 0.0
    """Seconds that an answer is late."""
    pace: float = 0.0
    """Seconds between two bytes of an answer."""
    loses: bytes = b""
    """The server gets a message with these bytes; instead of its answer the client gets a reset."""
    every: int = 1
    """Only every so manieth of those messages."""


class FaultProxy:
    """Passes bytes both ways; `way` says how badly, and may change at any time."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = (host, port)
        self.port = servers.free_port()
        self.way = Way()
        self.lost = 0
        """How many answers were lost on purpose."""
        self.heard = asyncio.Event()
        """Set while something is passed on."""
        self._seen = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listener: asyncio.Server | None = None
        self._do(self._listen())

    def turn(self, way: Way) -> None:
        """Treat connections in another way from now on."""
        self._do(self._turn(way))

    def heal(self) -> None:
        """Leave new connections alone; those that were treated badly are reset."""
        self.turn(Way())

    def close(self) -> None:
        """End every connection and the thread."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(servers.PATIENCE)
        self._loop.close()

    def _do(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(servers.PATIENCE)

    async def _listen(self) -> None:
        self.heard.set()
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _unlisten(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _turn(self, way: Way) -> None:
        broken, self.way = self.way, way
        (self.heard.clear if way.silent else self.heard.set)()
        if way.refuses:
            await self._unlisten()
        elif self._listener is None:
            await self._listen()
        if way.refuses or way.resets or way.loses or broken.silent:
            self._reset(*self._writers)

    async def _end(self) -> None:
        await self._unlisten()
        self._reset(*self._writers)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _reset(self, *writers: asyncio.StreamWriter) -> None:
        for writer in writers:
            with suppress(OSError, AttributeError):
                now = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            writer.transport.abort()
            self._writers.discard(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            upstream, sink = await asyncio.open_connection(*self._target)
        except OSError:
            self._reset(writer)
            return
        self._writers.add(sink)
        passage = Passage(self, writer)
        with suppress(OSError, asyncio.CancelledError):
            pumps = [asyncio.ensure_future(passage.ask(reader, sink)), asyncio.ensure_future(passage.answer(upstream))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        self._reset(writer, sink)

    def is_to_lose(self, message: bytes) -> bool:
        """Whether the answer to *message* is to be lost."""
        if not self.way.loses or self.way.loses not in message:
            return False
        self._seen += 1
        return self._seen % self.way.every == 0


class Passage:
    """One connection through the proxy."""

    def __init__(self, proxy: FaultProxy, client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._loses_next = False

    async def ask(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if self._proxy.way.resets:
                return
            await self._while_silent()
            self._loses_next = self._loses_next or self._proxy.is_to_lose(data)
            server.write(data)
            await server.drain()

    async def answer(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK):
            if self._loses_next:
                self._proxy.lost += 1
                return
            await self._while_silent()
            if self._proxy.way.delay:
                await asyncio.sleep(self._proxy.way.delay)
            while data and self._proxy.way.pace:
                self._client.write(data[:1])
                data = data[1:]
                await asyncio.sleep(self._proxy.way.pace)
            self._client.write(data)
            await self._client.drain()

    async def _while_silent(self) -> None:
        await self._proxy.heard.wait()


@contextmanager
def fault_proxy(port: int) -> Iterator[FaultProxy]:
    """Run a proxy to a port of this machine until the block ends."""
    proxy = FaultProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
