"""That every benchmark runs and says something; what it says is nobody's test."""

from __future__ import annotations

import re
import warnings
from collections import Counter

import pytest

from benchmarks import picture, sites
from benchmarks.__main__ import ALL
from benchmarks.bench import TINY, Bench, said
from benchmarks.measure import WARM_UP, Case, Ratio, side_by_side

NUMBER = re.compile(r" \d+(\.\d+)?( \(\d+\.\d+-\d+\.\d+\))? (x|us|ms|s|bytes|trips)?\b")


@pytest.fixture
def bench(backends):
    with Bench.at(backends.get("redis").url, TINY) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the peers' own
        yield opened


@pytest.mark.long
@pytest.mark.parametrize("name", ALL)
def test_runs(name, bench):
    """Each benchmark prints its lines with a number and a goal; what an idle page may cost is up to who reads it."""
    lines = [str(line) for line in ALL[name](bench)]
    assert any(NUMBER.search(line) for line in lines)
    assert name == "pages" or any("goal" in line for line in lines)


def test_a_missing_peer_is_named(bench, monkeypatch):
    """A peer that is not installed is left out with a sentence; the others are still compared."""
    monkeypatch.setattr(sites, "find_spec", lambda _module: None)
    peers = sites.Peers(bench.client)
    assert not peers.stacks
    assert all("not installed" in sentence for sentence in peers.missing)


def test_every_round_is_warmed_up_and_preparation_is_not_timed():
    """Each round has every case, after three calls that do not count; nor does what comes before a call."""
    seen = []
    cases = {"a": lambda: seen.append("a"), "b": Case(lambda: seen.append("b"), lambda: seen.append("prepared"))}
    times = side_by_side(cases, rounds=2, calls=1)
    assert Counter(seen) == {"a": 3 * (WARM_UP + 1), "b": 3 * (WARM_UP + 1), "prepared": 3 * (WARM_UP + 1)}
    assert "".join(seen).count("preparedb") == 3 * (WARM_UP + 1)
    assert [len(rounds) for rounds in times.wall.values()] == [2, 2]


def test_a_goal_is_judged():
    """A figure says whether its goal is met, in its line and in JSON; without a goal it says nothing."""
    met, missed, plain = said("a", 1.0, "<= 1.10"), said("b", Ratio(0.5, 0.4, 0.6), ">= 0.95"), said("c", 3.0)
    assert (met.met, missed.met, plain.met) == (True, False, None)
    assert str(met).endswith("goal <= 1.10: met")
    assert str(missed).endswith("goal >= 0.95: MISSED")
    assert missed.as_dict()["quartiles"] == [0.4, 0.6]


def test_a_goal_is_judged_by_the_figure_as_measured():
    """Nothing is rounded before, and as many digits are shown as tell on which side of the goal it is."""
    figures = [(0.3349, "<= 0.33"), (0.3351, "<= 0.30"), (0.0349, "<= 0.035"), (0.05, "<= 0.035"), (1536.4, "<= 1536")]
    assert [said("a", value, goal).met for value, goal in figures] == [False, False, True, False, False]
    shown = [said("a", value, goal).shown for value, goal in figures]
    assert shown == ["0.335", "0.34", "0.035", "0.050", "1536.4"]
    assert said("a", Ratio(0.0512, 0.04, 0.06)).shown == "0.051 (0.040-0.060)"


def test_the_picture_has_a_bar_for_each_stack(tmp_path):
    """It is drawn from the figures of the first placement."""
    pytest.importorskip("pygal", reason="pygal draws the picture; the extra `bench` brings it")
    names = ("bare_get", "gosession", "Flask-Login, user")
    picture.draw([said(f"  {name}{picture.SUFFIX}", 70.0) for name in names], tmp_path / "picture.svg")
    drawn = (tmp_path / "picture.svg").read_text()
    assert all(name in drawn for name in names)
