"""A feed that says what a test says, when a test says it, and a timer that moves when told."""

from __future__ import annotations

from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.feed import Subscription


class Timer:
    """Seconds since whenever, as `time.monotonic` counts them."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class ScriptedSubscription:
    """Hears what its feed says; *answers* is False for a link that has fallen silent."""

    def __init__(self, feed: ScriptedFeed, now: float) -> None:
        self.known_until = now
        self._feed = feed
        self._beat: float | None = None
        self._changed: list[str] = []
        self.closed = False

    def pending(self) -> bool:
        return bool(self._feed.broken or (self._feed.answers and (self._changed or self._beat is not None)))

    def read(self) -> list[str]:
        self._require()
        if not self._feed.answers:
            return []
        changed, self._changed = self._changed, []
        self.known_until, self._beat = self._beat or self.known_until, None
        return changed

    def beat(self, now: float) -> None:
        self._require()
        self._beat = now

    def wait(self, seconds: float) -> None:
        self._require()

    def close(self) -> None:
        self.closed = True

    def say(self, subject: str) -> None:
        self._changed.append(subject)

    def _require(self) -> None:
        if self._feed.broken:
            raise StoreUnavailable from ConnectionResetError("the link is broken")


class ScriptedFeed:
    """What a store announces, by hand."""

    def __init__(self) -> None:
        self.subscriptions: list[ScriptedSubscription] = []
        self.attempts = 0
        self.answers = True
        self.broken = False

    def subscribe(self, now: float) -> Subscription:
        self.attempts += 1
        if self.broken:
            raise StoreUnavailable from ConnectionRefusedError("nobody there")
        self.subscriptions.append(ScriptedSubscription(self, now))
        return self.subscriptions[-1]

    def say(self, subject: str) -> None:
        for subscription in self.subscriptions:
            subscription.say(subject)
