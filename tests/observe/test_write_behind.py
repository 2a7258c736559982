"""The queue behind the requests: bounded, in order, patient with a sink that is down, and never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence

import pytest
import servers

from flask_gosession.errors import StoreUnavailable
from flask_gosession.observe import write_behind
from flask_gosession.observe.write_behind import WriteBehind


class Sink:
    """Keeps what it gets; may be closed for a while, and then be down or broken."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.batches: list[int] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.failures: list[Exception] = []

    def write(self, batch: Sequence[int]) -> None:
        self.entered.set()
        assert self.open.wait(10)
        if self.failures:
            raise self.failures.pop(0)
        self.written += batch
        self.batches.append(len(batch))


@pytest.fixture
def sink() -> Sink:
    return Sink()


def test_all_is_written_in_order_and_in_batches(sink: Sink):
    """What is put by one thread is written in its order, a hundred at most at once."""
    queue: WriteBehind[int] = WriteBehind(sink.write, name="a test")
    for number in range(1000):
        queue.put(number)
    assert queue.flush(10)
    assert sink.written == list(range(1000))
    assert max(sink.batches) <= write_behind.BATCH


@pytest.mark.parametrize("idle", [write_behind.IDLE, 0.0001])
def test_many_threads_lose_nothing(sink: Sink, monkeypatch: pytest.MonkeyPatch, idle: float):
    """Eight threads at once lose no entry, and wake the writer each time it sleeps, or is about to end."""
    monkeypatch.setattr(write_behind, "IDLE", idle)
    queue: WriteBehind[int] = WriteBehind(sink.write, name="a test")
    threads = [threading.Thread(target=lambda: [queue.put(1) for _ in range(1000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.flush(10)
    assert len(sink.written) == 8000


def test_a_queue_that_nobody_uses_keeps_no_thread(sink: Sink, monkeypatch: pytest.MonkeyPatch):
    """The thread of an idle queue ends, the next entry starts another, and a dropped queue is gone with its thread."""
    monkeypatch.setattr(write_behind, "IDLE", 0.001)
    queue: WriteBehind[int] = WriteBehind(sink.write, name="an idle test")
    alive = weakref.ref(queue)

    def is_idle() -> bool:
        return all(thread.name != "an idle test" for thread in threading.enumerate())

    for number in range(2):
        queue.put(number)
        assert queue.flush(10)
        servers.wait_until(is_idle, "the end of the thread", 5)
    assert sink.written == [0, 1]
    del queue
    assert alive() is None


def test_a_stuck_sink_costs_entries_and_no_request(sink: Sink, caplog: pytest.LogCaptureFixture):
    """With the sink stuck, ten entries wait, the others are dropped, and how many is told once it goes on."""
    told: list[int] = []
    queue: WriteBehind[int] = WriteBehind(sink.write, name="a test", on_dropped=told.append, most=10, batch=1)
    sink.open.clear()
    queue.put(0)
    assert sink.entered.wait(10)
    for number in range(1, 31):
        queue.put(number)
    assert (queue.waiting, queue.dropped, told) == (10, 20, [])
    assert not queue.flush(0.01)
    assert [each.getMessage() for each in caplog.records] == [
        "entries of a test are dropped: too many are waiting to be written"
    ]
    sink.open.set()
    assert queue.flush(10)
    assert sink.written == list(range(11))
    assert told == [20]
    assert "20 entries of a test were dropped" in caplog.text


def test_a_sink_that_is_down_gets_it_later(sink: Sink, monkeypatch: pytest.MonkeyPatch):
    """StoreUnavailable costs nothing: the batch is tried again."""
    monkeypatch.setattr(write_behind, "SHORTEST_PAUSE", 0.001)
    sink.failures = [StoreUnavailable(), StoreUnavailable()]
    queue: WriteBehind[int] = WriteBehind(sink.write, name="a test")
    queue.put(1)
    assert queue.flush(10)
    assert (sink.written, queue.dropped) == ([1], 0)


def test_a_sink_that_is_broken_costs_the_batch(sink: Sink, caplog: pytest.LogCaptureFixture):
    """Any other error drops the batch, with its traceback in the log, and the next one is written."""
    told: list[int] = []
    sink.failures = [RuntimeError("boom")]
    queue: WriteBehind[int] = WriteBehind(sink.write, name="a test", on_dropped=told.append)
    queue.put(1)
    assert queue.flush(10)
    queue.put(2)
    assert queue.flush(10)
    assert (sink.written, queue.dropped, told) == ([2], 1, [1])
    assert "boom" in caplog.text


def test_a_forked_child_has_a_queue_of_its_own(sink: Sink):
    """A child writes what it puts itself, by a thread of its own, and not what its parent had waiting."""
    queue: WriteBehind[int] = WriteBehind(sink.write, name="a test", batch=1)
    sink.open.clear()
    queue.put(1)
    assert sink.entered.wait(10)
    queue.put(2)
    pid = os.fork()
    if pid == 0:
        sink.open, sink.written = threading.Event(), []
        sink.open.set()
        queue.put(3)
        os._exit(0 if queue.flush(10) and sink.written == [3] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    sink.open.set()
    assert queue.flush(10)
    assert sink.written == [1, 2]


SCRIPT = """
import time
from flask_gosession.observe.write_behind import WriteBehind
def write(batch):
    time.sleep(SECONDS)
    print(*batch, flush=True)
queue = WriteBehind(write, name="a test", batch=1)
for number in range(3):
    queue.put(number)
"""


@pytest.mark.parametrize(("seconds", "written"), [("0.01", ["0", "1", "2"]), ("60", [])])
def test_the_end_of_the_process_waits_a_little(seconds: str, written: list[str]):
    """What waits at the end is written, unless that takes longer than two seconds."""
    code = SCRIPT.replace("SECONDS", seconds)
    if not written:
        code = f"import flask_gosession.observe.write_behind as one; one.LAST_WORDS = 0.05\n{code}"
        code = code.replace("queue = ", "one.WriteBehind.flush.__defaults__ = (0.05,)\nqueue = ")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.split() == written
    assert ("before the last entries of a test were written" in result.stderr) is not bool(written)


GEVENT = """
import {first}
from flask_gosession.observe.write_behind import WriteBehind
written = []
queue = WriteBehind(written.extend, name="a test")
{then}
import gevent
gevent.joinall([gevent.spawn(queue.put, number) for number in range(200)])
assert queue.flush(5), "not written"
assert sorted(written) == list(range(200))
print("fine")
"""
PATCH = "from gevent import monkey; monkey.patch_all()"


@pytest.mark.parametrize("early", [True, False])
def test_it_works_under_gevent(early: bool):
    """Greenlets put and the writer writes, whether the app was made before gevent replaced the threads or after."""
    pytest.importorskip("gevent")
    code = GEVENT.format(first="os" if not early else f"os; {PATCH}", then="" if early else PATCH)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "fine" in result.stdout, result.stderr
