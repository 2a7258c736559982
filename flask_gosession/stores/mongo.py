"""Records as MongoDB documents, one per subject: written to the majority, read from the primary.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from bson.errors import BSONError
from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, PyMongoError, WaitQueueTimeoutError, WriteConcernError

from flask_gosession import at_fork
from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.stores.base import Record, StoreBusy, Swap
from flask_gosession.stores.capabilities import Page
from flask_gosession.stores.names import table_name

log: logging.Logger = logging.getLogger("flask_gosession")
Documents: TypeAlias = "Collection[dict[str, Any]]"

BOUNDS: Mapping[str, Any] = {
    **dict.fromkeys(("timeoutMS", "serverSelectionTimeoutMS", "connectTimeoutMS", "waitQueueTimeoutMS"), 250),
    "maxPoolSize": 20,
    "appname": "flask-gosession",
}
"""The options that bound a call, unless the URL says otherwise; the first bounds the whole call.

While no primary is known, the driver checks only every half second whether its time is over, so a call can then take
0.75 seconds.
"""
FIXED: Mapping[str, Any] = {"retryWrites": False, "connect": False}
"""Whatever the URL says: a write is sent once, and the first connection is made by the process that needs it."""
DATABASE = "gosession"
CHUNK = 1000
"""How many documents one command of a purge deletes."""

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
LAST_SECOND = 253_402_300_799.0
DAMAGED = b"damaged!"
"""Stands for the etag of a document that has none."""
_NO_ETAG = {"$not": {"$type": "binData"}}


class MongoStore:
    """A document is ``{_id: subject, etag, value, expires_at}``; a TTL index, or `purge`, deletes ended ones."""

    shared = True
    confirms = True

    def __init__(self, connect: Callable[[], Documents], *, wait_replicas: int = 0, owned: bool = True) -> None:
        """Take the collection from *connect*, at the first use in each process, and close its client if *owned*.

        Each write is confirmed by the majority; with *wait_replicas*, by the primary and that many others instead.
        """
        self._connect = connect
        self._owned = owned
        self._concern = WriteConcern(w=wait_replicas + 1 if wait_replicas else "majority")
        self._opened: Documents | None = None
        self._indexed = False
        self._parents: list[Documents | None] = []
        at_fork.in_child(self._begin_anew)

    @classmethod
    def from_url(cls, url: str, *, key_prefix: str = "gosession", wait_replicas: int = 0) -> MongoStore:
        """Open ``mongodb://…/database``; the database is ``gosession`` if none is named. Raises ConfigError."""

        def connect() -> Documents:
            client: MongoClient[dict[str, Any]] = MongoClient(url, **_options(url))
            return client.get_default_database(DATABASE)[table_name(key_prefix)]

        if url.startswith("mongodb://"):
            _try_out(connect)
        return cls(connect, wait_replicas=wait_replicas)

    @classmethod
    def from_client(
        cls, client: MongoClient[dict[str, Any]], *, key_prefix: str = "gosession", wait_replicas: int = 0
    ) -> MongoStore:
        """Use a ready client, whose timeouts and end are its owner's."""
        documents = client.get_default_database(DATABASE)[table_name(key_prefix)]
        return cls(lambda: documents, wait_replicas=wait_replicas, owned=False)

    def create(self) -> None:
        """Make the TTL index unless it exists. Raises StoreUnavailable."""
        with _edge():
            self._documents().create_index("expires_at", expireAfterSeconds=0)
        self._indexed = True

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*; a damaged document reads as an empty value with an etag to replace it by."""
        with _edge():
            document = self._documents().find_one({"_id": subject})
        return None if document is None else _record(document)

    def swap(
        self,
        subject: str,
        etag: bytes | None,
        new: Record | None,
        expires_at: float,
        *,
        announce: bool = False,  # noqa: ARG002 - change streams would need a replica set
    ) -> Swap:
        """Put or delete by one conditional write, never sent twice. Raises StoreUnavailable."""
        if etag is None and new is None:
            return Swap.DONE if self.load(subject) is None else Swap.LOST
        try:
            with _edge():
                done = self._write(subject, etag, new, expires_at)
        except _Unconfirmed:
            done = self._stands(subject, new)
            return Swap.UNCONFIRMED if done else Swap.LOST
        if done and not self._indexed:
            self._index_once()
        return Swap.DONE if done else Swap.LOST

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects, in batches."""
        with _edge():
            for document in self._documents().find({}, {"_id": True}):
                if isinstance(document["_id"], str):
                    yield document["_id"]

    def purge(self, now: float, limit: int = 1000) -> int:
        """Delete at most *limit* documents that ended before *now*; return how many the server had not deleted yet."""
        purged = 0
        while purged < limit and (deleted := self._purge_some(now, min(CHUNK, limit - purged))):
            purged += deleted
        return purged

    def _purge_some(self, now: float, limit: int) -> int:
        ended = {"expires_at": {"$lt": _date(now)}}
        with _edge():
            documents = self._documents()
            ids = [document["_id"] for document in documents.find(ended, {"_id": True}).limit(limit)]
            return documents.delete_many({"_id": {"$in": ids}, **ended}).deleted_count if ids else 0

    def page(self, position: str | None, limit: int) -> Page:
        """Return the next *limit* documents in the order of their subjects; a position is the last subject."""
        wanted = {"$type": "string"} if position is None else {"$gt": position}
        with _edge():
            found = list(self._documents().find({"_id": wanted}).sort("_id", 1).limit(limit))
        records = [(document["_id"], _record(document)) for document in found]
        return Page(records, records[-1][0] if len(records) == limit else None)

    def size(self) -> int:
        """Return about how many documents there are, as the collection's own counter says."""
        with _edge():
            return self._documents().estimated_document_count()

    def count_ended(self, now: float) -> int:
        """Return how many documents ended before *now* and are still there."""
        with _edge():
            return self._documents().count_documents({"expires_at": {"$lt": _date(now)}})

    def locate(self, subject: str) -> str:
        """Return the document of *subject*."""
        return f"document {{_id: {json.dumps(subject)}}} of the collection {self._documents().full_name}"

    def ping(self) -> None:
        """Return when the primary answers; raise StoreUnavailable otherwise."""
        with _edge():
            self._documents().find_one({}, {"_id": True})

    def close(self) -> None:
        """Close the client, unless it was given. May be called twice."""
        opened, self._opened = self._opened, None
        if opened is not None and self._owned:
            opened.database.client.close()

    def _write(self, subject: str, etag: bytes | None, new: Record | None, expires_at: float) -> bool:
        documents = self._documents()
        if new is None:
            return documents.delete_one(_mine(subject, etag)).deleted_count == 1
        content = {"_id": subject, "etag": new.etag, "value": new.value, "expires_at": _date(expires_at)}
        if etag is not None:
            return documents.replace_one(_mine(subject, etag), content).matched_count == 1
        try:
            documents.insert_one(content)
        except DuplicateKeyError:
            return False
        return True

    def _stands(self, subject: str, new: Record | None) -> bool:
        """Return whether a write that too few have confirmed is on the primary."""
        stored = self.load(subject)
        return (stored.etag if stored else None) == (new.etag if new else None)

    def _index_once(self) -> None:
        self._indexed = True
        try:
            self.create()
        except StoreUnavailable as error:
            log.warning("no TTL index was made (%s): run a purge from time to time", type(error.__cause__).__name__)

    def _documents(self) -> Documents:
        if self._opened is None:
            primary = ReadPreference.PRIMARY
            self._opened = self._connect().with_options(read_preference=primary, write_concern=self._concern)
        return self._opened

    def _begin_anew(self) -> None:
        # Kept, not closed: the sockets are the parent's.
        if self._owned:
            self._parents.append(self._opened)
            self._opened = None


class _Unconfirmed(Exception):
    """The primary has the write, and too few others have it."""


@contextmanager
def _edge() -> Iterator[None]:
    try:
        yield
    except WriteConcernError as error:
        raise _Unconfirmed from error
    except WaitQueueTimeoutError as error:
        raise StoreBusy from error
    except (PyMongoError, BSONError) as error:
        raise StoreUnavailable from error


def _options(url: str) -> dict[str, Any]:
    said = {name.lower() for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True)}
    return {**{name: value for name, value in BOUNDS.items() if name.lower() not in said}, **FIXED}


def _try_out(connect: Callable[[], Documents]) -> None:
    """Find errors in a URL now, without a connection; never repeat the URL, which may hold a password."""
    try:
        connect().database.client.close()
    except (PyMongoError, ValueError, TypeError) as error:
        raise ConfigError(f"The mongodb:// URL of the store cannot be used ({type(error).__name__}).") from None


def _mine(subject: str, etag: bytes | None) -> dict[str, Any]:
    if etag == DAMAGED:
        return {"_id": subject, "$or": [{"etag": DAMAGED}, {"etag": _NO_ETAG}]}
    return {"_id": subject, "etag": etag}


def _record(document: Mapping[str, Any]) -> Record:
    etag, value = document.get("etag"), document.get("value")
    if not isinstance(etag, bytes):
        return Record(b"", DAMAGED)
    return Record(bytes(value) if isinstance(value, bytes) else b"", bytes(etag))


def _date(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=min(max(seconds, 0.0), LAST_SECOND))
