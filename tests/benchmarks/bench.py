"""What every benchmark is given: a Redis of its own, how much to do, and how to say what came out."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from .measure import Ratio

Lines = Iterator["Figure | str"]

NOT_SENT = {"info", "getrange", "exists", "set", "del", "strlen", "publish"}
"""What the server counts besides: the counting, and what `swap.lua` calls."""


@dataclass(frozen=True)
class Scale:
    """How much to do."""

    rounds: int
    calls: int
    sessions: int
    logins: int
    threads: int
    tokens: int
    starts: int
    subjects: int
    """How many there are at most, from a thousand on."""
    seconds: float
    """How long one stack is served at a time."""
    trials: int
    records: int
    """How many ended ones a purge has to delete."""
    pages: int
    """How many pages are open at a time that only listen."""


FULL = Scale(
    rounds=300,
    calls=10,
    sessions=50,
    logins=1000,
    threads=32,
    tokens=2000,
    starts=15,
    subjects=100_000,
    seconds=4,
    trials=300,
    records=50_000,
    pages=100,
)
TINY = Scale(
    rounds=2,
    calls=2,
    sessions=3,
    logins=8,
    threads=4,
    tokens=20,
    starts=1,
    subjects=1050,
    seconds=0.3,
    trials=3,
    records=20,
    pages=3,
)
"""Enough to see that a benchmark runs; its numbers mean nothing."""


@dataclass(frozen=True)
class Bench:
    """A Redis and a scale."""

    url: str
    scale: Scale
    client: Any
    closing: ExitStack
    """What is to be closed at the end."""

    @classmethod
    @contextmanager
    def at(cls, url: str, scale: Scale) -> Iterator[Bench]:
        """Open a bench for the length of the block; a client of the usual making is on it."""
        with ExitStack() as closing, redis.Redis.from_url(url) as client:
            yield cls(url, scale, client, closing)

    def commands(self, work: Callable[[], object]) -> dict[str, int]:
        """Return what clients sent to the server while *work* was done, a script counted as one command."""
        return {name: calls for name, calls in self.done(work).items() if name not in NOT_SENT}

    def done(self, work: Callable[[], object]) -> dict[str, int]:
        """Return the commands that the server ran while *work* was done, those of scripts included."""
        before = self._counts()
        work()
        counts = {name: calls - before.get(name, 0) for name, calls in self._counts().items()}
        return {name: calls for name, calls in counts.items() if calls}

    def _counts(self) -> dict[str, int]:
        stats = self.client.info("commandstats")
        return {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}

    @contextmanager
    def placed(self, cores: tuple[int, int]) -> Iterator[None]:
        """Keep this process on the first of *cores* and the Redis on the second, for the length of the block."""
        server, own = self.client.info("server")["process_id"], os.sched_getaffinity(0)
        theirs = os.sched_getaffinity(server)
        try:
            os.sched_setaffinity(0, {cores[0]})
            os.sched_setaffinity(server, {cores[1]})
            yield
        finally:
            os.sched_setaffinity(0, own)
            os.sched_setaffinity(server, theirs)

    def placements(self) -> dict[str, tuple[int, int]]:
        """Return where the two may be put; a raw GET costs three times as much on two cores as on one."""
        if not hasattr(os, "sched_getaffinity"):
            return {}
        first, *others = sorted(os.sched_getaffinity(0))
        return {"one core": (first, first), **({"two cores": (first, others[0])} if others else {})}


@dataclass(frozen=True)
class Figure:
    """What was measured, beside its goal."""

    what: str
    value: Ratio | float
    goal: str = ""
    """Such as ``<= 1.10``; empty without one."""
    unit: str = "x"
    place: str = ""
    """Where client and server ran, if that was chosen."""

    @property
    def middle(self) -> float:
        """The figure itself, without its spread."""
        return self.value.median if isinstance(self.value, Ratio) else self.value

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        return self._judged(self.middle)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        spread = [self.value.low, self.value.high] if isinstance(self.value, Ratio) else None
        return {
            "what": self.what.strip(),
            "place": self.place or None,
            "value": self.middle,
            "quartiles": spread,
            "unit": self.unit,
            "goal": self.goal or None,
            "met": self.met,
        }

    @property
    def shown(self) -> str:
        """The figure with its spread, if it has one."""
        value, digits = self.value, self._digits
        return value.shown(digits) if isinstance(value, Ratio) else f"{value:.{digits}f}"

    @property
    def shown_middle(self) -> str:
        """The figure without its spread."""
        return f"{self.middle:.{self._digits}f}"

    @property
    def _digits(self) -> int:
        """How many digits after the point show it, and on which side of its goal it is."""
        size = abs(self.middle)
        digits = 0 if size >= 100 else 2 if size >= 0.1 or size == 0 else 3
        while digits < 9 and self._judged(round(self.middle, digits)) is not self.met:
            digits += 1
        return digits

    def _judged(self, value: float) -> bool | None:
        if not self.goal:
            return None
        sign, limit = self.goal.split()
        return COMPARE[sign](value, float(limit))

    def __str__(self) -> str:
        outcome = {None: "", True: f"goal {self.goal}: met", False: f"goal {self.goal}: MISSED"}[self.met]
        return f"  {self.what:<64} {self.shown:>20} {self.unit:<6} {outcome}".rstrip()


COMPARE = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


def said(what: str, value: Ratio | float, goal: str = "", unit: str = "x") -> Figure:
    """Return one line of the answer."""
    return Figure(what, value, goal, unit)
