"""Real servers on loopback: gunicorn, with workers forked from a process that has used its store, waitress, uWSGI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import servers

TESTS = Path(__file__).parents[1]


APP = "outages.preloaded:app"


def forked_workers(store: str, log: Path, *options: str) -> AbstractContextManager[str]:
    """Run the app by gunicorn with those options, loaded before the fork; give its address."""
    return gunicorn(store, log, "--preload", *options)


def gunicorn(store: str, log: Path, *options: str, app: str = APP) -> AbstractContextManager[str]:
    """Run *app* by gunicorn with those options; give its address."""
    port = servers.free_port()
    return _running([sys.executable, "-m", "gunicorn", *options, "-b", f"127.0.0.1:{port}", app], port, store, log)


def waitress(store: str, log: Path) -> AbstractContextManager[str]:
    """Run the app by waitress; give its address."""
    port = servers.free_port()
    return _running([sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}", APP], port, store, log)


UWSGI = shutil.which("uwsgi", path=Path(sys.executable).parent)
"""Installed beside the interpreter that runs the tests: by pip install pyuwsgi."""


def uwsgi(store: str, log: Path, *options: str) -> AbstractContextManager[str]:
    """Run the app by two workers of uWSGI with those options; give its address."""
    assert UWSGI is not None
    port = servers.free_port()
    # It keeps no connection, and says so only when it is told to.
    workers = [
        "--master",
        "--processes=2",
        "--threads=2",
        "--need-app",
        "--die-on-term",
        "--add-header=Connection: close",
    ]
    command = [UWSGI, f"--http-socket=127.0.0.1:{port}", f"--module={APP}", f"--home={sys.prefix}", *workers, *options]
    return _running(command, port, store, log)


@contextmanager
def _running(command: list[str], port: int, store: str, log: Path) -> Iterator[str]:
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=TESTS,
            env={**os.environ, "STORE_UNDER_TEST": store},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        servers.wait_until(lambda: _answers(process, url, log), f"an answer of {command[0]}", 30)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the server ended at once:\n{log.read_text()}")
    try:
        return httpx.get(f"{url}/pid").status_code == 200
    except httpx.TransportError:
        return False
