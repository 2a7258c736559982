"""What is special to the MongoDB store: its guards, its index, damaged documents, silence, and its URL."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone

import bson
import mongomock
import pytest
import servers
from pymongo.errors import WriteConcernError

from flask_gosession import ids
from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.stores.base import Record, Swap
from flask_gosession.stores.mongo import DAMAGED, MongoStore, _edge
from flask_gosession.testing.proofs.contract import StoreContract

HOUR = 3600.0


@pytest.fixture
def client() -> mongomock.MongoClient:
    return mongomock.MongoClient()


@pytest.fixture
def documents(client: mongomock.MongoClient) -> mongomock.Collection:
    return client["gosession"]["app_subjects"]


@pytest.fixture
def store(client: mongomock.MongoClient) -> MongoStore:
    return MongoStore.from_client(client, key_prefix="app")


def new(value: bytes = b"value") -> Record:
    return Record(value, ids.new_etag())


def put(store: MongoStore, subject: str = "a") -> Record:
    record = new()
    assert store.swap(subject, None, record, time.time() + HOUR) is Swap.DONE
    return record


class TestContract(StoreContract):
    @pytest.fixture
    def store(self, client: mongomock.MongoClient) -> MongoStore:
        return MongoStore.from_client(client, key_prefix="app")

    @pytest.fixture
    def corrupt(self, documents: mongomock.Collection) -> Callable[[str], None]:
        damage = {"$set": {"etag": "text", "value": 5}}
        return lambda subject: documents.update_one({"_id": subject}, damage)


def test_document(store: MongoStore, documents: mongomock.Collection) -> None:
    """A document is the subject itself as its id, the etag, the value and a date. STO-02."""
    record = new()
    store.swap("$where: 1", None, record, 1_900_000_000.0)
    (document,) = documents.find()
    assert document.pop("expires_at").replace(tzinfo=timezone.utc) == datetime(
        2030, 3, 17, 17, 46, 40, tzinfo=timezone.utc
    )
    assert document == {"_id": "$where: 1", "etag": record.etag, "value": record.value}


def test_ttl_index(store: MongoStore, documents: mongomock.Collection) -> None:
    """The first write makes the index by which the server forgets what has ended. STO-05."""
    put(store)
    assert documents.index_information()["expires_at_1"]["expireAfterSeconds"] == 0


def test_damaged_etag_is_guarded(store: MongoStore, documents: mongomock.Collection) -> None:
    """Of two who replace the same damaged document only the first does."""
    put(store)
    documents.update_one({"_id": "a"}, {"$unset": {"etag": 1}})
    damaged = store.load("a")
    assert damaged == Record(b"", DAMAGED)
    first = new()
    assert store.swap("a", damaged.etag, first, time.time() + HOUR) is Swap.DONE
    assert store.swap("a", damaged.etag, new(), time.time() + HOUR) is Swap.LOST
    assert store.load("a") == first


def test_damaged_value_keeps_its_etag(store: MongoStore, documents: mongomock.Collection) -> None:
    """A value of the wrong type reads as empty under the etag that is stored."""
    first = put(store)
    documents.update_one({"_id": "a"}, {"$set": {"value": {"$gt": ""}}})
    assert store.load("a") == Record(b"", first.etag)


def test_foreign_documents_are_not_listed(store: MongoStore, documents: mongomock.Collection) -> None:
    """A document whose id is no text is no subject."""
    documents.insert_one({"_id": 5})
    put(store)
    assert list(store.subjects()) == ["a"]


def test_concern_of_every_write(store: MongoStore) -> None:
    """A write is confirmed by the majority, or by so many replicas as asked for; a read goes to the primary. STO-09."""
    asked = MongoStore.from_url("mongodb://127.0.0.1:1/?w=1&readPreference=secondary", wait_replicas=2)
    plain = MongoStore.from_url("mongodb://127.0.0.1:1/?w=1&retryWrites=true&readPreference=secondary")
    assert asked._documents().write_concern.document["w"] == 3
    assert plain._documents().write_concern.document["w"] == "majority"
    assert plain._documents().read_preference.name == "Primary"
    assert plain._documents().database.client.options.retry_writes is False
    asked.close()
    plain.close()


@pytest.mark.parametrize("stands", [True, False])
def test_too_few_confirm(store: MongoStore, monkeypatch: pytest.MonkeyPatch, stands: bool) -> None:
    """A write that too few replicas confirmed in time is unconfirmed if it stands, and lost if it does not. STO-10."""
    first, second = put(store), new(b"second")
    documents = store._documents()
    real = documents.replace_one

    def replace_unconfirmed(*arguments: object) -> None:
        if stands:
            real(*arguments)
        raise WriteConcernError("waiting for replication timed out")

    monkeypatch.setattr(documents, "replace_one", replace_unconfirmed)
    outcome = store.swap("a", first.etag, second, time.time() + HOUR)
    assert outcome is (Swap.UNCONFIRMED if stands else Swap.LOST)
    assert store.load("a") == (second if stands else first)


@pytest.mark.long
@pytest.mark.parametrize("where", ["absent", "silent"])
def test_server_down(where: str) -> None:
    """A server that is absent or silent is given up, within timeout plus the driver's half second. STO-07, STO-08."""
    with servers.black_hole() as hole:
        port = hole if where == "silent" else servers.free_port()
        with closing(MongoStore.from_url(f"mongodb://127.0.0.1:{port}/")) as store:
            calls = (
                store.ping,
                lambda: store.load("a"),
                lambda: store.swap("a", None, new(), 1.0),
                lambda: store.purge(1.0),
                lambda: next(store.subjects()),
            )
            for call in calls:
                started = time.monotonic()
                with pytest.raises(StoreUnavailable):
                    call()
                assert time.monotonic() - started < 1.0
        store.close()


def test_what_bson_refuses() -> None:
    """What BSON refuses is no error of the driver's family, and still ends as StoreUnavailable. STO-08."""
    with pytest.raises(StoreUnavailable) as caught, _edge():
        bson.encode({"value": object()})
    assert isinstance(caught.value.__cause__, bson.errors.InvalidDocument)


@pytest.mark.parametrize("url", ["mongodb://", "mongodb://user:hunter2@host:port/", "mongodb://h/bad name?w=x&w=y"])
def test_bad_url(url: str) -> None:
    """A URL that cannot work is a start-up error, which does not repeat it. LOG-01."""
    with pytest.raises(ConfigError) as caught:
        MongoStore.from_url(url)
    assert "hunter2" not in str(caught.value)


def test_url_may_say_otherwise() -> None:
    """A timeout or pool size in the URL stands."""
    store = MongoStore.from_url("mongodb://127.0.0.1:1/mine?timeoutms=900&maxPoolSize=3", key_prefix="app")
    documents = store._documents()
    assert (documents.database.name, documents.name) == ("mine", "app_subjects")
    assert documents.database.client.options.timeout == 0.9
    assert documents.database.client.options.pool_options.max_pool_size == 3
    store.close()


def test_ready_client_is_left_open(client: mongomock.MongoClient, store: MongoStore) -> None:
    """Closing the store leaves a client that was given to its owner."""
    first = put(store)
    store.close()
    assert store.load("a") == first


FORKING = """
import os, sys, warnings
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.mongo import MongoStore
store = MongoStore.from_url(sys.argv[1])
def ask():
    try:
        store.load("a")
    except StoreUnavailable:
        return id(store._documents().database.client)
before = ask()
child = os.fork()
if child == 0:
    os._exit(0 if ask() != before else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_fork() -> None:
    """A forked child gets a client of its own, without a warning of the driver."""
    url = f"mongodb://127.0.0.1:{servers.free_port()}/"
    subprocess.run([sys.executable, "-W", "error", "-c", FORKING, url], check=True, timeout=30)
