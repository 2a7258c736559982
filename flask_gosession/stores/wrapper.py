"""What a store around another store passes on unchanged.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask_gosession.stores.base import Store, budget, confirms, forgets
from flask_gosession.stores.feed import Feed, feed_of


class StoreWrapper:
    """Has the abilities of *store*; to `load`, `swap` and `purge` the class on top adds something of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shared: bool = store.shared

    @property
    def confirms(self) -> bool:
        """Whether replicas confirm the store's writes."""
        return confirms(self.store)

    @property
    def forgets(self) -> bool:
        """Whether the store deletes ended records by itself."""
        return forgets(self.store)

    @property
    def budget(self) -> float:
        """How long one operation may wait for the store."""
        return budget(self.store)

    @property
    def feed(self) -> Feed | None:
        """The store's feed: listening is not a call."""
        return feed_of(self.store)

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects."""
        return self.store.subjects()

    def ping(self) -> None:
        """Return if the store answers; always asks it."""
        self.store.ping()

    def close(self) -> None:
        """Close the store."""
        self.store.close()
