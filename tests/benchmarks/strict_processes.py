"""How many strict checks two processes make in a second, beside the Go library as it was recorded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .bench import Bench, Lines, said
from .logins import manager_on
from .sites import signed_in

PREFIX = "bench-processes"
RECORDED = 14_486
"""Checks a second that hunterhug/gosession made with eight goroutines on two such cores."""

CHECKS = """
import sys, time
from contextlib import ExitStack
from benchmarks.bench import TINY, Bench
from benchmarks.logins import manager_on

bench = ExitStack().enter_context(Bench.at(sys.argv[1], TINY))
manager, token, seconds = manager_on(bench, sys.argv[2]), sys.argv[3], float(sys.argv[4])
manager.authenticate(token)
print("ready", flush=True)
sys.stdin.readline()
count, end = 0, time.monotonic() + seconds
while time.monotonic() < end:
    manager.authenticate(token)
    count += 1
print(count / seconds, flush=True)
"""


def processes(bench: Bench) -> Lines:
    """Check one session strictly in two processes without a pause; the Go library's figure is printed as recorded."""
    token = signed_in(manager_on(bench, PREFIX)).access_token
    rates = sorted(_checked_together(bench, token) for _ in range(min(3, bench.scale.rounds)))
    rate = rates[len(rates) // 2]
    yield said("strict checks a second in two processes", rate, unit="/s")
    yield said(f"  to the {RECORDED} that the Go library made (as recorded, not run here)", rate / RECORDED, ">= 1.0")


def _checked_together(bench: Bench, token: str) -> float:
    seconds, pipe = str(bench.scale.seconds), subprocess.PIPE
    command = [sys.executable, "-W", "ignore", "-c", CHECKS, bench.url, PREFIX, token, seconds]
    two = [
        subprocess.Popen(command, cwd=Path(__file__).parents[1], stdin=pipe, stdout=pipe, text=True) for _ in range(2)
    ]
    for one in two:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in two:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    return sum(float(one.communicate()[0]) for one in two)
