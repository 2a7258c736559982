"""The store in the docs passes the shipped proof, and is found by its entry point."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_gosession.stores.breaker import BreakerStore
from flask_gosession.stores.registry import open_store

DOCS = Path(__file__).parents[2] / "docs" / "howto" / "writing-a-store.md"
FILE = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
LINES = 75


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder with the files that the docs show, installed as far as metadata go."""
    for name, text in FILE.findall(DOCS.read_text("utf-8")):
        (tmp_path / name).write_text(text)
    info = tmp_path / "notebook_store-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notebook-store\nVersion: 1.0\n")
    points = (
        (tmp_path / "pyproject.toml")
        .read_text()
        .replace('"notebook_store', "notebook_store")
        .replace('Store"', "Store")
    )
    (info / "entry_points.txt").write_text(
        points.replace('project.entry-points."flask_gosession.stores"', "flask_gosession.stores")
    )
    return tmp_path


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that is in memory where the system has one: the proof writes a thousand times."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder) / "pytest"


@pytest.mark.long
def test_the_proof_passes(package: Path, quick_disk: Path) -> None:
    """The tests in the docs, run as they stand, pass the store in the docs."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        f"--basetemp={quick_disk}",
    ]
    run = subprocess.run([*command, "test_notebook_store.py"], cwd=package, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert re.search(r"\b1\d\d passed", run.stdout)


def test_it_stays_short(package: Path) -> None:
    """A store is a page of code."""
    assert len((package / "notebook_store.py").read_text().splitlines()) <= LINES


def test_entry_point(package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The entry point in the docs makes the scheme known, and such a store can stand behind the circuit breaker."""
    monkeypatch.syspath_prepend(str(package))
    store = BreakerStore(open_store(f"notebook://{tmp_path}/notebook", key_prefix="mine"))
    assert type(store.store).__name__ == "NotebookStore"
    store.ping()
    assert list(store.subjects()) == []
    store.close()
    sys.modules.pop("notebook_store")
