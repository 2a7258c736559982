"""The file of an SQLite store on its disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from flask_gosession import ids
from flask_gosession.stores.base import Record, Swap
from flask_gosession.stores.registry import open_store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows knows no such modes")


@pytest.fixture
def loose_umask():
    """Run with a umask that leaves new files readable for everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


@pytest.mark.usefixtures("loose_umask")
def test_only_the_owner_reads_it(tmp_path):
    """STO-06: the database and the files that SQLite keeps next to it are private, whatever the umask."""
    store = open_store(f"sqlite:///{tmp_path / 'sessions.sqlite'}")
    assert store.swap("ada", None, Record(b"value", ids.new_etag()), time.time() + 60) is Swap.DONE
    found = modes(tmp_path)
    store.close()
    assert found["sessions.sqlite"] == 0o600
    assert set(found.values()) == {0o600}


@pytest.mark.usefixtures("loose_umask")
def test_the_mode_of_an_existing_one_stays(tmp_path):
    """Whoever has opened the file to a group on purpose keeps it open."""
    path = tmp_path / "sessions.sqlite"
    path.touch(0o640)
    store = open_store(f"sqlite:///{path}")
    assert store.load("ada") is None
    store.close()
    assert path.stat().st_mode & 0o777 == 0o640
