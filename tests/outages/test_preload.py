"""Workers that are forked from a process which has used the store already share nothing with it but the records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import servers

from .machines import machine
from .workers import forked_workers

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
]

CALLERS = 8
TURNS = 25


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
    with forked_workers(store, log, "-w", "2", "--threads", "8") as url, ThreadPoolExecutor(CALLERS) as pool:
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
