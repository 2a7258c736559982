"""KeyedLock: lets the threads of a process do something for one key one at a time, in their order of arrival.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable

import msgspec

from flask_gosession import at_fork


class KeyedLock:
    """One lock per key; may be made before a fork, and before gevent replaces threads by greenlets.

    A lock made before that would stop all greenlets of a process, even the one that holds it. So the lock in here is
    never held during a wait, and what a thread waits for is made when it waits.
    """

    def __init__(self) -> None:
        self._begin_anew()
        at_fork.in_child(self._begin_anew)

    def hold(self, key: Hashable = None, patience: float | None = None) -> _Turn:
        """Wait for the lock of *key*, *patience* seconds at most (None: without end); yield whether it is ours."""
        return _Turn(self._queues, key, patience)

    def waiting(self, key: Hashable = None) -> int:
        """Return how many wait for the lock of *key*."""
        return self._queues.length(key)

    def _begin_anew(self) -> None:
        self._queues = _Queues()


class _Turn(msgspec.Struct, eq=False):
    """The context of a lock that is held; one made by `contextlib` costs five times as much, at every write."""

    queues: _Queues
    """Those of this process, whatever is forked meanwhile."""
    key: Hashable
    patience: float | None
    _ours: bool = False

    def __enter__(self) -> bool:
        """Wait for the lock."""
        self._ours = self.queues.join(self.key, self.patience)
        return self._ours

    def __exit__(self, *_exception: object) -> None:
        """Give it to the next."""
        if self._ours:
            self.queues.pass_on(self.key)


class _Queues:
    """Those who wait, by key; a key without a queue is free."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, deque[threading.Event]] = {}

    def join(self, key: Hashable, patience: float | None) -> bool:
        """Return whether the lock came in time."""
        with self._lock:
            queue = self._waiting.get(key)
            if queue is None:
                self._waiting[key] = deque()
                return True
            called = threading.Event()
            queue.append(called)
        try:
            in_time = called.wait(patience)
        except BaseException:  # such as gevent's Timeout
            if not self._leave(key, called):
                self.pass_on(key)
            raise
        return in_time or not self._leave(key, called)

    def pass_on(self, key: Hashable) -> None:
        """Give the lock to the thread that has waited longest."""
        with self._lock:
            queue = self._waiting[key]
            called = queue.popleft() if queue else None
            if called is None:
                del self._waiting[key]
        if called is not None:
            called.set()

    def length(self, key: Hashable) -> int:
        """Return how many wait."""
        with self._lock:
            return len(self._waiting.get(key, ()))

    def _leave(self, key: Hashable, called: threading.Event) -> bool:
        """Leave the queue; return False if it is too late, because this thread has just been given the lock."""
        with self._lock:
            try:
                self._waiting[key].remove(called)
            except (KeyError, ValueError):
                return False
            return True
