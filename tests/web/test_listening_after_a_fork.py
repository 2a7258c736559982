"""Listeners from before a fork, as `gunicorn --preload` has them: a worker tells them from its first request on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import servers
from backends import Backends
from forks import in_child, needs_fork, said, shared_event
from sites import Site

pytestmark = [needs_fork, pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")]


@pytest.fixture
def site(make: Callable[..., Site], backends: Backends, key_prefix: str) -> Iterator[Site]:
    site = make(STORE=backends.process_url("redis"), KEY_PREFIX=key_prefix)
    yield site
    site.manager.close()


@pytest.mark.parametrize("earlier", [0, 1], ids=["the first of all", "not the first of the parent"])
def test_a_child_is_told_from_its_first_request(site: Site, earlier: int) -> None:
    """Of whatever ends after that request, however soon: the thread of its parent, and its lock, are not its own."""
    told: list[str] = []
    site.manager.listen(lambda end: told.append(end.sid))
    pair, served = site.pair(), shared_event()
    for _ in range(earlier):
        assert site.get(pair.access_token).status_code == 200

    def serve_and_listen() -> str:
        assert site.get(pair.access_token).status_code == 200
        served.set()
        servers.wait_until(lambda: told, "news of the end", 5)
        return told[0]

    child, reader = in_child(serve_and_listen)
    assert served.wait(5)
    site.manager.revoke("ada", pair.sid)
    assert said(child, reader) == pair.sid
