"""One honest history: tabs that share a session, and whatever goes wrong between them and the server."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random

from .conditions import Conditions
from .server import Pair, Server, moved_to

AFTER = 400.0
"""How long a round goes on after its refresh was due, in seconds."""


@dataclass
class Request:
    """A refresh under way; its client may give it up before the answer is there."""

    tab: int
    sent: Pair
    tries: int
    over: bool = False


class History:
    """A browser with its tabs; `run` says how its session fared."""

    def __init__(self, server: Server, chance: Random, conditions: Conditions) -> None:
        self.server = server
        self.now = 0.0
        self.signed_out = False
        self._chance = chance
        self._is = conditions
        self._storage = [server.first] * (conditions.tabs if conditions.own_storage else 1)
        self._former = server.first
        self._busy = 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def run(self) -> str:
        """Return `theft`, `signed out` or `ok`."""
        for _ in range(self._is.rounds):
            end = self._plan_round() + AFTER
            while self._agenda and self._agenda[0][0] <= end:
                self.now, _, act = heapq.heappop(self._agenda)
                act()
                if self.server.ended:
                    return self.server.ended
                if self.signed_out:
                    return "signed out"
            self.now = max(end, self.now)
        return "ok"

    def _plan_round(self) -> float:
        """Put one round of uses and refreshes on the agenda; return when the last refresh is due."""
        chance, offline = self._chance, self._chance.choice(self._is.offline)
        for _ in range(2):
            self._after(chance.uniform(1, 500), self._use, chance.randrange(self._is.tabs))
        dues = [self._due_of(pair) + offline for pair in self._storage]
        for tab in range(self._is.tabs):
            due, wait = dues[self._slot(tab)], chance.choice((0.0, chance.uniform(0, 1), chance.uniform(0, 20)))
            self._at(due + wait, self._refresh_when_due, tab, due)
        if self._happens(self._is.rolled_back):
            self._at(dues[0] - 1, self._roll_back)
        if self._happens(self._is.confirms):
            self._after(chance.uniform(1, 500), self._confirm, 0)
        return max(dues)

    def _due_of(self, pair: Pair) -> float:
        """Return when a pair is refreshed: at a random share of its life."""
        return max(self.now, pair.issued + self._chance.uniform(0.5, 0.9) * (pair.ends - pair.issued))

    def _use(self, tab: int) -> None:
        """Let a tab use its access token, and refresh it where it is over."""
        pair = self._held(tab)
        if self.now > pair.ends:
            self._refresh(tab)
        elif not self._happens(self._is.unseen):
            verdict = self.server.check(pair, self._clock())
            self._fail_over()
            if verdict == "moved":
                self._after(self._chance.uniform(0.05, 0.3), self._refresh, tab)

    def _refresh_when_due(self, tab: int, due: float) -> None:
        if self._held(tab).issued < due - 5:
            self._refresh(tab)

    def _refresh(self, tab: int, tries: int = 0) -> None:
        """Let a tab send its refresh token, or wait for another one that does."""
        request = Request(tab, self._held(tab), tries)
        if self._busy and self._happens(self._is.locked):
            self._after(1, self._refresh_again, request)
            return
        self._busy += 1
        asleep = self._chance.uniform(0, 90) if self._happens(self._is.frozen) else 0.0
        if not self._happens(self._is.lost_requests):
            self._send(request, asleep + self._latency())
        self._after(asleep + self._is.timeout, self._give_up, request)

    def _send(self, request: Request, latency: float) -> None:
        """Let a request arrive, once or by a proxy twice; one of the answers is delivered."""
        twice, stalled = self._happens(self._is.repeated), self._is.stalled
        self._after(latency, self._arrive, request, not twice or stalled)
        if twice:
            later = self._chance.uniform(1, 60) if stalled else self._chance.choice((0.01, 1.0, 5.0, 31.0, 61.0))
            self._after(latency + later, self._arrive, request, not stalled)

    def _arrive(self, request: Request, delivered: bool) -> None:
        pair = self.server.refresh(request.sent, self._clock())
        self._fail_over()
        if delivered and not self._happens(self._is.lost_answers):
            self._after(self._latency(), self._answer, request, pair and moved_to(pair, self.now))

    def _answer(self, request: Request, pair: Pair | None) -> None:
        """Let an answer reach the browser, in time or too late."""
        late, tab = request.over, request.tab
        self._finish(request)
        if late and not self._is.late_answers:
            return
        if pair is None:
            self._after(2, self._end, request)
        elif self._is.keeps == "latest" or self._held(tab) == request.sent:
            self._keep(tab, pair)
            if not late and not self._happens(self._is.unused):
                self._after(self._chance.uniform(0.01, 2), self._use, tab)

    def _give_up(self, request: Request) -> None:
        if request.over:
            return
        self._finish(request)
        if request.tries < self._is.tries:
            request.tries += 1
            pause = min(60, 2 ** (request.tries - 1)) * self._chance.uniform(0.5, 1)
            self._after(pause, self._refresh_again, request)

    def _refresh_again(self, request: Request) -> None:
        """Try again, unless the storage has changed meanwhile."""
        if self._held(request.tab) == request.sent:
            self._refresh(request.tab, request.tries)

    def _finish(self, request: Request) -> None:
        if not request.over:
            request.over = True
            self._busy -= 1

    def _end(self, request: Request) -> None:
        """Sign the person out, unless another tab has newer tokens by now."""
        self.signed_out = self.signed_out or self._held(request.tab) == request.sent

    def _confirm(self, tries: int) -> None:
        """Show the credentials again; where the answer is lost, once more."""
        pair, lost = self._held(0), self._happens(self._is.lost_answers)
        if self.now > pair.ends or self._happens(self._is.lost_requests):
            return
        new = self.server.confirm(pair, self._clock())
        self._fail_over()
        if new is not None and not lost:
            self._keep(0, moved_to(new, self.now))
        elif lost and tries < 1:
            self._after(self._chance.uniform(5, 60), self._confirm, tries + 1)

    def _keep(self, tab: int, pair: Pair) -> None:
        self._former = self._held(tab)
        self._storage[self._slot(tab)] = pair
        if self._happens(self._is.eager):
            self._after(self._chance.uniform(0.1, 40), self._refresh, tab)

    def _roll_back(self) -> None:
        self._storage[0] = self._former

    def _fail_over(self) -> None:
        if self._happens(self._is.failovers):
            self.server.lose_writes(self._chance.randint(1, 2))

    def _held(self, tab: int) -> Pair:
        return self._storage[self._slot(tab)]

    def _slot(self, tab: int) -> int:
        return tab if self._is.own_storage else 0

    def _clock(self) -> float:
        """Return what the clock of one of the hosts says."""
        return self.now + self._chance.choice(self._is.clocks)

    def _happens(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share

    def _latency(self) -> float:
        """Return how long a message takes: mostly a moment, seldom seconds; one that takes longer is late."""
        luck = self._chance.random()
        if luck < 0.95:
            return self._chance.uniform(0.02, 0.4)
        if luck < 0.99:
            return self._chance.uniform(0.4, 4)
        slowest = 120.0 if self._is.late_answers and luck >= 0.999 else 12.0
        return self._chance.uniform(4, slowest)

    def _after(self, seconds: float, act: Callable[..., None], *arguments: object) -> None:
        self._at(self.now + seconds, act, *arguments)

    def _at(self, when: float, act: Callable[..., None], *arguments: object) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), lambda: act(*arguments)))
