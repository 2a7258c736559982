"""That every benchmark runs and says something; what it says is nobody's test."""

from __future__ import annotations

import re
import warnings

import pytest

from benchmarks import sites
from benchmarks.__main__ import ALL
from benchmarks.bench import TINY, Bench
from benchmarks.measure import Case, side_by_side

NUMBER = re.compile(r" \d+(\.\d+)?( \(\d+\.\d+-\d+\.\d+\))? (x|us|ms|s|bytes|trips)?\b")


@pytest.fixture
def bench(backends):
    with Bench.at(backends.get("redis").url, TINY) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the peers' own
        yield opened


@pytest.mark.long
@pytest.mark.parametrize("name", ALL)
def test_runs(name, bench):
    """Each benchmark prints its lines with a number and a goal."""
    lines = list(ALL[name](bench))
    assert any(NUMBER.search(line) for line in lines)
    assert any("goal" in line for line in lines)


def test_a_missing_peer_is_named(bench, monkeypatch):
    """A peer that is not installed is left out with a sentence; the others are still compared."""
    monkeypatch.setattr(sites, "find_spec", lambda _module: None)
    peers = sites.Peers(bench.client)
    assert not peers.calls
    assert all("not installed" in sentence for sentence in peers.missing)


def test_order_turns_and_preparation_is_not_timed():
    """Cases take turns in being first, and what comes before a call does not count as the call."""
    seen = []
    cases = {"a": lambda: seen.append("a"), "b": Case(lambda: seen.append("b"), lambda: seen.append("prepared"))}
    times = side_by_side(cases, rounds=2, calls=1)
    assert seen == ["a", "prepared", "b", "prepared", "b", "a", "a", "prepared", "b"]
    assert [len(rounds) for rounds in times.wall.values()] == [2, 2]
