"""A primary that dies behind Sentinel or in a Cluster: its replica takes over, and the app finds it."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
import servers

from flask_gosession import ids
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, Store
from flask_gosession.stores.registry import open_store

from .load import CALLERS, LOOSELY, Load, assert_honest, report, under_load
from .machines import Machine, cluster, watched_by_sentinels

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
]

SECOND = 1000
"""Milliseconds after which a primary counts as gone here. Production wants five seconds or more: with one, a pause
of the machine is taken for a death, and a needless second promotion loses writes."""

REGAINED = 3.0
"""Seconds from then on until all is well."""


def url_of(nodes: list[Machine]) -> str:
    return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


def recovery_from(fault, primary: Machine, load: Load) -> float:
    began = time.monotonic()
    fault(primary)
    load.until_refused()
    before = time.monotonic() - began
    return before + load.until_all_well(30)


@pytest.mark.parametrize("fault", [Machine.kill, Machine.freeze], ids=["kill", "freeze"])
def test_sentinel(fault):
    """STO-07: the replica takes over within down-after + 3 s; until then 503, and nobody is signed out."""
    with watched_by_sentinels(down_after=SECOND) as watched, under_load(watched.url) as load:
        recovery = recovery_from(fault, watched.primary, load)
        watched.primary.thaw()
    report(load, [recovery])
    assert_honest(load, lost=CALLERS)
    assert recovery < (SECOND / 1000 + REGAINED) * LOOSELY


@pytest.mark.parametrize("fault", [Machine.kill, Machine.freeze], ids=["kill", "freeze"])
def test_cluster(fault):
    """STO-07: the replica takes over within the node timeout + 3 s; until then 503, and nobody is signed out."""
    with cluster(node_timeout=SECOND) as nodes, under_load(url_of(nodes)) as load:
        recovery = recovery_from(fault, nodes[0], load)
        nodes[0].thaw()
    report(load, [recovery])
    assert_honest(load, lost=CALLERS)
    assert recovery < (SECOND / 1000 + REGAINED) * LOOSELY


@pytest.mark.parametrize("frozen", [1, 3, 5])
def test_silent_nodes_share_one_budget(frozen):
    """STO-07: however many nodes of a cluster are silent, a call takes at most 500 ms, with a new client, too."""
    with cluster(node_timeout=30 * SECOND) as nodes:
        url = url_of(nodes)
        store = open_store(url)
        for number in range(12):
            store.swap(f"user-{number}", None, Record(b"value", ids.new_etag()), time.time() + 60)
        for node in nodes[:frozen]:
            node.freeze()
        seconds = [seconds_of(store, number) for number in range(12)]
        for number in range(4):
            newcomer = open_store(url)
            seconds.append(seconds_of(newcomer, number))
            newcomer.close()
        store.close()
    assert max(seconds) < 0.5 * LOOSELY


def test_silent_sentinels_share_one_budget():
    """STO-07: three Sentinels that are silent cost a call at most 500 ms together."""
    with watched_by_sentinels(down_after=30 * SECOND) as watched:
        for one in watched.sentinels:
            one.freeze()
        store = open_store(watched.url)
        seconds = seconds_of(store, 0)
        store.close()
    assert 0.25 < seconds < 0.5 * LOOSELY


def seconds_of(store: Store, number: int) -> float:
    """Return how long a call takes; one that was late is made again: a busy machine is late once, a fault twice."""
    first = _once(store, number)
    return first if first < 0.5 * LOOSELY else min(first, _once(store, number))


def _once(store: Store, number: int) -> float:
    began = time.monotonic()
    with suppress(StoreUnavailable):
        store.load(f"user-{number}")
    return time.monotonic() - began
