"""Writes in the background: a bounded queue, and one thread that empties it.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from flask_gosession.at_fork import in_child
from flask_gosession.errors import StoreUnavailable

log: logging.Logger = logging.getLogger("flask_gosession")
T = TypeVar("T")

MOST = 10_000
"""How many entries may wait; further ones are dropped."""
BATCH = 100
IDLE = 5.0
"""Seconds without an entry after which the thread ends, and no longer keeps a queue that nobody uses."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two attempts to write to a sink that is down."""
LAST_WORDS = 2.0
"""Seconds for which the end of the process may wait for unwritten entries."""


class WriteBehind(Generic[T]):
    """Passes what is put on to *write*, in batches and in a thread of its own that starts with the first.

    The thread ends when nothing has come for a while; the next entry starts another.

    If *write* raises StoreUnavailable, the batch is tried again until it is written. Anything else
    that it raises loses the batch. Entries dropped because the queue is full or a batch was lost are logged, and
    *on_dropped* is called with their number as soon as something is written again. No lock is held during a wait, so
    the queue may be made before gevent replaces the threads, and each forked process has a queue of its own.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], None],
        *,
        name: str,
        on_dropped: Callable[[int], None] = lambda _count: None,
        most: int = MOST,
        batch: int = BATCH,
    ) -> None:
        self._write = write
        self._batch = batch
        self._name = name
        self._on_dropped = on_dropped
        self._most = most
        self._begin()
        in_child(self._begin)
        _flush_at_exit(self)

    @property
    def waiting(self) -> int:
        """How many entries are waiting to be written."""
        return len(self._items)

    @property
    def dropped(self) -> int:
        """How many entries this process has dropped."""
        return self._dropped

    def put(self, item: T) -> None:
        """Take *item* within microseconds, or drop it if too many are waiting already; never raises."""
        if len(self._items) >= self._most:
            self._drop(1, "too many are waiting to be written")
            return
        self._items.append(item)
        self._wake_up()

    def flush(self, timeout: float = LAST_WORDS) -> bool:
        """Wait until everything put before is written; False if that took longer than *timeout* seconds."""
        if not self._items and not self._busy:
            return True
        done = threading.Event()
        self._items.append(done)
        self._wake_up()
        return done.wait(timeout)

    def _begin(self) -> None:
        # A thread does not survive a fork, and the parent writes what it has not written yet.
        self._items: deque[T | threading.Event] = deque()
        self._wake: threading.Event | None = None
        self._lock = threading.Lock()
        self._busy = False
        self._dropped = self._untold = 0

    def _wake_up(self) -> None:
        if self._wake is None:
            self._start()
        wake = self._wake
        if wake is not None and not wake.is_set():
            wake.set()

    def _start(self) -> None:
        """Start the thread. Its event is made now, with the current kind of threads, not when the app was set up."""
        with self._lock:
            if self._wake is not None:
                return
            wake = self._wake = threading.Event()
        thread = threading.Thread(target=self._run, args=(self._items, wake), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is ending: the next entry tries again
            self._wake = None

    def _run(self, items: deque[T | threading.Event], wake: threading.Event) -> None:
        while wake.wait(IDLE):
            wake.clear()
            while items:
                self._busy = True
                self._write_batch(items)
            self._busy = False
        if self._wake is wake:
            self._wake = None
            if items:  # they came at the last moment, and have woken this thread
                self._wake_up()

    def _write_batch(self, items: deque[T | threading.Event]) -> None:
        batch: list[T] = []
        while items and len(batch) < self._batch:
            item = items.popleft()
            if isinstance(item, threading.Event):
                self._deliver(batch)
                batch = []
                item.set()
            else:
                batch.append(item)
        self._deliver(batch)

    def _deliver(self, batch: Sequence[T]) -> None:
        """Write a batch, however long its sink is down, and report how much was dropped meanwhile."""
        if not batch:
            return
        pause, warned = SHORTEST_PAUSE, False
        while True:
            try:
                self._write(batch)
                break
            except StoreUnavailable as error:
                if not warned:
                    cause = type(error.__cause__).__name__
                    log.warning("%s cannot be written, and will be tried again: %s", self._name, cause)
                warned = True
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception:
                log.exception("%s could not be written", self._name)
                self._drop(len(batch), "they could not be written")
                return
        if self._untold:
            self._tell_dropped()

    def _drop(self, count: int, why: str) -> None:
        with self._lock:
            first = not self._untold
            self._dropped += count
            self._untold += count
        if first:
            log.error("entries of %s are dropped: %s", self._name, why)

    def _tell_dropped(self) -> None:
        with self._lock:
            count, self._untold = self._untold, 0
        log.error("%d entries of %s were dropped", count, self._name)
        self._on_dropped(count)


def _flush_at_exit(queue: WriteBehind[Any]) -> None:
    """Write what is waiting before the process ends, if that takes no longer than two seconds."""
    reference = weakref.ref(queue)

    def flush() -> None:
        alive = reference()
        if alive is not None and not alive.flush():
            log.error("the process ended before the last entries of %s were written", alive._name)  # noqa: SLF001

    atexit.register(flush)
