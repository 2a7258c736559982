"""How long to wait for a store: one time budget for a whole operation, and none if no answer would do as well.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextvars import ContextVar

import msgspec

SHORTEST = 0.02
"""Seconds that a wait gets when no time is left: a busy process still reads what has arrived.

A timeout of 0 would mean not to wait at all, or for ever.
"""
LATEST = 0.2
"""Seconds after the end of the operation from which nothing is read any more."""
TURN = 1e-6
"""Seconds for which long work on a disk sleeps now and then.

Not 0: gevent looks at sockets and timers only after fifty such sleeps, for which all requests of a worker have waited
half a second.
"""


class Deadline(msgspec.Struct, eq=False):
    """A context in which an operation may take *seconds*; inside another one, the outer one counts."""

    seconds: float
    ends: float = math.inf
    """When the operation must end, by the monotonic clock; infinity before and after it, and if it is part of another.

    It is reset here rather than in the context variable, where each new value takes long.
    """

    def __enter__(self) -> None:
        """Begin the operation, or join the current one."""
        if _current.get().ends == math.inf:
            self.ends = time.monotonic() + self.seconds
            _current.set(self)

    def __exit__(self, *_exception: object) -> None:
        """End the operation, if it was begun here."""
        self.ends = math.inf


_current: ContextVar[Deadline] = ContextVar("gosession_deadline", default=Deadline(math.inf))  # noqa: B039 - never begins
"""The latest operation; not a `threading.local`, which all greenlets of gevent may share."""

current_operation: Callable[[], Deadline] = _current.get
"""Return the latest operation; ``ends`` says when it must end, and is infinity if it is over."""


class Pause:
    """A context for the app's own code in the middle of an operation: its time does not count as the store's."""

    __slots__ = ("_left", "_operation")

    def __enter__(self) -> None:
        """Stop the clock."""
        self._operation, self._left = current_operation(), seconds_left()
        self._operation.ends = math.inf

    def __exit__(self, *_exception: object) -> None:
        """Let it run on with the time left."""
        self._operation.ends = time.monotonic() + self._left
        _current.set(self._operation)  # the app's code may have made operations of its own


_may_wait: ContextVar[bool] = ContextVar("gosession_may_wait", default=True)

may_wait: Callable[[], bool] = _may_wait.get
"""Return whether an answer is worth waiting for a store that fails."""


class WithoutWaiting:
    """A context for what can do without an answer, such as a greeting on a public page."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        """From here on nobody waits for a store that is known to fail."""
        self._before = _may_wait.get()
        _may_wait.set(False)

    def __exit__(self, *_exception: object) -> None:
        """Let it be as it was."""
        _may_wait.set(self._before)


def let_others_go_on() -> None:
    """Let other greenlets have their turn, in the middle of work that waits for nothing but a disk."""
    time.sleep(TURN)


def seconds_left() -> float:
    """Return how many seconds the current operation has left, negative when it is late; infinity without one."""
    return current_operation().ends - time.monotonic()


def bounded(most: float, *, share: float = 1.0) -> float:
    """Return how many seconds to wait for the next bytes: *most*, or that share of the time left; never 0."""
    return min(most, max(seconds_left() * share, SHORTEST))


def refuse_late() -> None:
    """Raise TimeoutError if the operation should have ended a while ago, even if bytes still arrive."""
    if seconds_left() < -LATEST:
        raise TimeoutError("the operation took too long")
