"""What some stores can also do: tell each process at once whose verdicts have changed."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from flask_gosession.stores.base import Store


class Subscription(Protocol):
    """The announced swaps of a store as one process hears them: in order, and none is left out.

    A gap ends it: every method but `pending` and `close` then raises StoreUnavailable, and a new
    subscription begins. Any thread may call `pending` at any time; the other methods, one thread at a time.
    """

    @property
    def known_until(self) -> float:
        """The time of the last heartbeat: everything announced before it was read. Starts with the subscription."""
        ...

    def pending(self) -> bool:
        """Whether there may be something to read, answered in a microsecond; True if that is unknown."""
        ...

    def read(self) -> list[str]:
        """Return the subjects whose verdicts have changed, from what has arrived by now; never waits for more."""
        ...

    def beat(self, now: float) -> None:
        """Ask for a heartbeat, which moves `known_until` to *now* once it has been read."""
        ...

    def wait(self, seconds: float) -> None:
        """Return as soon as there is something to read, or after so many seconds."""
        ...

    def close(self) -> None:
        """Stop listening. May be called twice, and in a forked child, whose parent goes on listening."""
        ...


@runtime_checkable
class Feed(Protocol):
    """The announcements of a store, which it offers as its attribute ``feed``."""

    def subscribe(self, now: float) -> Subscription:
        """Return a subscription that the server has acknowledged; *now* is its first `known_until`.

        Raises StoreUnavailable if the server does not answer, or refuses to publish or to subscribe.
        """
        ...


def feed_of(store: Store) -> Feed | None:
    """Return the feed of *store*; None for one that announces nothing."""
    feed: Feed | None = getattr(store, "feed", None)
    return feed
