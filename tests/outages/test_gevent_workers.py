"""Greenlet workers that are forked from a process with real threads: nobody can stop them by asking often."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import servers
from gevents import needs_gevent

from .workers import forked_workers

pytestmark = [needs_gevent]

AT_ONCE = 20
BOUND = 5.0
"""Seconds for all of them; each would have waited two for a lock that only a real thread can release."""


def refresh_at_once(store, log):
    """Refresh one token 20 times at once at one worker; return the statuses and the seconds."""
    with forked_workers(store, log, "-k", "gevent", "-w", "1") as url, httpx.Client(base_url=url) as client:
        pair = client.post("/login", json={"user": "ada"}).json()
        headers = {"Authorization": f"Bearer {pair['refresh_token']}"}

        def refresh(_number):
            return httpx.post(f"{url}/auth/refresh", headers=headers, timeout=60).status_code

        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            statuses = list(pool.map(refresh, range(AT_ONCE)))
        return statuses, time.monotonic() - began


@pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS)
def test_one_client_cannot_hang_a_gevent_worker(tmp_path):
    """`gunicorn -k gevent --preload`: 20 concurrent refreshes of one token are answered, all of them, at once."""
    with servers.running_redis() as server:
        patient = f"{server.url}?socket_timeout=2&socket_connect_timeout=2"  # a busy machine is no outage
        statuses, seconds = refresh_at_once(patient, tmp_path / "log")
    assert statuses == [200] * AT_ONCE
    assert seconds < BOUND


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["sqlite", "file"])
def test_nor_one_with_local_files(tmp_path, scheme):
    """So are those over a store in files: its own queues of writers let greenlets go on."""
    name = {"sqlite": f"sqlite:///{tmp_path}/sessions.sqlite", "file": f"file://{tmp_path}/sessions"}[scheme]
    statuses, seconds = refresh_at_once(name, tmp_path / "log")
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > AT_ONCE / 2
    assert seconds < BOUND
