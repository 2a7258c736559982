"""When a process may go by what it knows: it hears of every change, the server has said so lately, and no gap was."""

from __future__ import annotations

import pytest

from flask_gosession.engine.lease import HEARTBEAT, LAPSE, LONGEST_PAUSE, Lease
from flask_gosession.errors import StoreUnavailable

from .scripted_feed import ScriptedFeed, Timer


class Told:
    """A lease over a scripted feed, and what it has passed on."""

    def __init__(self) -> None:
        self.timer, self.feed = Timer(), ScriptedFeed()
        self.changed: list[str] = []
        self.gaps = 0
        self.states: list[StoreUnavailable | None] = []
        self.lease = Lease(self.feed, self.states.append, timer=self.timer)
        self.lease.on_change.append(self.changed.append)
        self.lease.on_gap.append(self._count)

    def _count(self) -> None:
        self.gaps += 1

    def hold(self) -> None:
        assert self.lease.holds()


@pytest.fixture
def told() -> Told:
    return Told()


def test_begins_with_the_first_question(told: Told) -> None:
    """Nothing is connected before, so that a process that forks first leaves nothing to its children."""
    assert told.feed.attempts == 0
    assert told.lease.holds()
    assert (told.feed.attempts, told.gaps) == (1, 1)


def test_changes_are_passed_on_before_the_answer(told: Told) -> None:
    """What was announced before the question has been passed on when it is answered."""
    told.hold()
    told.feed.say("ada")
    assert told.lease.holds()
    assert told.changed == ["ada"]


def test_a_gap_is_told_when_the_subscription_stands(told: Told) -> None:
    """Not when it was asked for: what was kept between the two may have changed unheard."""
    seen = []
    subscribe = told.feed.subscribe

    def subscribing(now: float):
        seen.append(told.gaps)
        return subscribe(now)

    told.feed.subscribe = subscribing
    told.hold()
    assert (seen, told.gaps) == ([0], 1)


def test_a_silent_link_lapses(told: Told) -> None:
    """Two heartbeats after the last answer nothing is relied upon; once the answer comes, everything is again."""
    told.hold()
    told.feed.answers = False
    told.timer.now += LAPSE - 0.01
    assert told.lease.holds()
    told.timer.now += 0.01
    assert not told.lease.holds()
    told.feed.answers = True
    told.timer.now += HEARTBEAT
    told.lease.holds()
    assert told.lease.holds()


def test_traffic_keeps_it_alive(told: Told) -> None:
    """A beat a second is enough, and none is sent more often."""
    for _ in range(50):
        assert told.lease.holds()
        told.timer.now += 0.1
    assert told.feed.attempts == 1


def test_an_idle_process_asks_anew(told: Told) -> None:
    """After a pause longer than the lapse the first question is answered no, and those after the next beat yes."""
    told.hold()
    told.timer.now += 60
    assert not told.lease.holds()
    assert told.lease.holds()


def test_a_broken_link_is_a_gap_at_once(told: Told) -> None:
    """And a new subscription follows it at once, another gap: between the two anything may have changed."""
    told.hold()
    told.feed.broken = True
    assert not told.lease.holds()
    assert told.gaps == 2
    told.feed.broken = False
    told.timer.now += HEARTBEAT
    assert told.lease.holds()
    assert told.gaps == 3
    assert [one.closed for one in told.feed.subscriptions] == [True, False]


def test_attempts_are_rare(told: Told) -> None:
    """A feed that cannot be had is asked for after 1, 2, 4 and then every 8 seconds."""
    told.feed.broken = True
    for _ in range(40 * 4):
        assert not told.lease.holds()
        told.timer.now += 0.25
    assert 4 <= told.feed.attempts <= 4 + 40 / LONGEST_PAUSE + 1


def test_failing_is_told_once(told: Told) -> None:
    """Once when there is no subscription to be had, and once when there is one again; a lost link alone is neither."""
    told.hold()
    told.feed.broken = True
    for _ in range(30):
        told.lease.holds()
        told.timer.now += 1
    told.feed.broken = False
    told.timer.now += LONGEST_PAUSE
    assert told.lease.holds()
    assert [type(state) for state in told.states] == [StoreUnavailable, type(None)]


def test_nobody_waits_for_another_thread(told: Told) -> None:
    """While one thread passes changes on, the others are told no."""
    told.hold()
    told.feed.say("ada")
    answers = []
    told.lease.on_change.append(lambda _subject: answers.append(told.lease.holds()))
    told.timer.now += 0.5
    assert told.lease.holds()
    assert answers == [False]


def test_what_was_read_and_not_passed_on_is_a_gap(told: Told) -> None:
    """An interruption between the two, such as a worker's timeout."""
    told.hold()
    told.feed.say("ada")

    def interrupt(_subject: str) -> None:
        raise KeyboardInterrupt

    told.lease.on_change.insert(0, interrupt)
    with pytest.raises(KeyboardInterrupt):
        told.lease.holds()
    assert told.gaps == 2
    assert told.feed.subscriptions[0].closed


def test_closing(told: Told) -> None:
    """Ends the subscription for good; twice is fine."""
    told.hold()
    told.lease.close()
    told.lease.close()
    assert told.feed.subscriptions[0].closed
    told.timer.now += 100
    assert not told.lease.holds()
    assert told.feed.attempts == 1
