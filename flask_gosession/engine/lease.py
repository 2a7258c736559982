"""The lease on kept verdicts: whether this process hears, at this moment, of every verdict that changes."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from flask_gosession import at_fork
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.feed import Feed, Subscription

log: logging.Logger = logging.getLogger("flask_gosession")

HEARTBEAT = 1.0
"""Seconds between two heartbeats asked of the server."""
LAPSE = 2 * HEARTBEAT
"""Seconds after the last heartbeat that came back; from then on a silent link may be dead."""
LONGEST_PAUSE = 8.0
"""Seconds between attempts to subscribe, after some have failed."""
CLOSING = 0.01
"""Seconds after which `Lease.close` looks again whether another thread has finished."""


class Lease:
    """Reads the announcements of a store's feed within the calls of `holds`, which never wait for the next one.

    No thread reads in the background: it would be late by as long as other threads keep the interpreter busy. The
    subscription begins with the first call, so a forked child has its own. *on_change* is called with each subject
    whose verdicts have changed, and *on_gap* if something may have been missed; *tell* is called once with the reason
    for having no subscription, and with None once there is one again.
    """

    def __init__(
        self,
        feed: Feed,
        tell: Callable[[StoreUnavailable | None], None] = lambda _error: None,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.on_change: list[Callable[[str], None]] = []
        self.on_gap: list[Callable[[], None]] = []
        self._feed = feed
        self._tell = tell
        self._timer = timer
        self._subscription: Subscription | None = None
        self._begin_anew()
        at_fork.in_child(self._begin_anew)

    def holds(self) -> bool:
        """Whether everything announced before this call has been passed on; False if that is unknown."""
        now, subscription = self._timer(), self._subscription
        if subscription is None or now >= self._beat_due or subscription.pending():
            return self._tend(now)
        # Asked after `pending`: a thread that has read what was pending may still be passing it on.
        return now < self._ends and not self._lock.locked()

    def wait(self, seconds: float) -> None:
        """Wait for an announcement, but at most *seconds*."""
        subscription = self._subscription
        if subscription is None:
            time.sleep(seconds)
            return
        try:
            subscription.wait(seconds)
        except StoreUnavailable:  # `holds` will notice that, too
            time.sleep(min(seconds, 0.01))

    def close(self) -> None:
        """Stop listening for good."""
        # Asked for, not waited for: a lock from before gevent replaced the threads would stop the greenlet that has it.
        while not self._lock.acquire(blocking=False):
            time.sleep(CLOSING)
        try:
            self._open_due = math.inf
            self._forget()
        finally:
            self._lock.release()

    def _begin_anew(self) -> None:
        """Share nothing with the parent of a forked process, not even a lock that it held."""
        self._lock = threading.Lock()
        self._ends = self._beat_due = self._open_due = -math.inf
        self._pause = HEARTBEAT
        self._failing = False
        self._close()

    def _tend(self, now: float) -> bool:
        """Pass on what has arrived, without waiting for another thread that is doing the same."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._hear(now)
        except StoreUnavailable as error:
            self._forget()
            log.info("the subscription to changed sessions is lost (%s)", error.__cause__)
        except BaseException:  # an interruption: something may have been read and not passed on
            self._forget()
            raise
        finally:
            self._lock.release()
        return now < self._ends

    def _hear(self, now: float) -> None:
        subscription = self._subscription or self._subscribe(now)
        if subscription is None:
            return
        for subject in subscription.read():
            for listener in self.on_change:
                listener(subject)
        if now >= self._beat_due:
            subscription.beat(now)
            self._beat_due = now + HEARTBEAT
        self._ends = subscription.known_until + LAPSE

    def _subscribe(self, now: float) -> Subscription | None:
        """Subscribe, if the next attempt is due."""
        if now < self._open_due:
            return None
        self._open_due, self._pause = now + self._pause, min(2 * self._pause, LONGEST_PAUSE)
        try:
            subscription = self._feed.subscribe(now)
        except StoreUnavailable as error:
            self._note(error)
            return None
        self._pause, self._open_due, self._beat_due = HEARTBEAT, -math.inf, now + HEARTBEAT
        # Only now: what was kept between the request and its acknowledgement may have changed unnoticed.
        self._tell_gap()
        self._subscription = subscription
        self._note(None)
        return subscription

    def _note(self, error: StoreUnavailable | None) -> None:
        """Report once that the feed fails, and once that it is back."""
        if self._failing is (error is None):
            self._failing = error is not None
            self._tell(error)

    def _forget(self) -> None:
        self._ends = -math.inf
        self._tell_gap()
        self._close()

    def _close(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()

    def _tell_gap(self) -> None:
        for listener in self.on_gap:
            listener()
