"""A store that fails on cue: lost replies, outages and rivals, one by one, without a server to break."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, Store, StoreFull, Swap, budget, confirms
from flask_gosession.stores.feed import Feed, feed_of


class Call(NamedTuple):
    """One call that the store has received."""

    verb: str
    subject: str | None = None
    announce: bool = False


class FaultyStore:
    """Wraps *store* and is one itself; each scripted failure happens once, in the order they were scripted in."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shared: bool = store.shared
        self.budget: float = budget(store)
        self.confirms: bool = confirms(store)
        """Whether replicas confirm writes; `leave_unconfirmed` turns it on."""
        self.feed: Feed | None = feed_of(store)
        self.calls: list[Call] = []
        self.full: bool = False
        """While true, every record that is put is refused with StoreFull; deletions work."""
        self._failures: Counter[str] = Counter()
        self._lost_replies = 0
        self._unconfirmed = 0
        self._rivals: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()

    def fail(self, verb: str, times: int = 1) -> None:
        """Let the next *times* calls of *verb* raise StoreUnavailable, with nothing done."""
        self._failures[verb] += times

    def lose_reply(self, times: int = 1) -> None:
        """Let the next *times* swaps be done and then raise StoreUnavailable, as when the answer is lost on the way."""
        self._lost_replies += times

    def leave_unconfirmed(self, times: int = 1) -> None:
        """Let the next *times* swaps that are done say that too few replicas have them."""
        self._unconfirmed += times
        self.confirms = True

    def before_swap(self, rival: Callable[[], object]) -> None:
        """Call *rival* just before the next swap: it may write to ``store`` and so make that swap lose."""
        self._rivals.append(rival)

    def mend(self) -> None:
        """Cancel every scripted failure that has not happened yet."""
        self._failures.clear()
        self._lost_replies = self._unconfirmed = 0
        self._rivals.clear()
        self.full = False

    def count(self, verb: str) -> int:
        """Return how often *verb* was called."""
        return sum(call.verb == verb for call in self.calls)

    def load(self, subject: str) -> Record | None:
        """Load from the wrapped store, unless told to fail."""
        self._called("load", subject)
        return self.store.load(subject)

    def swap(
        self, subject: str, etag: bytes | None, new: Record | None, expires_at: float, *, announce: bool = False
    ) -> Swap:
        """Swap in the wrapped store, with what was scripted around it."""
        self._called("swap", subject, announce=announce)
        if self._rivals:
            self._rivals.popleft()()
        if self.full and new is not None:
            raise StoreFull
        outcome = self.store.swap(subject, etag, new, expires_at, announce=announce)
        if self._take("_lost_replies"):
            raise StoreUnavailable
        return Swap.UNCONFIRMED if outcome is Swap.DONE and self._take("_unconfirmed") else outcome

    def subjects(self) -> Iterator[str]:
        """Iterate over the wrapped store's subjects, unless told to fail."""
        self._called("subjects")
        return self.store.subjects()

    def purge(self, now: float, limit: int = 1000) -> int:
        """Purge the wrapped store, unless told to fail."""
        self._called("purge")
        return self.store.purge(now, limit)

    def ping(self) -> None:
        """Ping the wrapped store, unless told to fail."""
        self._called("ping")
        self.store.ping()

    def close(self) -> None:
        """Close the wrapped store."""
        self._called("close")
        self.store.close()

    def _called(self, verb: str, subject: str | None = None, *, announce: bool = False) -> None:
        with self._lock:
            self.calls.append(Call(verb, subject, announce))
            if self._failures[verb] == 0:
                return
            self._failures[verb] -= 1
        raise StoreUnavailable

    def _take(self, counter: str) -> bool:
        with self._lock:
            left: int = getattr(self, counter)
            setattr(self, counter, max(0, left - 1))
        return left > 0
