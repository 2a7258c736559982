"""Workers that are forked from a process which has used the store already share nothing with it but the records."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import servers

from .machines import machine

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
]

TESTS = Path(__file__).parents[1]
CALLERS = 8
TURNS = 25


@contextmanager
def two_forked_workers(store: str, log: Path) -> Iterator[str]:
    """Run the app in two workers with eight threads each; yield its address."""
    port = servers.free_port()
    command = ["gunicorn", "--preload", "-w", "2", "--threads", "8", "-b", f"127.0.0.1:{port}", "outages.preloaded:app"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=TESTS,
            env={**os.environ, "STORE_UNDER_TEST": store},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        servers.wait_until(lambda: _answers(process, url, log), "an answer of gunicorn", 30)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"gunicorn ended at once:\n{log.read_text()}")
    try:
        return httpx.get(f"{url}/pid").status_code == 200
    except httpx.TransportError:
        return False


def log_in(client: httpx.Client, user: str) -> str:
    """Return an access token; who meets a crowd of writers is told to try again."""
    while (answer := client.post("/login", json={"user": user})).status_code == 503:
        pass
    return answer.json()["access_token"]


def visit(url: str, number: int) -> set[str]:
    """Sign in, look around with a new connection each time, and return which workers were met."""
    user, pids = f"user-{number}", set()
    with httpx.Client(base_url=url, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        token = log_in(client, user)
        for _ in range(TURNS):
            answer = client.get("/me", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()) == (200, {"sub": user})
            pids.add(client.get("/pid").text)
    return pids


def assert_nothing_is_mixed_up(store: str, log: Path) -> None:
    with two_forked_workers(store, log) as url, ThreadPoolExecutor(CALLERS) as pool:
        pids = set().union(*pool.map(lambda number: visit(url, number), range(CALLERS)))
    assert len(pids) == 2
    assert "Traceback" not in log.read_text()


def test_redis(tmp_path):
    """Connections to Redis are the worker's own: nobody reads the answer that another worker waits for."""
    with machine() as server:
        assert_nothing_is_mixed_up(server.url, tmp_path / "log")


def test_sqlite(tmp_path):
    """So are the handles of an SQLite file."""
    assert_nothing_is_mixed_up(f"sqlite:///{tmp_path}/sessions.sqlite", tmp_path / "log")


def test_file(tmp_path):
    """And the locks of the file store."""
    assert_nothing_is_mixed_up(f"file://{tmp_path}/sessions", tmp_path / "log")
