"""Whoever ends a session, and wherever: no process accepts it any more, however busy its threads are."""

from __future__ import annotations

from statistics import quantiles

import pytest
from backends import Backends

from .onlookers import lags, onlookers, open_manager


@pytest.fixture
def url(backends: Backends) -> str:
    return backends.process_url("redis")


def test_no_process_accepts_what_has_ended(url: str, key_prefix: str) -> None:
    """Not by what it knows: a verdict would last five seconds and more."""
    manager = open_manager(url, key_prefix)
    with onlookers(url, key_prefix, processes=2, threads=2) as links:
        assert max(lags(manager, links, 20)) < 1.0
    manager.close()


@pytest.mark.long
def test_no_check_a_millisecond_later(url: str, key_prefix: str) -> None:
    """Of 3,000 sessions, checked by twelve threads in three processes all the time.

    The system may put the server to sleep between its answer to one process and its word to the next, so that on a
    machine with more to do than it can a few of a thousand may be later.
    """
    manager = open_manager(url, key_prefix)
    with onlookers(url, key_prefix, processes=3, threads=4) as links:
        found = sorted(lags(manager, links, 3000))
    manager.close()
    cuts = quantiles(found, n=1000)
    shown = {"p50": cuts[499], "p99": cuts[989], "p99.9": cuts[998], "max": found[-1]}
    milliseconds = {name: round(1000 * seconds, 3) for name, seconds in shown.items()}
    assert sum(lag > 0.001 for lag in found) <= len(found) / 500, milliseconds
    assert found[-1] < 0.1, milliseconds
