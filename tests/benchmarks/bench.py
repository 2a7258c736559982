"""What every benchmark is given: a Redis of its own, how much to do, and how to say what came out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from .measure import Ratio

Lines = Iterator[str]

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


FULL = Scale(rounds=300, calls=10, sessions=50, logins=1000, threads=32, tokens=2000, starts=15)
TINY = Scale(rounds=2, calls=2, sessions=3, logins=8, threads=4, tokens=20, starts=1)
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
        before = self._counts()
        work()
        counts = {name: calls - before.get(name, 0) for name, calls in self._counts().items()}
        return {name: calls for name, calls in counts.items() if calls and name not in NOT_SENT}

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


def said(what: str, value: Ratio | float, goal: str = "", unit: str = "x") -> str:
    """Return one line of the answer."""
    shown = str(value) if isinstance(value, Ratio) else f"{value:.2f}" if value < 100 else f"{value:.0f}"
    return f"  {what:<64} {shown:>20} {unit:<9} {goal and f'goal {goal}'}".rstrip()
