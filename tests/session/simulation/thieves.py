"""The thieves: each lives on one stolen pair by a method of its own, without ever showing more than it must."""

from __future__ import annotations

from collections.abc import Callable

from .conditions import DAY
from .server import LIFETIME, Pair, Server
from .theft import NEVER, Steal

PATIENCE = 1200.0
"""How long a thief waits for the owner once the stolen access token is over."""


class Holder:
    """A thief who wakes every *poll* seconds; what the kinds below have in common."""

    def __init__(self, server: Server, stolen: Pair, began: float, poll: float) -> None:
        self.server = server
        self.wakes = began
        self.had_access = 0.0
        self.used = self.shown = stolen
        """The pair whose access token is used, and the one whose refresh token is presented."""
        self.spare: Pair | None = None
        """A pair that was brought by the latter, and not used yet."""
        self.poll = poll

    def act(self, owner_is_gone: bool) -> None:
        """Act now, and again after the pause."""
        now, self.wakes = self.wakes, self.wakes + self.poll
        self.step(now, owner_is_gone=owner_is_gone)

    def step(self, now: float, *, owner_is_gone: bool) -> None:
        """Do what the kind does."""
        raise NotImplementedError

    def works(self, pair: Pair, now: float, *, renewed: bool = False) -> bool:
        """Use an access token, and count the time until the next use; *renewed* ones do not end by themselves."""
        if now >= pair.ends and not renewed:
            return False
        verdict = self.server.check(pair, now)
        if verdict == "gone":
            self.wakes = NEVER
        self.had_access += self.poll if verdict == "ok" else 0.0
        return verdict == "ok"

    def prepare(self, now: float) -> bool:
        """Present the refresh token; whatever it brings is kept aside."""
        brought = self.server.refresh(self.shown, now)
        self.spare = brought or self.spare
        return brought is not None

    def give_up(self) -> None:
        """Have no way left."""
        self.wakes = NEVER


class Polling(Holder):
    """Presents the old refresh token again and again, and changes over only once the old access token has ended."""

    def step(self, now: float, *, owner_is_gone: bool) -> None:
        """Stay on the old pair as long as it is good."""
        if self.spare is None and not self.prepare(now):
            self.give_up()
        elif self.works(self.used, now):
            self.prepare(now)
        elif now < self.wakes:
            self.change_over(now)

    def change_over(self, now: float) -> None:
        """Go on with the pair that was prepared, if it is the owner's by now."""
        if now >= self.used.ends:
            self.prepare(now)
        spare = self.spare
        if spare is not None and self.works(spare, now):
            self.used = self.shown = spare._replace(ends=max(spare.ends, now + 1))
            self.spare = None
        elif self.wakes < NEVER and (now >= self.used.ends + PATIENCE or not self.prepare(now)):
            self.give_up()


class JustBefore(Holder):
    """Refreshes once, just before the owner is expected to, and waits for the old access token to end."""

    def __init__(self, server: Server, stolen: Pair, began: float, poll: float) -> None:
        super().__init__(server, stolen, began, poll)
        self._aim(stolen.issued)

    def step(self, now: float, *, owner_is_gone: bool) -> None:
        """Refresh at the moment aimed at, change over later."""
        if self.spare is None and now + self.poll >= self._moment and not self.prepare(max(now, self._moment)):
            self.give_up()
        elif self.works(self.used, now) or self.spare is None:
            return
        elif self.wakes < NEVER and self.works(self.spare, now):
            self.used = self.shown = self.spare
            self.spare = None
            self._aim(now - self.server.overlap - 3)
        elif now >= self.used.ends + PATIENCE or now < self.used.ends:
            self.give_up()

    def _aim(self, issued: float) -> None:
        """Expect the owner in the middle of the possible moments."""
        self._moment = issued + 0.6 * 0.875 * LIFETIME - 3


class Greedy(Holder):
    """Refreshes whenever the access token ends, and uses whatever comes."""

    def step(self, now: float, *, owner_is_gone: bool) -> None:
        """Use the newest pair; where it does not work, refresh it."""
        if self.works(self.used, now) or self.wakes == NEVER:
            return
        if self.prepare(now) and self.spare is not None:
            self.used = self.shown = self.spare
            self.works(self.used, now)
        else:
            self.give_up()


class Naive(Holder):
    """Takes the session for an own one: refreshes and uses it at once."""

    def step(self, now: float, *, owner_is_gone: bool) -> None:
        """Refresh and use."""
        if not self.prepare(now) or self.spare is None:
            self.give_up()
            return
        self.used = self.shown = self.spare
        self.works(self.used, now)


class Doubling(Greedy):
    """Rotates twice, so that the owner's token is older than the parent, and waits for the owner to go, or a day."""

    def __init__(self, server: Server, stolen: Pair, began: float, poll: float) -> None:
        super().__init__(server, stolen, began, poll)
        self._rotations, self._patient_until = 0, began + DAY

    def step(self, now: float, *, owner_is_gone: bool) -> None:
        """Rotate, rotate again as soon as that is possible, lie low, then live on what is left."""
        if self._rotations < 2:
            self._rotations += 1
            if not self.prepare(now) or self.spare is None:
                self.give_up()
                return
            self.shown = self.used = self.spare
            self.wakes = now + self.server.overlap + 1
        elif owner_is_gone or now > self._patient_until:
            super().step(now, owner_is_gone=owner_is_gone)


class Renewed(Holder):
    """Has the access token as a cookie that is renewed as long as it is honoured, and polls the refresh token.

    Begins each generation with a *rest* in which nothing is refreshed.
    """

    def __init__(self, server: Server, stolen: Pair, began: float, poll: float, rest: float = 0.0) -> None:
        super().__init__(server, stolen, began, poll)
        self._rest, self._since = rest, began

    def step(self, now: float, *, owner_is_gone: bool) -> None:
        """Poll while the cookie works, then change over."""
        if self.works(self.used, now, renewed=True):
            if now - self._since >= self._rest:
                self.prepare(now)
        elif self.spare is not None and self.wakes < NEVER and self.works(self.spare, now, renewed=True):
            self.used = self.shown = self.spare
            self.spare, self._since = None, now
        else:
            self.give_up()


class Reader(Holder):
    """Reads from the ids that come again whether the owner was there, and then takes the owner's pair."""

    def __init__(self, server: Server, stolen: Pair, began: float, poll: float) -> None:
        super().__init__(server, stolen, began, poll)
        self._rotated: float | None = None
        self._last, self._since = b"", began

    def step(self, now: float, *, owner_is_gone: bool) -> None:
        """Poll both tokens; change over to a pair that stays the same for longer than the grace period."""
        self.works(self.used, now)
        if self.wakes == NEVER:
            return
        if not self.prepare(now) or self.spare is None:
            self.give_up()
            return
        if self.spare.refresh == self.shown.refresh:
            return
        self._rotated = now if self._rotated is None else self._rotated
        if self.spare.refresh != self._last:
            self._last, self._since = self.spare.refresh, now
        elif now - self._since > 61 and now - self._rotated > 60 + self.poll:
            self.used = self.shown = self.spare
            self._rotated, self._last = None, b""
            self.wakes, self.had_access = now + 71, self.had_access + 70


def _every(poll: float, kind: Callable[..., Holder], **more: float) -> Steal:
    return lambda server, stolen, began: kind(server, stolen, began, poll, **more)


THIEVES: dict[str, Steal] = {
    "naive": _every(600, Naive),
    "greedy": _every(60, Greedy),
    "doubling": _every(60, Doubling),
    "just before": _every(5, JustBefore),
    "polling every 5 s": _every(5, Polling),
    "polling every 15 s": _every(15, Polling),
    "polling every 60 s": _every(60, Polling),
    "polling every 600 s": _every(600, Polling),
    "renewed cookie, polling every 5 s": _every(5, Renewed),
    "renewed cookie, polling every 15 s": _every(15, Renewed),
    "renewed cookie, polling every 60 s": _every(60, Renewed),
    "renewed cookie, late starter": _every(5, Renewed, rest=330.0),
    "reader of repeated ids": _every(5, Reader),
}
