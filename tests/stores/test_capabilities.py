"""What stores can do beside the contract: page through all records, count, say where one lives."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import mongomock
import pytest
import sqlalchemy as sa
from backends import Backends

from flask_gosession import ids
from flask_gosession.engine.inspection import inspect_subject
from flask_gosession.engine.scanning import count_records, find
from flask_gosession.session.policy import Policy
from flask_gosession.stores.base import Record, Store, Swap
from flask_gosession.stores.capabilities import Located, Paged, Purgeable
from flask_gosession.stores.file import FileStore
from flask_gosession.stores.mongo import MongoStore
from flask_gosession.stores.redis import RedisStore
from flask_gosession.stores.sql import SQLStore
from flask_gosession.testing.faulty import FaultyStore

SUBJECTS = ["a", "a_b", "a:b", "{a}", "}", "a/b\\", "line\nend", "é", "*", "x" * 255, *(f"user-{n}" for n in range(40))]
STORES = ["memory", "fakeredis", "redis", "file", "sqlite", "postgresql", "mariadb", "mongomock"]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, backends: Backends, key_prefix: str) -> Iterator[Store]:
    opened = backends.get(request.param).open(key_prefix)
    yield opened
    opened.close()


def put(store: Store, subject: str, end: float | None = None) -> Record:
    record = Record(f"value of {subject}".encode(), ids.new_etag())
    assert store.swap(subject, None, record, end or time.time() + 3600) is Swap.DONE
    return record


def pages(store: Paged, limit: int) -> Iterator[tuple[str, Record]]:
    position: str | None = None
    while True:
        page = store.page(position, limit)
        yield from page.records
        position = page.next
        if position is None:
            return


def test_pages_hold_every_record_once(store: Store):
    """Page by page each record comes with its subject, its value and its etag."""
    if not isinstance(store, Paged):
        assert type(store).__name__ in {"MemoryStore", "FileStore"}
        return
    put_in = {subject: put(store, subject) for subject in SUBJECTS}
    assert dict(pages(store, 7)) == put_in
    assert len(list(pages(store, 7))) == len(SUBJECTS)
    assert store.page(None, 100_000).next is None
    assert store.size() == pytest.approx(len(SUBJECTS), abs=25)  # by a sample, where others use the server too


def test_an_empty_store_has_one_empty_page(store: Store):
    """Where nothing is stored there is nothing to go on with."""
    if isinstance(store, Paged):
        assert list(pages(store, 5)) == []
        assert store.size() == 0


def test_a_position_of_another_store_is_refused(store: Store):
    """What is no position raises ValueError; a MongoDB takes any text, for any may be a subject."""
    if isinstance(store, Paged) and not isinstance(store, MongoStore):
        with pytest.raises(ValueError, match=r"\w"):
            store.page("no position", 5)


def test_what_a_purge_would_delete_is_counted(store: Store):
    """The count is that of the purge which follows."""
    if not isinstance(store, Purgeable):
        assert isinstance(store, RedisStore)
        return
    now = time.time()
    for number in range(5):
        put(store, f"gone-{number}", end=now - 86_400)
    put(store, "here")
    ended = store.count_ended(now)
    assert ended == (0 if isinstance(store, MongoStore) else 5)  # mongomock has deleted them by then
    assert store.purge(now) == ended
    assert store.count_ended(now) == 0


def test_a_place_leads_to_the_record(store: Store):
    """The key, file, row or document that is named is there once the subject has a record, and not before."""
    assert isinstance(store, Located)
    place = store.locate("a/b é")
    assert not found_at(store, place)
    put(store, "a/b é")
    assert found_at(store, place)


def found_at(store: Store, place: str) -> bool:
    """Look there with the medium's own tools."""
    kind, _, name = place.partition(" ")
    if isinstance(store, RedisStore):
        assert kind == "key"
        return bool(store._client().exists(name))
    if isinstance(store, FileStore):
        assert kind == "file"
        return Path(name).exists()
    if isinstance(store, SQLStore):
        identifier = hashlib.sha256("a/b é".encode()).hexdigest()
        assert place == f"table {store._table.name}, row with id X'{identifier}'"
        with store._engine.connect() as connection:
            statement = sa.select(store._table.c.id).where(store._table.c.id == bytes.fromhex(identifier))
            return connection.execute(statement).first() is not None
    if isinstance(store, MongoStore):
        assert '{_id: "a/b \\u00e9"}' in place
        return store.load("a/b é") is not None
    return "memory" in place and store.load("a/b é") is not None


def test_other_keys_are_not_ours(backends: Backends, key_prefix: str):
    """On a Redis that others use too, pages hold our records alone, and the size is our share."""
    ours, others = (backends.get("fakeredis").open(prefix) for prefix in (key_prefix, f"{key_prefix}-2"))
    for number in range(20):
        put(ours, f"user-{number}")
        put(others, f"user-{number}")
    assert len(list(pages(ours, 5))) == 20
    assert ours.size() == 20


def test_a_key_of_another_type_is_corrupt(backends: Backends, key_prefix: str):
    """A key of ours that holds something else comes as a corrupt record, and the page goes on."""
    store = backends.get("fakeredis").open(key_prefix)
    put(store, "a")
    store._client().rpush(f"{key_prefix}:b", "x")
    found = dict(pages(store, 10))
    assert found["b"].value == b""
    assert found["a"].value == b"value of a"


def test_a_store_without_powers_is_read_all_the_same():
    """A store that can only do what the contract asks is counted, searched and shown."""
    plain = FaultyStore(MongoStore.from_client(mongomock.MongoClient()))
    for subject in SUBJECTS:
        put(plain, subject)
    counted = list(count_records(plain, time.time(), batch=9))[-1]
    assert (counted.subjects, counted.unreadable, counted.complete) == (len(SUBJECTS), len(SUBJECTS), True)
    assert list(find(plain, "A" * 22, time.time(), Policy())) == []
    assert inspect_subject(plain, "a", time.time(), Policy(), lambda _session: True).location is None
