"""The app under gunicorn, with workers of any class."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import servers

from .people import ask

TESTS = Path(__file__).parents[1]

WORKERS: dict[str, tuple[str, ...]] = {
    "sync": ("-w", "4"),
    "gthread": ("-w", "2", "-k", "gthread", "--threads", "8"),
    "gevent": ("-w", "2", "-k", "gevent"),
}
"""Options of gunicorn for each class of workers."""


class Site:
    """A gunicorn, and the notes that its workers read."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, notes: Path) -> None:
        self.process = process
        self.port = port
        self._notes = notes

    def note(self, name: str, text: str) -> None:
        """Leave a note for the workers, whole at once."""
        fresh = self._notes / f"{name}.new"
        fresh.write_text(text)
        fresh.rename(self._notes / name)

    def noted(self, name: str) -> str:
        """Return what workers have noted."""
        path = self._notes / name
        return path.read_text() if path.exists() else ""

    def forget(self, name: str) -> None:
        """Take a note away."""
        (self._notes / name).unlink(missing_ok=True)

    @property
    def log(self) -> str:
        """What gunicorn and the app have logged."""
        return (self._notes / "log").read_text(errors="replace")

    def workers(self) -> list[int]:
        """Return the ids of the worker processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def kill_workers(self) -> None:
        """End all workers as a lack of memory does."""
        for pid in self.workers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def running(store: str, worker: str = "gthread", **environment: str) -> Iterator[Site]:
    """Run the app over a store until the block ends."""
    port = servers.free_port()
    with tempfile.TemporaryDirectory(prefix="gs-", ignore_cleanup_errors=True) as name:
        notes = Path(name)
        command = [sys.executable, "-m", "gunicorn", *WORKERS[worker], "-b", f"127.0.0.1:{port}", "faults.app:app"]
        given = {"FAULTS_STORE": store, "FAULTS_NOTES": name, **environment}
        with (notes / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=TESTS, env={**os.environ, **given}, stdout=log, stderr=log)
        site = Site(process, port, notes)
        try:
            servers.wait_until(lambda: _is_up(site), "an answer of gunicorn", 40)
            yield site
        finally:
            _end(process)


def _is_up(site: Site) -> bool:
    if site.process.poll() is not None:
        raise RuntimeError(f"gunicorn ended at once:\n{site.log[-800:]}")
    return ask(site.port, "GET", "/pid").status == 200


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        process.wait()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
