"""Listeners that hear, in any process, that sessions have ended, whoever ended them and wherever."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable

from flask_gosession import at_fork
from flask_gosession.engine.lease import Lease
from flask_gosession.engine.results import SessionEnd
from flask_gosession.errors import StoreUnavailable
from flask_gosession.session.record import SubjectRecord

log: logging.Logger = logging.getLogger("flask_gosession")

Listener = Callable[[SessionEnd], object]

LOOK_EVERY = 0.25
"""Seconds after which the thread looks for announcements that a check has read first."""
RECENT = 60.0
"""Ends longer ago than this, in seconds, are not reported."""
MOST_TOLD = 4096
"""How many ends are remembered, to report each only once."""


class Endings:
    """Calls listeners for sessions that have ended, from a thread that runs while there are any listeners.

    An announcement only names the subject: why a session has ended is read from the subject's record, by *read*,
    as in any process that the client comes back to. *clock* is Unix time.
    """

    _thread: threading.Thread | None

    def __init__(self, lease: Lease, read: Callable[[str], SubjectRecord], clock: Callable[[], float]) -> None:
        self._lease = lease
        self._read = read
        self._clock = clock
        self._listeners: list[Listener] = []
        self._begin_anew()
        at_fork.in_child(self._begin_anew)
        lease.on_change.append(self._note)
        lease.on_gap.append(self._note_gap)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call *listener* with each `SessionEnd` from now on; return a function that stops it."""
        self._listeners.append(listener)
        self.resume()

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    @property
    def watching(self) -> int:
        """How many are watching at the moment."""
        return len(self._watches)

    def resume(self) -> None:
        """Start the thread if there are listeners; a forked child begins without it."""
        if not self._is_wanted():
            return
        self._lease.holds()  # from now on, rather than from when the thread gets to it
        with self._lock:
            if self._thread is not None:
                return
            thread = self._thread = threading.Thread(target=self._run, name="gosession-endings", daemon=True)
        try:
            thread.start()  # without the lock: gevent goes on with other requests meanwhile
        except RuntimeError:
            self._thread = None
            raise

    def try_watch(self, subject: str, most: int) -> threading.Event | None:
        """Return an event that is set whenever *subject* may have changed; None if *most* are watching already.

        Clear it, then look; and give it back to `unwatch`.
        """
        changed = threading.Event()
        with self._lock:
            if self.watching >= most:
                return None
            self._watches[changed] = subject
        try:
            self.resume()
        except RuntimeError:  # no more threads
            self.unwatch(changed)
            return None
        return changed

    def unwatch(self, changed: threading.Event) -> None:
        """Watch no longer; a second time does nothing."""
        self._watches.pop(changed, None)  # without the lock: a garbage collection may call this while it is held

    def close(self) -> None:
        """Stop calling listeners."""
        self._closed = True
        self._listeners.clear()
        self._note_gap()

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._thread = None
        self._closed = False
        self._watches: dict[threading.Event, str] = {}
        self._changed: dict[str, None] = {}
        self._told: OrderedDict[str, None] = OrderedDict()

    def _note(self, subject: str) -> None:
        """Note a change, in the middle of another request's check: anything slow is left to the thread."""
        if self._listeners:
            self._changed[subject] = None
        for changed, watched in list(self._watches.items()):
            if subject == watched:
                changed.set()

    def _note_gap(self) -> None:
        """Wake all who watch: something may have been missed."""
        for changed in list(self._watches):
            changed.set()

    def _is_wanted(self) -> bool:
        return not self._closed and bool(self._listeners or self._watches)

    def _run(self) -> None:
        try:
            while self._goes_on():
                self._lease.holds()  # first of all: what ends before it listens is not heard
                for subject in list(self._changed):
                    self._changed.pop(subject, None)
                    self._look(subject)
                self._lease.wait(LOOK_EVERY)
        except BaseException:
            self._thread = None
            raise

    def _goes_on(self) -> bool:
        """Whether the thread is still wanted; if not, whoever comes next starts another one."""
        with self._lock:
            if not self._is_wanted():
                self._thread = None
            return self._thread is not None

    def _look(self, subject: str) -> None:
        try:
            record = self._read(subject)
        except StoreUnavailable:
            self._changed[subject] = None  # and again
            return
        now = self._clock()
        for tombstone in record.ended:
            if tombstone.at > now - RECENT and tombstone.sid not in self._told:
                self._remember(tombstone.sid)
                self._tell(
                    SessionEnd(
                        subject, tombstone.sid, tombstone.reason, tombstone.at, tombstone.client, tombstone.message
                    )
                )

    def _remember(self, sid: str) -> None:
        self._told[sid] = None
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)

    def _tell(self, end: SessionEnd) -> None:
        for listener in list(self._listeners):
            _deliver(listener, end)


def _deliver(listener: Listener, end: SessionEnd) -> None:
    try:
        listener(end)
    except Exception:
        log.exception("a listener to the ends of sessions failed")
