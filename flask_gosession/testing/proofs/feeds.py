"""The proof that a store tells of its swaps as `flask_gosession.stores.feed` says: subclass it, give it a ``store``."""

from __future__ import annotations

import time

import pytest

from flask_gosession import ids
from flask_gosession.stores.base import Record, Store, Swap
from flask_gosession.stores.feed import Feed, Subscription, feed_of
from flask_gosession.testing.proofs.contract import AWKWARD_SUBJECTS

PATIENCE = 5.0


def heard(subscription: Subscription, now: float) -> list[str]:
    """Return all that was announced by now: what is read until a beat comes back."""
    subscription.beat(now)
    found, end = subscription.read(), time.monotonic() + PATIENCE
    while subscription.known_until != now and time.monotonic() < end:
        subscription.wait(0.1)
        found += subscription.read()
    assert subscription.known_until == now, "no beat came back"
    return found


class FeedContract:
    """Every clause. A subclass overrides the fixture ``store`` with an empty store that has a feed, and closes it."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("give the proof a store")

    @pytest.fixture
    def feed(self, store: Store) -> Feed:
        feed = feed_of(store)
        assert feed is not None, "the store has no attribute named feed"
        return feed

    def test_an_announced_swap_is_heard(self, store: Store, feed: Feed) -> None:
        """Each subscription hears of a subject, whether its record was put, replaced or deleted."""
        first, second = feed.subscribe(0.0), feed.subscribe(0.0)
        etag: bytes | None = None
        for now, new in enumerate((_record(), _record(), None), start=1):
            assert store.swap("ada", etag, new, _soon(), announce=True) is Swap.DONE
            etag = None if new is None else new.etag
            assert heard(first, float(now)) == heard(second, float(now)) == ["ada"]
        first.close()
        second.close()

    def test_nothing_else_is_heard(self, store: Store, feed: Feed) -> None:
        """A swap that announces nothing, or that has lost, is not heard of."""
        subscription = feed.subscribe(0.0)
        assert store.swap("ada", None, _record(), _soon()) is Swap.DONE
        assert store.swap("ada", None, _record(), _soon(), announce=True) is Swap.LOST
        assert heard(subscription, 1.0) == []
        subscription.close()

    def test_what_was_announced_before_is_not_heard(self, store: Store, feed: Feed) -> None:
        """A subscription begins when it is there: what was read from the store since then is covered, nothing else."""
        store.swap("ada", None, _record(), _soon(), announce=True)
        subscription = feed.subscribe(3.0)
        assert subscription.known_until == 3.0
        assert heard(subscription, 4.0) == []
        subscription.close()

    def test_a_beat_counts_once_it_is_read(self, feed: Feed) -> None:
        """That it was sent says nothing: over a link that is silently cut it never comes back."""
        subscription = feed.subscribe(3.0)
        subscription.beat(4.0)
        assert subscription.known_until == 3.0
        assert heard(subscription, 5.0) == []
        subscription.close()

    def test_subjects_are_heard_as_they_are(self, store: Store, feed: Feed) -> None:
        """Whatever characters a subject is made of."""
        subscription = feed.subscribe(0.0)
        for subject in AWKWARD_SUBJECTS:
            store.swap(subject, None, _record(), _soon(), announce=True)
        assert sorted(heard(subscription, 1.0)) == sorted(AWKWARD_SUBJECTS)
        subscription.close()

    def test_nothing_pending_after_reading(self, store: Store, feed: Feed) -> None:
        """What has arrived is pending until it is read, so that a check need not read where nothing is."""
        subscription = feed.subscribe(0.0)
        store.swap("ada", None, _record(), _soon(), announce=True)
        subscription.wait(PATIENCE)
        assert subscription.pending()
        assert subscription.read() == ["ada"]
        subscription.close()

    def test_waiting_has_an_end(self, feed: Feed) -> None:
        """Where nothing is announced."""
        subscription = feed.subscribe(0.0)
        subscription.wait(0.001)
        assert subscription.read() == []
        subscription.close()

    def test_closing_twice(self, feed: Feed) -> None:
        """Is no error."""
        subscription = feed.subscribe(0.0)
        subscription.close()
        subscription.close()


def _record() -> Record:
    return Record(b"value", ids.new_etag())


def _soon() -> float:
    return time.time() + 3600
