"""A hundred thousand people in Redis: counted and searched in the memory of one batch."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import servers
from drawn import drawn
from msgspec.structs import replace

from flask_gosession import ids
from flask_gosession.session import encoding as records
from flask_gosession.session.record import Session, SubjectRecord

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
]

PEOPLE = 100_000
MOST_MORE = 16_000
"""Kilobytes that reading everything may need beyond a command that reads nothing."""

APP = """
from flask import Flask
from flask_gosession import GoSession

app = Flask(__name__)
app.config.update(SECRET_KEY={secret!r}, GOSESSION_STORE={url!r})
GoSession(app)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with an app on a Redis that holds so many people."""
    with servers.running_redis() as at:
        fill(at.url)
        made = tmp_path_factory.mktemp("many")
        (made / "many.py").write_text(APP.format(secret=drawn("many"), url=f"{at.url}?socket_timeout=5"))
        yield made


def fill(url: str) -> None:
    now = time.time()
    session = Session(b"", b"", b"", 0, now, now, now, now + 86_400, 86_400, 900, ip="203.0.113.7", agent="Firefox")
    with redis.Redis.from_url(url) as client, client.pipeline(transaction=False) as pipe:
        for number in range(PEOPLE):
            live = replace(session, id=ids.new_id(), access=ids.new_id(), refresh=ids.new_id())
            value = records.encode(SubjectRecord(1, f"user-{number}", 1, (live,)))
            pipe.set(f"gosession:user-{number}", ids.new_etag() + value, px=3_600_000)
            if number % 1000 == 999:
                pipe.execute()


def peak_of(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command in a process of its own; return its peak of memory in kilobytes, and what it printed."""
    command = [sys.executable, "-m", "flask", "--app", "many", "gosession", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    return usage.ru_maxrss, printed


def test_memory_is_that_of_a_batch(folder: Path):
    """Counting and searching everybody need little more memory than a command that reads nothing."""
    idle, _ = peak_of(folder, "config")
    counting, counted = peak_of(folder, "stats")
    searching, found = peak_of(folder, "find", ids.to_text(ids.new_id()))
    assert f"{PEOPLE:,}" in counted
    assert found == ""
    assert max(counting, searching) - idle < MOST_MORE
