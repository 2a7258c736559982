"""How soon a revocation is seen elsewhere at level cached: by a process that does nothing but check."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from . import sites
from .bench import Bench, Lines, said
from .logins import manager_on

PREFIX = "bench-revocation"

CHECKS = """
import json, os, sys, time
from contextlib import ExitStack
from benchmarks import sites
from benchmarks.bench import TINY, Bench

bench = ExitStack().enter_context(Bench.at(sys.argv[1], TINY))
asked = sites.ours(bench, prefix=sys.argv[2], level="cached")
environ = sites.environ_of(asked)
for line in sys.stdin:
    environ["HTTP_AUTHORIZATION"] = f"Bearer {line.strip()}"
    status, last, told = "200", 0.0, False
    while status == "200":
        last = began if told else 0.0
        began = time.monotonic()
        status = sites.status_of(asked.app, environ)
        if not told:
            print("ready", flush=True)
            told = True
    print(last, time.monotonic(), flush=True)
"""


def revocation(bench: Bench) -> Lines:
    """Revoke sessions under a process that checks them without a pause, and note the last check it accepted."""
    manager = manager_on(bench, PREFIX)
    late, seen = [], []
    command = [sys.executable, "-W", "ignore", "-c", CHECKS, bench.url, PREFIX]
    tests = Path(__file__).parents[1]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tests, stdin=pipe, stdout=pipe, text=True, env={**os.environ}) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for _ in range(bench.scale.trials):
            pair = sites.signed_in(manager)
            other.stdin.write(pair.access_token + "\n")
            other.stdin.flush()
            assert other.stdout.readline() == "ready\n"
            time.sleep(0.002)
            manager.revoke("ada", pair.sid)
            revoked = time.monotonic()
            last, refused = map(float, other.stdout.readline().split())
            late.append(max(0.0, (last - revoked) * 1000))
            seen.append(max(0.0, (refused - revoked) * 1000))
        other.stdin.close()
    late.sort()
    seen.sort()
    yield said(f"latest start of an accepted check after one of {len(late)} revocations", late[-1], "<= 1", "ms")
    yield said("  refused, 99 of 100 within", seen[min(len(seen) - 1, len(seen) * 99 // 100)], "<= 5", "ms")
    yield said("  refused, half of them within", seen[len(seen) // 2], unit="ms")
