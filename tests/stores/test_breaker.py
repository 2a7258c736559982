"""The circuit breaker: a store that is down is asked now and then, by one request at a time."""

from __future__ import annotations

import threading

import pytest
import servers

from flask_gosession.deadline import WithoutWaiting
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, StoreFull, Swap
from flask_gosession.stores.breaker import FAILURES, BreakerStore, BrokenCircuit
from flask_gosession.stores.memory import MemoryStore


class Patient(MemoryStore):
    """A store that can be down, and counts who asks."""

    def __init__(self):
        super().__init__()
        self.error = None
        self.asked = 0
        self.gate = None
        self.entered = threading.Event()
        self.delay = lambda: None

    def load(self, subject):
        self.asked += 1
        self.delay()
        if self.gate is not None:
            self.entered.set()
            self.gate.wait(5)
        if self.error is not None:
            raise self.error
        return super().load(subject)


class Clock:
    """A monotonic clock that stands still."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def patient():
    return Patient()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(patient, clock):
    return BreakerStore(patient, clock=clock, rest=lambda: 0.5)


def fail(breaker, times):
    for _ in range(times):
        with pytest.raises(StoreUnavailable):
            breaker.load("alice")


def test_a_healthy_store_is_asked_every_time(breaker, patient):
    """While nothing fails, everything passes."""
    assert breaker.load("alice") is None
    assert breaker.swap("alice", None, Record(b"v", b"12345678"), 2e9) is Swap.DONE
    assert breaker.load("alice") == Record(b"v", b"12345678")
    assert patient.asked == 2


def test_after_failures_in_a_row_the_store_is_left_alone(breaker, patient):
    """STO-07: the fourth request does not wait for a store that failed three times."""
    patient.error = StoreUnavailable()
    fail(breaker, FAILURES)
    with pytest.raises(BrokenCircuit):
        breaker.load("alice")
    assert patient.asked == FAILURES


def test_two_timeouts_are_enough(breaker, patient, clock):
    """STO-07: what two failures in a row have cost is all that one request may wait for."""
    patient.error = StoreUnavailable()
    patient.delay = lambda: setattr(clock, "now", clock.now + 0.25)
    fail(breaker, 2)
    with pytest.raises(BrokenCircuit):
        breaker.load("alice")
    assert patient.asked == 2


def test_cost_is_forgotten_too(breaker, patient, clock):
    """A timeout now and then breaks nothing."""
    patient.delay = lambda: setattr(clock, "now", clock.now + 0.25)
    for _ in range(3):
        patient.error = StoreUnavailable()
        fail(breaker, 1)
        patient.error = None
        breaker.load("alice")
    assert patient.asked == 6


def test_one_success_forgets_the_failures(breaker, patient):
    """Only failures in a row count."""
    patient.error = StoreUnavailable()
    fail(breaker, FAILURES - 1)
    patient.error = None
    breaker.load("alice")
    patient.error = StoreUnavailable()
    fail(breaker, FAILURES - 1)
    assert patient.asked == 2 * FAILURES - 1


def test_a_probe_brings_the_store_back(breaker, patient, clock):
    """After the rest one request is let through, and its success lets all others."""
    patient.error = StoreUnavailable()
    fail(breaker, FAILURES)
    patient.error = None
    clock.now += 0.5
    assert breaker.load("alice") is None
    assert breaker.load("alice") is None


def test_a_failed_probe_begins_the_rest_anew(breaker, patient, clock):
    """A store that is still down is left alone for another while."""
    patient.error = StoreUnavailable()
    fail(breaker, FAILURES)
    clock.now += 0.5
    fail(breaker, 1)
    with pytest.raises(BrokenCircuit):
        breaker.load("alice")
    assert patient.asked == FAILURES + 1


def test_only_one_request_probes(breaker, patient, clock):
    """While a probe is under way, the others are refused at once."""
    patient.error = StoreUnavailable()
    fail(breaker, FAILURES)
    patient.error = None
    clock.now += 0.5
    patient.gate = threading.Event()
    probe = threading.Thread(target=breaker.load, args=("alice",))
    probe.start()
    assert patient.entered.wait(5)
    with pytest.raises(BrokenCircuit):
        breaker.load("alice")
    patient.gate.set()
    probe.join()
    assert patient.asked == FAILURES + 1


def test_a_full_store_is_not_down(breaker, patient):
    """What is refused for want of room says nothing about the reads."""
    patient.error = StoreFull()
    fail(breaker, FAILURES + 2)
    patient.error = None
    assert breaker.load("alice") is None


def test_what_may_not_wait_leaves_the_probe_to_a_thread(breaker, patient, clock):
    """TRU-05: a public page is refused at once while a thread asks; the thread's success lets everybody in again."""
    patient.error = StoreUnavailable()
    fail(breaker, FAILURES)
    clock.now += 0.5
    patient.gate = threading.Event()
    with WithoutWaiting():
        fail(breaker, 1)
        assert patient.entered.wait(5)
        fail(breaker, 1)
    assert patient.asked == FAILURES + 1
    patient.error = None
    patient.gate.set()
    servers.wait_until(lambda: not breaker.is_broken, "a success of the thread's probe")
    with WithoutWaiting():
        assert breaker.load("alice") is None


def test_what_may_not_wait_asks_a_store_that_does_not_fail(breaker, patient):
    """One failure is no reason to show a public page as to a guest."""
    patient.error = StoreUnavailable()
    fail(breaker, 1)
    patient.error = None
    with WithoutWaiting():
        assert breaker.load("alice") is None


def test_where_no_thread_can_be_started(breaker, patient, clock, monkeypatch):
    """The page is shown all the same, and the next one tries again."""
    patient.error = StoreUnavailable()
    fail(breaker, FAILURES)
    clock.now += 0.5

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with WithoutWaiting():
        fail(breaker, 2)
    assert patient.asked == FAILURES


def test_a_purge_that_fails_opens_nothing(breaker, patient, monkeypatch):
    """Deleting many rows may take too long for a store that answers every read; requests must not pay for it."""

    def too_slow(_now, _limit):
        raise StoreUnavailable from TimeoutError()

    monkeypatch.setattr(patient, "purge", too_slow)
    for _ in range(FAILURES + 1):
        with pytest.raises(StoreUnavailable):
            breaker.purge(0.0)
    assert breaker.load("ada") is None


def test_a_store_that_fails_is_not_purged(breaker, patient):
    """Until it answers again, nobody but the probe asks it for anything."""
    patient.error = StoreUnavailable()
    for _ in range(FAILURES):
        with pytest.raises(StoreUnavailable):
            breaker.load("ada")
    with pytest.raises(BrokenCircuit):
        breaker.purge(0.0)
