"""KeyedLock are given one at a time, by key, in the order in which threads come, and waited for so long only."""

from __future__ import annotations

import threading

import pytest
import servers

from flask_gosession.keyed_lock import KeyedLock


def test_one_at_a_time_in_order():
    """Whoever came first is next."""
    turns, order = KeyedLock(), []

    def write(number):
        with turns.hold("a") as ours:
            order.append((number, ours))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(10)]
    with turns.hold("a"):
        for number, writer in enumerate(writers):
            writer.start()
            servers.wait_until(lambda expected=number + 1: turns.waiting("a") == expected, "a waiting writer")
        assert order == []
    for writer in writers:
        writer.join()
    assert order == [(number, True) for number in range(10)]


def test_keys_do_not_wait_for_each_other():
    """The turn of one key is nothing to another."""
    turns = KeyedLock()
    with turns.hold("a"), turns.hold("b", 0) as ours:
        assert ours


def test_waiting_has_an_end():
    """A thread that waits in vain is told so, holds nothing, and leaves the turn to others."""
    turns = KeyedLock()
    with turns.hold("a"):
        with turns.hold("a", 0.01) as ours:
            assert not ours
        assert turns.waiting("a") == 0
    with turns.hold("a", 0) as ours:
        assert ours


def test_a_failing_holder_passes_the_turn_on():
    """What raises does not keep the others out."""
    turns = KeyedLock()
    with pytest.raises(ZeroDivisionError), turns.hold("a"):
        1 / 0  # noqa: B018 - it raises
    with turns.hold("a", 0) as ours:
        assert ours


def test_nothing_is_kept_of_a_key():
    """Where nobody waits any more, nothing is remembered, however many keys there were."""
    turns = KeyedLock()
    for number in range(100):
        with turns.hold(number):
            pass
    assert turns._queues._waiting == {}
