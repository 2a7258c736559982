"""The example app as people run it: real processes, on a free port, in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import servers

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0
IN_CI = bool(os.environ.get("CI"))
"""Whether what is missing fails: there the machine was to have it."""


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return this process's environment with the app's own settings, and none that lay around."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return {**rest, "FLASK_DATA_FOLDER": str(folder), **settings}


@contextmanager
def flask_run(folder: Path, **settings: str) -> Iterator[str]:
    """Run the app with Flask's own server until the block ends; yield its address."""
    port = str(servers.free_port())
    with _running(["flask", "--app", "example_app", "run", "--port", port], folder, port, settings) as url:
        yield url


@contextmanager
def two_workers(folder: Path, **settings: str) -> Iterator[str]:
    """Run the app in two worker processes of gunicorn until the block ends; yield its address."""
    port = str(servers.free_port())
    command = ["gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "example_app:create_app()"]
    with _running(command, folder, port, settings) as url:
        yield url


@contextmanager
def _running(command: list[str], folder: Path, port: str, settings: dict[str, str]) -> Iterator[str]:
    url, log = f"http://127.0.0.1:{port}", folder / f"{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment(folder, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        servers.wait_until(lambda: _answers(process, url, log), f"an answer of {command[0]}", PATIENCE)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the app ended at once:\n{log.read_text()}")
    try:
        return httpx.get(f"{url}/sign-in").status_code == 200
    except httpx.TransportError:
        return False
