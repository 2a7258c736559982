"""Many logins of one subject over a slow store: some are served in turn, and nobody else is kept waiting for long."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from flask_gosession.engine.records import Records
from flask_gosession.errors import StoreConflict
from flask_gosession.session.record import Ban
from flask_gosession.session.revoke import ban
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock

AT_ONCE = 32
DELAY = 0.02
PATIENCE = 0.3
LOOSELY = 3


class SlowStore(MemoryStore):
    """Needs its time for every call."""

    def load(self, subject):
        threading.Event().wait(DELAY)
        return super().load(subject)

    def swap(self, *arguments, **options):
        threading.Event().wait(DELAY)
        return super().swap(*arguments, **options)


def wave(records, clock):
    """Change one record from so many threads at once; return for each whether it was done, and the seconds."""
    line = threading.Barrier(AT_ONCE)

    def change(number):
        line.wait(10)
        began = time.monotonic()
        try:
            records.update("ada", lambda found, now: ban(found, Ban(now, now + 60 + number), now))
        except StoreConflict:
            return False, time.monotonic() - began
        return True, time.monotonic() - began

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(change, range(AT_ONCE)))


def test_waiting_has_one_end():
    """Whoever waits for the others waits that long in all, and not as long again for the write."""
    clock = FakeClock()
    records = Records(SlowStore(), clock, patience=PATIENCE)
    outcomes = wave(records, clock)
    assert sum(done for done, _ in outcomes) >= 3
    assert max(seconds for _, seconds in outcomes) < PATIENCE + LOOSELY * 4 * DELAY


def test_a_queue_that_is_too_long_is_not_joined():
    """Once it is known how slow the store is, those who could not be served in time hear so at once."""
    clock = FakeClock()
    records = Records(SlowStore(), clock, patience=PATIENCE)
    wave(records, clock)
    outcomes = wave(records, clock)
    at_once = [seconds for done, seconds in outcomes if not done and seconds < PATIENCE / 2]
    assert len(at_once) > AT_ONCE / 3
    assert sum(done for done, _ in outcomes) >= 3
