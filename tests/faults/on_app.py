"""What is done to the app: workers die, its loader fails or hangs, its clock is wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from .app import COUNTED, USER_TTL
from .model import NOT_ANSWERED, Answer
from .people import ask
from .runs import Scene
from .site import running

HERD = 1000


@contextmanager
def workers_killed(scene: Scene) -> Iterator[None]:
    """Kill all workers at once."""
    scene.site.kill_workers()
    yield


def dying(path: str, when: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """Return what lets workers die inside of a request, before or after the store has been written."""

    @contextmanager
    def deadly(scene: Scene) -> Iterator[None]:
        scene.load.deadly = {path: when}
        yield
        scene.load.deadly = {}

    return deadly


def noted(name: str, text: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """Return what leaves a note for the workers, and takes it away."""

    @contextmanager
    def left(scene: Scene) -> Iterator[None]:
        scene.site.note(name, text)
        yield
        scene.site.forget(name)

    return left


@contextmanager
def stampeded(scene: Scene) -> Iterator[None]:
    """Let a thousand requests for one user come at once, whose load takes a while."""
    subject = f"{COUNTED}{scene.load.number}"
    attempt = scene.model.logging_in(subject, time.monotonic(), single=False)
    answer = ask(scene.site.port, "POST", "/login", body={"user": subject, "client": "web"})
    session = scene.model.logged_in(attempt, answer, single=False)
    assert session is not None
    scene.site.note("loader", "0.3")
    began = time.monotonic()
    for status in asyncio.run(_herd(scene.site.port, session.access)):
        scene.model.checked(session, Answer("/me", status, began, time.monotonic(), 0.0, {"sub": subject}))
    seconds, loads = time.monotonic() - began, scene.site.noted("loads").split().count(subject)
    most = len(scene.site.workers()) * (seconds / USER_TTL + 2)
    if loads > most:
        scene.model.found(0, f"one user was loaded {loads} times in {seconds:.1f} s", began)
    yield
    scene.site.forget("loader")


async def _herd(port: int, token: str) -> list[int]:
    """Send a thousand requests at once, and return the statuses of the answers."""
    request = f"GET /me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"

    async def one() -> int:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.encode())
            answer = await reader.read()
            writer.close()
        except OSError:
            return NOT_ANSWERED
        return int(answer.split(b" ", 2)[1]) if answer else NOT_ANSWERED

    return list(await asyncio.gather(*(one() for _ in range(HERD))))


@contextmanager
def another_clock(scene: Scene, seconds: str = "2") -> Iterator[None]:
    """Let a second host, whose clock is ahead, serve every other request."""
    with running(scene.stage.url, "gthread", FAULTS_SKEW=seconds) as other:
        scene.load.use([scene.site.port, other.port])
        yield
        scene.load.use([scene.site.port])
