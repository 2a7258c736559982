"""What it costs to delete what has ended, and what checks feel of it meanwhile."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import ModuleType

from flask_gosession import ids
from flask_gosession.engine.purging import purge_all
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, Store, Swap
from flask_gosession.stores.registry import open_store

from .bench import Bench, Lines, Scale, said
from .checks import batched

LATER = 86_400.0
"""Seconds after which all is purged that has ended: some stores keep the end of a record in coarse steps."""


def purge(bench: Bench) -> Lines:
    """Delete many ended records from each store that does not forget by itself, beside reads without a pause."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
        urls = {
            "memory": f"memory://?max_subjects={bench.scale.records + 10}",
            "file": f"file://{folder}/sessions?timeout=60",
        }
        if importlib.util.find_spec("sqlalchemy") is not None:
            urls["SQLite"] = f"sqlite:///{folder}/sessions.db"
            urls |= _on_servers(servers)
        for name, url in urls.items():
            yield from _purged(name, url, bench.scale)
            if name == "file":
                alone = _deletions_alone(Path(folder) / "bare", bench.scale.records)
                yield said("  of that, the file system takes to delete so many files", alone, unit="s")


def _deletions_alone(folder: Path, count: int) -> float:
    """Return the seconds that as many deletions take which nothing is asked before: ten times those of a tenth."""
    folder.mkdir()
    paths = [folder / hashlib.sha256(str(number).encode()).hexdigest() for number in range(count // 10)]
    for path in paths:
        path.write_bytes(b"x" * 400)
    os.sync()
    began = time.perf_counter()
    for path in paths:
        path.unlink()
    return 10 * (time.perf_counter() - began)


def _on_servers(stack: ExitStack) -> dict[str, str]:
    """Return the URLs of new databases on those servers that answer; they are dropped with *stack*."""
    import databases  # needs SQLAlchemy

    names = {"PostgreSQL": "postgresql", "MariaDB": "mariadb"}
    answering = {shown: name for shown, name in names.items() if _is_there(databases, name)}
    return {shown: stack.enter_context(databases.own_database(name)) for shown, name in answering.items()}


def _is_there(databases: ModuleType, name: str) -> bool:
    try:
        return bool(databases.answers(name))
    except ImportError:  # without the driver
        return False


def _fill(url: str, store: Store, subjects: list[str], expires_at: float, *, threads: int) -> None:
    """Put a record of each subject there: one by one, while each waits for the disk, would take minutes."""
    if "sql" not in url and "mariadb" not in url:
        put = partial(_put, store, expires_at)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(put, subjects))
        return
    import sqlalchemy as sa

    from flask_gosession.stores.sql.table import subjects_table

    store.ping()  # the table is there from now on
    engine, named = sa.create_engine(url), [subject.encode() for subject in subjects]
    rows = [
        {
            "id": hashlib.sha256(name).digest(),
            "subject": name,
            "etag": ids.new_etag(),
            "value": b"x" * 400,
            "expires_at": expires_at,
        }
        for name in named
    ]
    with engine.begin() as connection:
        for some in batched(rows, 1000):
            connection.execute(sa.insert(subjects_table("gosession")), some)
    engine.dispose()


def _put(store: Store, expires_at: float, subject: str) -> None:
    assert store.swap(subject, None, Record(b"x" * 400, ids.new_etag()), expires_at) is Swap.DONE


def _purged(name: str, url: str, scale: Scale) -> Lines:
    store = open_store(url)
    now = time.time()
    _fill(url, store, [f"gone-{number}" for number in range(scale.records)], now - 10, threads=scale.threads)
    store.swap("ada", None, Record(b"x" * 400, ids.new_etag()), now + 2 * LATER)
    slowest, connected, done = [0.0], threading.Event(), threading.Event()

    def read() -> None:
        store.load("ada")
        connected.set()
        while not done.is_set():
            began = time.perf_counter()
            with suppress(StoreUnavailable):  # what was not answered in time was slow
                store.load("ada")
            slowest[0] = max(slowest[0], time.perf_counter() - began)

    reader = threading.Thread(target=read)
    reader.start()
    connected.wait()
    began = time.perf_counter()
    try:
        purged = purge_all(store, now + LATER, most_batches=10)
    finally:
        seconds = time.perf_counter() - began
        done.set()
        reader.join()
        store.close()
    yield said(f"{purged} ended records from {name}", seconds, "<= 3", "s")
    yield said(f"  the slowest read from {name} meanwhile", slowest[0] * 1000, "<= 50", "ms")
