"""How long connections live: no longer than their owner, and never in two processes."""

from __future__ import annotations

import weakref

import sqlalchemy as sa

from flask_gosession import at_fork


def close_with(owner: object, engine: sa.Engine) -> None:
    """Close the pooled connections of *engine* once nobody has *owner* any more; at exit, the system closes them."""
    weakref.finalize(owner, engine.dispose).atexit = False


class PoolPerProcess:
    """Gives *engine* a pool of its own in each forked child, as long as this object lives."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._parents: list[sa.Pool] = []
        at_fork.in_child(self._begin_anew)

    def _begin_anew(self) -> None:
        # The parent's connections are kept, not closed: to close one here would be to speak on the parent's behalf.
        self._parents.append(self._engine.pool)
        self._engine.dispose(close=False)
