"""Plays many histories and thefts, and counts how they end.

``python -m session.simulation.figures 20000 200 3`` in ``tests`` prints the tables of so many honest histories of each
kind, and of so many thefts by each thief over so many days.
"""

from __future__ import annotations

import sys
from collections import Counter
from random import Random
from statistics import median
from typing import NamedTuple

from flask_gosession.session.policy import Policy

from .conditions import DAY, KINDS
from .history import History
from .server import Server
from .theft import Ending, play
from .thieves import THIEVES

SEED = 7


def honest(kind: str, histories: int, seed: int = SEED) -> Counter[str]:
    """Return how so many honest histories of a kind end."""
    chance, conditions, ended = Random(seed), KINDS[kind], Counter[str]()
    policy = Policy(unseen_use=conditions.unseen > 0)
    for _ in range(histories):
        ended[History(Server(chance, policy), chance, conditions).run()] += 1
    return ended


class Thefts(NamedTuple):
    """What came of many thefts by one kind of thief."""

    endings: Counter[str]
    share: float
    """Of the time, on average, that the thief had access."""
    caught_after: float | None
    """The median, in seconds."""


def thefts(kind: str, runs: int, days: float, seed: int = SEED) -> Thefts:
    """Return what comes of so many thefts that are watched for so many days."""
    chance, endings = Random(seed), list[Ending]()
    for _ in range(runs):
        endings.append(play(Server(chance, Policy()), chance, THIEVES[kind], days * DAY))
    caught = [each.after for each in endings if each.how == "caught"]
    share = sum(each.share for each in endings) / runs
    return Thefts(Counter(each.how for each in endings), share, median(caught) if caught else None)


def main(histories: int, runs: int, days: float) -> None:
    """Write both tables."""
    for kind in KINDS:
        ended = honest(kind, histories)
        told = ", ".join(f"{how} {1e6 * ended[how] / histories:.0f}" for how in ("theft", "signed out"))
        sys.stdout.write(f"{kind:36} of a million: {told}\n")
    for kind in THIEVES:
        found = thefts(kind, runs, days)
        after = "-" if found.caught_after is None else f"{found.caught_after / 60:.0f} min"
        sys.stdout.write(
            f"{kind:36} {100 * found.share:.2f} % of the time, caught after {after}, {dict(found.endings)}\n"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
