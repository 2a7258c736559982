"""A theft: a pair of tokens is copied once, and its thief and its owner go on side by side until one is caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol

from .conditions import HOUR
from .server import Pair, Server

NEVER = float("inf")
SLEEPY = 0.05
"""How often the owner is away when a refresh is due, for half an hour up to half a day."""
NAPS = (HOUR / 2, HOUR, 8 * HOUR, 12 * HOUR)
UNUSED = 0.1


class Thief(Protocol):
    """Somebody with a copy of a pair, who acts whenever `wakes`, `NEVER` once nothing can be done any more."""

    wakes: float
    had_access: float
    """For how many seconds so far."""

    def act(self, owner_is_gone: bool) -> None:
        """Do what is to be done at `wakes`, and set it anew."""
        ...


Steal = Callable[[Server, Pair, float], Thief]
"""Makes a thief of the server, the pair and the time of the theft."""


class Ending(NamedTuple):
    """How a theft went on: the share of the time that the thief had access, and what ended it, after how long."""

    share: float
    how: str
    after: float


@dataclass
class Owner:
    """The person whose tokens were copied; refreshes at a random moment of their life, and mostly uses what comes."""

    server: Server
    chance: Random
    pair: Pair
    uses_at: float = NEVER
    gone: bool = False

    def __post_init__(self) -> None:
        self.refreshes_at = self._due()

    @property
    def wakes(self) -> float:
        """When the owner acts next."""
        return min(self.uses_at, self.refreshes_at)

    def act(self) -> None:
        """Use the pair, or refresh it."""
        if self.uses_at <= self.refreshes_at:
            self.server.check(self.pair, self.uses_at)
            self.uses_at = NEVER
            return
        now = self.refreshes_at
        pair = self.server.refresh(self.pair, now)
        if pair is None:
            self.gone, self.uses_at, self.refreshes_at = True, NEVER, NEVER
            return
        self.pair, self.refreshes_at = pair, NEVER
        self.refreshes_at = self._due()
        self.uses_at = NEVER if self.chance.random() < UNUSED else now + self.chance.uniform(0.2, 3)

    def _due(self) -> float:
        issued, ends = self.pair.issued, self.pair.ends
        due = issued + (ends - issued) * self.chance.uniform(0.5, 0.9)
        if self.chance.random() < SLEEPY:
            due = max(due, issued + self.chance.choice(NAPS) * self.chance.uniform(0.5, 1))
        return due


def play(server: Server, chance: Random, steal: Steal, until: float) -> Ending:
    """Let the owner and the thief act in turn until *until*, or until neither has a session any more."""
    owner = Owner(server, chance, server.first)
    server.check(server.first, 5.0)
    began = chance.uniform(20, min(700.0, owner.refreshes_at - 20))
    thief, now = steal(server, server.first, began), began
    how = "lives on"
    while (now := min(owner.wakes, thief.wakes)) < until:
        if owner.wakes <= thief.wakes:
            owner.act()
        else:
            thief.act(owner.gone)
        if server.ended:
            how = "caught"
            break
        if thief.wakes == NEVER:
            how = "locked out"
            break
    return Ending(thief.had_access / (until - began), how, min(now, until) - began)
