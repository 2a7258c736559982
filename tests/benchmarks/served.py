"""What each stack serves under gunicorn, asked by wrk: requests per second, as a part of what a bare view serves."""

from __future__ import annotations

import http.client
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import servers

from . import sites
from .bench import TINY, Bench, Lines, said
from .measure import Ratio
from .sites import Stack

PREFIX = "bench-served"
LEVELS = {"gosession": "strict", "gosession, cached": "cached"}
GOALS = {"gosession, cached": ">= 0.95"}
ROUNDS = 3


def stacks(bench: Bench) -> dict[str, Stack]:
    """Return each stack with the request that it is asked."""
    own = {name: sites.ours(bench, prefix=PREFIX, level=level) for name, level in LEVELS.items()}
    return {**sites.bare(bench.client), **own, **sites.Peers(bench.client).stacks}


def _only(bench: Bench, name: str) -> Stack:
    """Return one of `stacks` without making the others."""
    if name in LEVELS:
        return sites.ours(bench, prefix=PREFIX, level=LEVELS[name])
    found = {**sites.bare(bench.client), **sites.Peers(bench.client, only=name).stacks}
    return found[name]


def application() -> object:
    """Return the app that a worker of gunicorn serves; it is named in the environment."""
    bench = ExitStack().enter_context(Bench.at(os.environ["BENCH_REDIS"], TINY))
    return _only(bench, os.environ["BENCH_STACK"]).app


def served(bench: Bench) -> Lines:
    """Serve each stack by two workers of gunicorn, and let wrk ask it over four connections."""
    if shutil.which("wrk") is None or find_spec("gunicorn") is None:
        yield "  left out: wrk (Debian's package of that name) and gunicorn are needed."
        return
    asked = stacks(bench)
    rates: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(min(ROUNDS, bench.scale.rounds // 2)):
        for name in random.sample(list(asked), len(asked)):
            with serving(name, bench.url) as (port, _):
                rates[name].append(_rate(port, asked[name], bench.scale.seconds))
    for name, found in rates.items():
        parts = sorted(one / whole for one, whole in zip(found, rates["bare"], strict=True))
        yield said(f"{name} / bare", Ratio(statistics.median(parts), parts[0], parts[-1]), GOALS.get(name, ""))
    yield said("  a bare view", statistics.median(rates["bare"]), unit="/s")


WORKERS = {"gthread": ["-w", "2", "--threads", "4"], "gevent": ["-w", "1", "--graceful-timeout", "2"]}


@contextmanager
def serving(
    name: str, url: str, target: str = "benchmarks.served:application()", *, worker: str = "gthread"
) -> Iterator[tuple[int, int]]:
    """Let gunicorn serve *target*, which finds *name* in its environment; yield the port, and the master's process."""
    port, tests = servers.free_port(), Path(__file__).parents[1]
    options = ["-k", worker, *WORKERS[worker], "-b", f"127.0.0.1:{port}", "--log-level", "error"]
    command = [sys.executable, "-W", "ignore", "-m", "gunicorn", *options, target]
    environment = {**os.environ, "BENCH_STACK": name, "BENCH_REDIS": url}
    with subprocess.Popen(command, cwd=tests, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            servers.wait_until(lambda: _answers(port), f"gunicorn with {name}", 60)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)


def _answers(port: int) -> bool:
    """Whether a worker has the app: gunicorn listens before that."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        asked.request("GET", "/nowhere")
        return asked.getresponse().status == 404
    except OSError:
        return False
    finally:
        asked.close()


def _wrk(port: int, seconds: float, path: str = "/") -> list[str]:
    return ["wrk", "-t1", f"-d{max(1, round(seconds))}s", f"http://127.0.0.1:{port}{path}"]


def _rate(port: int, asked: Stack, seconds: float) -> float:
    headers = [word for name, value in asked.headers.items() for word in ("-H", f"{name}: {value}")]
    command = [*_wrk(port, seconds, asked.path), "-c4", *headers]
    subprocess.run([*_wrk(port, 0.5, asked.path), "-c4", *headers], check=True, capture_output=True)
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in told:
        raise RuntimeError(f"{asked.app.name} refuses the requests of wrk")
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert found is not None
    return float(found[1])
