"""Run the README's test line on every other CPython of this machine, each in a venv of its own.

Nobody's PATH need lead to them: pyenv's and the system's are looked for, too. All of the suite runs on the oldest and
the newest, and on the others while the time lasts; after that the core's tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
OLDEST = (3, 10)
SECONDS = 15 * 60
"""How long the runs may take together."""

CORE = ("tests/session", "tests/tokens", "tests/stores", "tests/engine")
SELF_PORTRAIT = """
import importlib.util, json, os, sys
can_venv = importlib.util.find_spec("ensurepip") is not None
home = os.path.realpath(sys.base_prefix)
print(json.dumps([sys.version_info[:3], home, sys.version_info.releaselevel, sys.implementation.name, can_venv]))
"""


class Python(NamedTuple):
    """A CPython: its version, where its library is installed, and one of the paths it is started by."""

    version: tuple[int, ...]
    home: str
    path: Path

    def __str__(self) -> str:
        return f"CPython {'.'.join(map(str, self.version))} ({self.home})"


def main() -> None:
    """Run them all, or end with the first that fails."""
    os.chdir(ROOT)
    found = sorted({(python.version, python.home): python for python in map(look_at, candidates()) if python}.values())
    others = [python for python in found if python.home != os.path.realpath(sys.base_prefix)]
    if not others:
        sys.exit("There is one CPython on this machine, and the test line is to run on two or more.")
    ends = [python for python in others if python in (found[0], found[-1])]
    began, slowest = time.monotonic(), 0.0
    for python in [*ends, *(python for python in others if python not in ends)]:
        start = time.monotonic()
        whole = python in ends or start - began + slowest < SECONDS
        test_line(python, () if whole else CORE)
        slowest = max(slowest, time.monotonic() - start)


def candidates() -> Iterator[Path]:
    """Yield everything that is called python3, or python3 and a minor version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [Path("/usr/local/bin"), Path("/usr/bin"), *sorted(pyenv.glob("versions/*/bin"))]
    for folder in [*map(Path, os.environ["PATH"].split(os.pathsep)), *folders]:
        yield from (path for path in folder.glob("python3*") if re.fullmatch(r"python3(\.\d+)?", path.name))


def look_at(path: Path) -> Python | None:
    """Return the Python at *path* if it is a released CPython that we support."""
    asked = subprocess.run([path, "-I", "-c", SELF_PORTRAIT], capture_output=True, text=True, check=False)
    if asked.returncode:  # such as a shim of pyenv's for a version that is not chosen
        return None
    version, home, level, implementation, can_venv = json.loads(asked.stdout)
    if implementation != "cpython" or level != "final" or tuple(version) < OLDEST:
        return None
    if not can_venv:
        sys.exit(f"{path} cannot make a venv: it comes without ensurepip.")
    return Python(tuple(version), home, path)


def test_line(python: Python, parts: tuple[str, ...]) -> None:
    """Do what the README's test line does with *python*, for all tests or those *parts*."""
    print(f"\n== the README's test line on {python}{': the core' if parts else ''}", flush=True)
    with tempfile.TemporaryDirectory(prefix="gosession-") as venv:
        run(str(python.path), "-m", "venv", venv)
        run(f"{venv}/bin/pip", "install", "--quiet", "-e", ".[test]")
        run(f"{venv}/bin/pytest", *parts)


def run(*command: str) -> None:
    """Run a command to its end; end with its status when it fails."""
    if status := subprocess.run(command, check=False).returncode:
        sys.exit(status)


if __name__ == "__main__":
    main()
