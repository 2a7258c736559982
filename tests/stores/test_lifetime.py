"""Connections of a store, or of an audit trail, that nobody has any more."""

from __future__ import annotations

import gc
import time

from sqlalchemy import event

from flask_gosession.observe.audit_table import AuditTable
from flask_gosession.stores.sql.store import SQLStore


def closed_connections(engine) -> list[object]:
    """Return a list that grows by each connection that *engine* closes."""
    closed: list[object] = []
    event.listen(engine, "close", lambda connection, _record: closed.append(connection))
    return closed


def test_a_stores_connections_are_closed_with_it(tmp_path):
    """A store that was dropped unclosed leaves no connection for the garbage collector to complain of."""
    store = SQLStore.from_url(f"sqlite:///{tmp_path / 'sessions.sqlite'}")
    store.ping()
    closed = closed_connections(store._engine)
    del store
    gc.collect()
    assert len(closed) == 1


def test_a_trails_connections_are_closed_with_it(tmp_path):
    """An audit trail has an engine of its own, and the same manners."""
    url = f"sqlite:///{tmp_path / 'audit.sqlite'}"
    trail = AuditTable(url, key_prefix="test", max_age=60, max_entries=10, clock=time.time)
    assert trail.trail(None) == []
    closed = closed_connections(trail._engine)
    del trail
    gc.collect()
    assert len(closed) == 1


def test_an_engine_of_the_app_stays_open(tmp_path):
    """What the app has made and given to the store is the app's to close."""
    first = SQLStore.from_url(f"sqlite:///{tmp_path / 'sessions.sqlite'}")
    engine = first._engine
    second = SQLStore(engine)
    second.ping()
    closed = closed_connections(engine)
    del second
    gc.collect()
    assert closed == []
    first.close()
