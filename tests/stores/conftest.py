"""A Redis for the tests of one file, and somebody who may maltreat it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
import servers


@pytest.fixture(scope="module")
def server() -> Iterator[servers.RedisAt]:
    """Run a Redis that the tests of a file may maltreat; each puts it right again."""
    if servers.REDIS_SERVER is None:
        pytest.skip(servers.WITHOUT_REDIS)
    with servers.running_redis() as at:
        yield at


@pytest.fixture
def admin(server: servers.RedisAt) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port) as client:
        yield client
