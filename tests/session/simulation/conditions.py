"""What goes wrong for honest clients, kind by kind: tabs, phones, networks, hosts and stores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

HOUR, DAY = 3600.0, 86_400.0


@dataclass(frozen=True)
class Conditions:
    """One world for a browser; times are seconds, chances are shares of one."""

    tabs: int = 3
    own_storage: bool = False
    """Whether each tab has a copy of the tokens to itself."""
    keeps: Literal["unless_changed", "latest"] = "unless_changed"
    """Whether an answer is dropped where the storage holds another pair than was sent, or replaces what is there."""
    late_answers: bool = False
    """Whether an answer replaces the cookies although its request was given up."""
    locked: float = 0.7
    """The chance that a tab waits while another one refreshes."""
    lost_requests: float = 0.02
    lost_answers: float = 0.03
    timeout: float = 10.0
    tries: int = 12
    """How often a client tries again before it waits to be used."""
    offline: tuple[float, ...] = (0.0,)
    repeated: float = 0.0
    """The chance that a proxy sends a request twice."""
    stalled: bool = False
    """Whether the second arrives up to a minute after the first, whose answer is the one that is delivered."""
    failovers: float = 0.0
    """The chance that the store loses its last one or two writes, after each."""
    clocks: tuple[float, ...] = (-2.0, 0.0, 2.0)
    """By how much the clocks of the hosts are off."""
    frozen: float = 0.0
    """The chance that a client sleeps for up to 90 s in the middle of its request."""
    unseen: float = 0.0
    """The chance that a use is not seen by the store."""
    rolled_back: float = 0.0
    """The chance in each round that the client's storage falls back by one pair."""
    unused: float = 0.1
    """The chance that a new pair is not used at once."""
    eager: float = 0.0
    """The chance that a pair is refreshed again within 40 s."""
    confirms: float = 0.0
    """The chance in each round that the person shows the credentials again."""
    rounds: int = 4


TABS = Conditions()
COOKIES = replace(TABS, keeps="latest")

KINDS = {
    "tabs": TABS,
    "latest answer wins": replace(COOKIES, timeout=60.0),
    "cookies": COOKIES,
    "cookies, late answers": replace(COOKIES, late_answers=True),
    "phone": replace(
        TABS, tabs=1, lost_answers=0.3, lost_requests=0.2, offline=(0, 30, 300, HOUR, DAY, 4 * DAY), timeout=30.0
    ),
    "overload": replace(COOKIES, lost_answers=0.6, lost_requests=0.1),
    "proxy": replace(COOKIES, repeated=0.3, timeout=70.0),
    "backlog": replace(COOKIES, repeated=0.1, stalled=True),
    "failover": replace(TABS, failovers=0.05),
    "clocks 15 s apart": replace(TABS, clocks=(-7.5, 0.0, 7.5)),
    "clocks 60 s apart": replace(TABS, clocks=(-30.0, 0.0, 30.0)),
    "clocks 120 s apart": replace(TABS, clocks=(-60.0, 0.0, 60.0)),
    "sleeping worker": replace(TABS, tabs=2, locked=0.0, frozen=0.05),
    "signature routes": replace(TABS, unseen=1.0, lost_answers=0.1),
    "some signature routes": replace(COOKIES, unseen=0.5, lost_answers=0.1),
    "eager": replace(TABS, eager=0.3),
    "tries once": replace(TABS, tries=1, lost_answers=0.2, lost_requests=0.1),
    "parallel forks": replace(COOKIES, tabs=4, locked=0.0, lost_answers=0.6, unused=0.5),
    "re-authentications": replace(COOKIES, lost_answers=0.4, lost_requests=0.1, confirms=0.5),
    "own copies": replace(TABS, own_storage=True),
    "rolled back": replace(TABS, tabs=1, rolled_back=0.05),
}
