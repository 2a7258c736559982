"""Several ways to do a thing, timed side by side in one process, so that their ratios outlive a noisy machine."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

WARM_UP = 3

Work = Callable[[], object]


class Case(NamedTuple):
    """One way to do it; *before* makes each call's starting point and is not timed."""

    work: Work
    before: Work | None = None


class Ratio(NamedTuple):
    """The median of paired ratios, and the quartiles that say how noisy it was."""

    median: float
    low: float
    high: float

    def shown(self, digits: int) -> str:
        """Return it with so many digits after the point."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}-{self.high:.{digits}f})"


class Times:
    """Seconds a call took, round by round: those on the wall, and those of this process's CPU."""

    def __init__(self, wall: Mapping[str, list[float]], cpu: Mapping[str, list[float]]) -> None:
        self.wall = wall
        self.cpu = cpu

    def ratio(self, one: str, other: str, *, above: str | None = None, cpu: bool = False) -> Ratio:
        """Return how many times as long *one* took as *other*, both less what *above* took in the same round."""
        times = self.cpu if cpu else self.wall
        base = times[above] if above else [0.0] * len(times[one])
        pairs = [(a - c, b - c) for a, b, c in zip(times[one], times[other], base, strict=True)]
        # A round in which less work took longer says nothing but that the machine was busy.
        return _summary([mine / theirs for mine, theirs in pairs if theirs > 0] or [float("nan")])

    def added(self, name: str, base: str) -> Ratio:
        """Return the microseconds that *name* takes above *base*, in pairs."""
        return _summary([(one - other) * 1e6 for one, other in zip(self.wall[name], self.wall[base], strict=True)])

    def calm(self, name: str, *, above: str | None = None) -> float:
        """Return the microseconds of the calmest tenth of the rounds: what a busy machine disturbs least."""
        base = _tenth(self.wall[above]) if above else 0.0
        return (_tenth(self.wall[name]) - base) * 1e6


def side_by_side(cases: Mapping[str, Case | Work], *, rounds: int, calls: int) -> Times:
    """Time every case in every round, in a random order, after a round that is not counted.

    A fixed order would charge whoever follows a case with a socket for the caches that it has emptied, and so do the
    first calls of a batch: three are not timed.
    """
    named = {name: case if isinstance(case, Case) else Case(case) for name, case in cases.items()}
    wall: dict[str, list[float]] = {name: [] for name in named}
    cpu: dict[str, list[float]] = {name: [] for name in named}
    names = list(named)
    for turn in range(rounds + 1):
        random.shuffle(names)
        for name in names:
            seconds, busy = _timed(named[name], calls)
            if turn:
                wall[name].append(seconds / calls)
                cpu[name].append(busy / calls)
    return Times(wall, cpu)


def _timed(case: Case, calls: int) -> tuple[float, float]:
    if case.before is not None:
        spans = [_prepared(case) for _ in range(WARM_UP + calls)][WARM_UP:]
        return sum(wall for wall, _ in spans), sum(busy for _, busy in spans)
    work = case.work
    for _ in range(WARM_UP):
        work()
    began, began_busy = time.perf_counter(), time.process_time()
    for _ in range(calls):
        work()
    return time.perf_counter() - began, time.process_time() - began_busy


def _prepared(case: Case) -> tuple[float, float]:
    assert case.before is not None
    case.before()
    began, began_busy = time.perf_counter(), time.process_time()
    case.work()
    return time.perf_counter() - began, time.process_time() - began_busy


def part(values: Sequence[float], share: float) -> float:
    """Return what so large a *share* of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _tenth(values: list[float]) -> float:
    return sorted(values)[len(values) // 10]


def _summary(values: list[float]) -> Ratio:
    if len(values) < 2:
        return Ratio(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Ratio(median, low, high)
