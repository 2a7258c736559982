"""What a page costs that is open and only waits to hear of its session's end: by a stream, and by asking."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Flask

from flask_gosession import GoSession, SessionManager

from . import sites
from .bench import TINY, Bench, Lines, said
from .measure import side_by_side
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
    """Measure a question that is answered 304, and the memory and CPU of pages that hold a stream open under gevent."""
    app, manager = site(bench)
    token = manager.login("ada", device=sites.HERE).access_token
    yield from _asking(bench, app, token)
    if find_spec("gevent") is None or find_spec("gunicorn") is None or not PROC.is_dir():
        yield "  streams are left out: gevent, gunicorn and Linux are needed."
        return
    with serving("pages", bench.url, "benchmarks.pages:application()", worker="gevent") as (port, master):
        yield from _streaming(bench, port, _worker_of(master), token)


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


@contextmanager
def _open_streams(port: int, token: str, count: int) -> Iterator[None]:
    """Hold so many streams open, each of which has begun."""
    head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream"
    ask = f"GET /auth/events HTTP/1.1\r\n{head}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(count):
            page = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            page.sendall(ask)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += page.recv(4096)
            if b"text/event-stream" not in answer:
                raise RuntimeError(f"no stream was opened: {answer[:60]!r}")
        yield


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
