"""The same app under the servers that people run: a login at one worker counts at all, and so does its end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import servers
from gevents import needs_gevent

from .workers import UWSGI, gunicorn, uwsgi, waitress

KINDS = [
    pytest.param(("-k", "sync", "-w", "2"), id="sync"),
    pytest.param(("-k", "gthread", "-w", "2", "--threads", "4"), id="gthread"),
    pytest.param(("-k", "gevent", "-w", "2"), id="gevent", marks=needs_gevent),
]


def sign_in_and_out(url):
    """Log in, be known, refresh and log out, each time by whichever worker answers."""
    with httpx.Client(base_url=url, timeout=30) as client:
        pair = client.post("/login", json={"user": "ada"}).json()
        for _ in range(2):
            pair = client.post("/auth/refresh", headers={"Authorization": f"Bearer {pair['refresh_token']}"}).json()
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    statuses = [httpx.get(f"{url}/auth/session", headers=bearer, timeout=30).status_code for _ in range(6)]
    assert statuses == [200] * 6
    assert httpx.post(f"{url}/auth/logout", headers=bearer, timeout=30).status_code == 204
    statuses = [httpx.get(f"{url}/auth/session", headers=bearer, timeout=30).status_code for _ in range(6)]
    assert statuses == [401] * 6


def ask_at_once(url):
    """Let eight users ask at once, again and again: each is known, as no two workers read from one connection."""

    def ask(number):
        pair = httpx.post(f"{url}/login", json={"user": f"user {number}"}, timeout=30).json()
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        return {httpx.get(f"{url}/auth/session", headers=bearer, timeout=30).status_code for _ in range(30)}

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [{200}] * 8


@pytest.fixture
def store():
    if servers.REDIS_SERVER is None:
        pytest.skip(servers.WITHOUT_REDIS)
    with servers.running_redis() as server:
        yield f"{server.url}?socket_timeout=5&socket_connect_timeout=5"  # a busy machine is no outage


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
@pytest.mark.parametrize("kind", KINDS)
def test_gunicorn(store, tmp_path, kind, preload):
    """Each kind of worker, loaded by itself and forked from one that was loaded."""
    with gunicorn(store, tmp_path / "log", *kind, *preload) as url:
        sign_in_and_out(url)


def test_waitress(store, tmp_path):
    """One process of many threads."""
    with waitress(store, tmp_path / "log") as url:
        sign_in_and_out(url)


@pytest.mark.skipif(UWSGI is None, reason="uWSGI is not installed; pip install pyuwsgi")
@pytest.mark.parametrize("options", [(), ("--lazy-apps",)], ids=["preload", "lazy"])
def test_uwsgi(store, tmp_path, options):
    """Two processes of two threads, forked from one that has loaded the app, or each loading it by itself."""
    with uwsgi(store, tmp_path / "log", *options) as url:
        sign_in_and_out(url)
        ask_at_once(url)
