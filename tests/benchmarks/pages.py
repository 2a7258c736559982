"""What a page costs that is open and waits to hear of its session's end, by a stream or by asking, and how soon."""

from __future__ import annotations

import os
import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask

import flask_gosession
from flask_gosession import GoSession, SessionManager
from flask_gosession.engine.endings import LOOK_EVERY

from . import sites
from .bench import TINY, Bench, Lines, said
from .measure import part, side_by_side
from .served import serving

PREFIX = "bench-pages"
PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def site(bench: Bench) -> tuple[Flask, SessionManager]:
    """Return an app with the ready-made endpoints, and its sessions."""
    app = sites.site("pages")
    app.config.update(GOSESSION_STORE=bench.url, GOSESSION_KEY_PREFIX=PREFIX)
    gosession: GoSession[Any] = GoSession(app)
    app.register_blueprint(gosession.blueprint())
    with app.app_context():
        manager = gosession.manager
    bench.closing.callback(manager.close)
    return app, manager


def application() -> Flask:
    """Return the app that a worker of gunicorn serves."""
    return site(ExitStack().enter_context(Bench.at(os.environ["BENCH_REDIS"], TINY)))[0]


def pages(bench: Bench) -> Lines:
    """Measure what open pages cost under gevent, that hold a stream or ask, and how soon they hear of the end."""
    app, manager = site(bench)
    token = manager.login("ada", device=sites.HERE).access_token
    yield from _asking(bench, app, token)
    if find_spec("gevent") is None or find_spec("gunicorn") is None or not PROC.is_dir():
        yield "  streams are left out: gevent, gunicorn and Linux are needed."
        return
    with serving("pages", bench.url, "benchmarks.pages:application()", worker="gevent") as (port, master):
        yield from _streaming(bench, port, _worker_of(master), token)
        yield from _hearing(bench, port, manager)


def _asking(bench: Bench, app: Flask, token: str) -> Lines:
    headers = {"Authorization": f"Bearer {token}"}
    tag = app.test_client().get("/auth/events", headers=headers).headers["ETag"]
    environ = sites.environ_of(sites.stack(app, "/auth/events", **headers, **{"If-None-Match": tag}))
    assert sites.status_of(app, environ) == "304"
    bare = sites.call(sites.bare(bench.client)["bare"])
    cases = {"bare": bare, "asked": lambda: sites.status_of(app, environ)}
    times = side_by_side(cases, rounds=bench.scale.rounds, calls=bench.scale.calls)
    yield said("a question that is answered 304 / a bare view", times.ratio("asked", "bare"))
    yield said("  it takes, in the calmest tenth", times.calm("asked"), unit="us")


def _streaming(bench: Bench, port: int, worker: int, token: str) -> Lines:
    count, seconds = bench.scale.pages, 4 * bench.scale.seconds
    with _open_streams(port, token, 1):  # what the first one brings along is not counted
        before = _memory(worker)
        with _open_streams(port, token, count):
            held = _memory(worker) - before
            began = _busy(worker)
            time.sleep(seconds)
            busy = _busy(worker) - began
    yield said(f"memory of a stream, of {count}", held / count / 1000, unit="kB")
    yield said("CPU of a stream in an hour", busy / count * 3600 / seconds, unit="s")


def _hearing(bench: Bench, port: int, manager: SessionManager) -> Lines:
    """End sessions one by one, at any moment, and note when the page of each has heard."""
    ends = [_ended(port, manager, f"page-{number}") for number in range(bench.scale.pages)]
    heard, asked = [end.heard for end in ends], [end.asked for end in ends]
    for share, name in ((0.5, "half"), (0.99, "99 of 100")):
        what = f"a page with a stream hears of one of {len(heard)} ends, {name} within"
        yield said(what, part(heard, share) * 1000, "<= 1000", "ms")
    pause = _pause()
    what = f"a page that asks hears within its pause of {pause} ms and, of 99 in 100, two requests"
    yield said(what, pause + 2 * part(asked, 0.99) * 1000, "<= 1000", "ms")


class _End(NamedTuple):
    """The end of one session; both in seconds."""

    heard: float
    """From when `revoke` had returned to the event on the stream."""
    asked: float
    """What the refusal of a question took afterwards."""


def _ended(port: int, manager: SessionManager, subject: str) -> _End:
    pair = manager.login(subject, device=sites.HERE)
    with _open_stream(port, pair.access_token) as page:
        time.sleep(random.uniform(0, LOOK_EVERY))
        manager.revoke(subject, pair.sid)
        heard = _seconds(lambda: _read_until(page, b"event: ended"))
    return _End(heard, _seconds(lambda: _ask(port, pair.access_token)))


def _pause() -> int:
    """Return the milliseconds between an answer and the next question, as the browser's module has them."""
    script = Path(flask_gosession.__file__).parent / "endpoints" / "static" / "gosession-events.js"
    found = re.search(r"\bpause = (\d+)", script.read_text("utf-8"))
    assert found is not None
    return int(found[1])


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


@contextmanager
def _open_streams(port: int, token: str, count: int) -> Iterator[None]:
    """Hold so many streams open, each of which has begun."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(_open_stream(port, token))
        yield


def _open_stream(port: int, token: str) -> socket.socket:
    """Return the connection of a stream that has begun."""
    page = _asking_page(port, token, "text/event-stream")
    answer = _read_until(page, b"\r\n\r\n")
    if b"text/event-stream" not in answer:
        raise RuntimeError(f"no stream was opened: {answer[:60]!r}")
    return page


def _ask(port: int, token: str) -> None:
    """Ask on a new connection, and read that the session has ended."""
    with _asking_page(port, token, "application/json") as page:
        _read_until(page, b"session_ended")


def _asking_page(port: int, token: str, accept: str) -> socket.socket:
    """Return a connection on which the question has been asked."""
    page = socket.create_connection(("127.0.0.1", port), timeout=10)
    head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\nAccept: {accept}"
    page.sendall(f"GET /auth/events HTTP/1.1\r\n{head}\r\n\r\n".encode())
    return page


def _read_until(page: socket.socket, mark: bytes) -> bytes:
    """Return what has arrived once *mark* has."""
    answer = b""
    while mark not in answer:
        more = page.recv(4096)
        if not more:
            raise RuntimeError(f"{mark!r} did not arrive: {answer[-60:]!r}")
        answer += more
    return answer


def _worker_of(master: int) -> int:
    """Return the one child of gunicorn."""
    return int((PROC / str(master) / "task" / str(master) / "children").read_text().split()[0])


def _memory(process: int) -> int:
    """Return the bytes of a process that are in memory."""
    return int((PROC / str(process) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _busy(process: int) -> float:
    """Return the seconds of CPU that a process has used."""
    user, system = (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS
