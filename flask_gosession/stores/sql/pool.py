"""A pool of SQL connections in which nobody waits longer than their operation may take."""

from __future__ import annotations

import sqlalchemy as sa

from flask_gosession.deadline import Pause, bounded


class BoundedPool(sa.QueuePool):
    """Waits for a free connection for its own timeout, or for the time that the operation has left."""

    _longest: float

    @property
    def _timeout(self) -> float:
        return bounded(self._longest)

    @_timeout.setter
    def _timeout(self, seconds: float) -> None:
        self._longest = seconds

    def recreate(self) -> BoundedPool:
        """Return an empty pool with the same timeout, even if an operation is late."""
        with Pause():
            return super().recreate()  # type: ignore[return-value]  # it makes one of our class
