"""Level `cached` under gunicorn: each worker hears for itself, whatever kind it is, and ends in order."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
import servers

from .machines import machine
from .workers import gunicorn

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
]

APP = "outages.leveled:app"
KINDS = {
    "sync": ("-k", "sync"),
    "gthread": ("-k", "gthread", "--threads", "4"),
    "gevent": ("-k", "gevent"),
    "sync, preloaded": ("-k", "sync", "--preload"),
    "gthread, preloaded": ("-k", "gthread", "--threads", "4", "--preload"),
}
ROUNDS = 20
LATE = 0.25
"""Seconds after a logout was answered; a busy machine may interrupt Redis between its answer and its announcement."""


def keepers(client: httpx.Client, token: str) -> set[int]:
    """Return the workers that answer by what they know."""
    answer = client.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return {answer.json()["pid"]} if answer.json()["kept"] else set()


def refuse_soon(client: httpx.Client, headers: dict[str, str]) -> None:
    """Ask until all workers must have refused; fail if one still accepts what has long ended."""
    refused, ended = 0, time.monotonic()
    while refused < 12:
        late = time.monotonic() - ended > LATE
        status = client.get("/me", headers=headers).status_code
        assert status == 401 or (status == 200 and not late)
        refused = refused + 1 if status == 401 else 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_worker_hears_of_every_end(tmp_path: Path, kind: str) -> None:
    """A session that one of two workers has ended is refused by both at once, round after round."""
    log = tmp_path / "log"
    with machine() as server:
        with (
            gunicorn(server.url, log, "-w", "2", *KINDS[kind], app=APP) as url,
            httpx.Client(base_url=url, limits=httpx.Limits(max_keepalive_connections=0)) as client,
        ):
            for number in range(ROUNDS):
                login = client.post("/login", json={"user": f"user-{number}"})
                assert login.status_code == 200, login.text
                token = login.json()["access_token"]
                known: set[int] = set()
                servers.wait_until(lambda known=known, token=token: _both(client, token, known), "two keepers")
                headers = {"Authorization": f"Bearer {token}"}
                assert client.post("/logout", headers=headers).status_code == 200
                refuse_soon(client, headers)
        assert "Traceback" not in log.read_text()


def _both(client: httpx.Client, token: str, known: set[int]) -> bool:
    known |= keepers(client, token)
    return len(known) == 2
