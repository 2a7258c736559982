"""HTTPXAuth in async clients and with streams."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest

from flask_gosession.client import HTTPXAuth

from .little_server import START, Clock, LittleServer, unavailable


@pytest.fixture
def auth(server: LittleServer, clock: Clock) -> HTTPXAuth:
    return HTTPXAuth(server.pair(), base_url=server.url, clock=clock)


@pytest.fixture
def client(auth: HTTPXAuth) -> Iterator[httpx.Client]:
    with httpx.Client() as made:
        made.auth = auth
        yield made


def test_async_tasks_make_one_refresh(server: LittleServer, auth: HTTPXAuth) -> None:
    """32 tasks of an async client with an expired token make exactly one refresh, and every request succeeds."""
    server.exp = START - 1

    async def main() -> set[int]:
        async with httpx.AsyncClient(auth=auth, limits=httpx.Limits(max_connections=32)) as client:
            answers = await asyncio.gather(*(client.get(f"{server.url}/page") for _ in range(32)))
        return {answer.status_code for answer in answers}

    assert asyncio.run(main()) == {200}
    assert server.refreshes == 1


def test_a_cancelled_task_does_not_stop_the_others(server: LittleServer, auth: HTTPXAuth) -> None:
    """A leader that is cancelled in the middle of its refresh frees the way for the next one."""
    server.exp = START - 1
    reached, go_on = threading.Event(), threading.Event()
    server.refresh_answer = unavailable()

    def slow() -> None:
        server.before_refresh = server.refresh_answer = None
        reached.set()
        go_on.wait(10)

    server.before_refresh = slow

    async def main() -> int:
        async with httpx.AsyncClient(auth=auth) as client:
            first = asyncio.create_task(client.get(f"{server.url}/page"))
            await asyncio.to_thread(reached.wait, 10)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            go_on.set()
            return (await client.get(f"{server.url}/page")).status_code

    assert asyncio.run(main()) == 200


def test_a_streamed_answer_stays_a_stream(client: httpx.Client, server: LittleServer) -> None:
    """An answer that is streamed is not read by the auth."""
    with client.stream("GET", f"{server.url}/page") as response:
        assert not response.is_stream_consumed
        assert response.read() == b'{"ok": true}'
