"""How soon a revocation is seen elsewhere at level cached: by processes that do nothing but check."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from relays import relay

from flask_gosession import SessionManager
from flask_gosession.engine.lease import HEARTBEAT, LAPSE

from . import sites
from .bench import Bench, Lines, said
from .checking import READY, Outcome
from .measure import part

PREFIX = "bench-revocation"
LONGEST = 25.0
"""Seconds after which no further session is revoked under load."""
CUTS = 5


class Checker:
    """Another process that checks."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout

    def begin(self, subject: str, token: str) -> None:
        """Let it check a token."""
        self._to.write(f"{subject} {token}\n")
        self._to.flush()

    def wait_until_ready(self) -> None:
        """Wait until its verdict is used. Raises RuntimeError if that does not happen."""
        if self._from.readline().strip() != READY:
            raise RuntimeError("the process that was to check has failed")

    def outcome(self) -> Outcome:
        """Wait until the token is refused."""
        return Outcome(*json.loads(self._from.readline()))

    def end(self) -> float:
        """Return how often its other threads have checked in a second."""
        self._to.close()
        return float(self._from.readline())


def _manager(bench: Bench) -> SessionManager:
    """Return a manager that signs with the key of the other processes' apps, which is derived from their secret."""
    return sites.manager_of(sites.ours(bench, prefix=PREFIX))


class Trial(NamedTuple):
    """One revocation as one process has seen it."""

    revoked: float
    """When `revoke` had returned."""
    seen: Outcome

    @property
    def late(self) -> float:
        """The seconds after which the last accepted check began."""
        return max(0.0, self.seen.last - self.revoked)

    @property
    def removed(self) -> float:
        """The seconds after which the verdict was gone."""
        return max(0.0, (self.seen.heard or self.seen.refused) - self.revoked)

    @property
    def refused(self) -> float:
        """The seconds after which a check had been refused."""
        return max(0.0, self.seen.refused - self.revoked)


def revocation(bench: Bench) -> Lines:
    """Revoke sessions under processes that check without a pause: a free one, busy ones, and one that is cut off."""
    yield from _seen(bench, "", processes=1, threads=1)
    yield from _seen(bench, ", under load", processes=2, threads=4)
    yield from _cut_off(bench)


def _seen(bench: Bench, where: str, *, processes: int, threads: int) -> Lines:
    manager, trials, end = _manager(bench), list[Trial](), time.monotonic() + LONGEST
    with ExitStack() as stack:
        checkers = [stack.enter_context(_checking(bench.url, threads)) for _ in range(processes)]
        for number in range(bench.scale.trials):
            trials += _tried(manager, checkers, f"ada-{threads}-{number}")
            if time.monotonic() > end:
                break
        others = sum(checker.end() for checker in checkers)
    yield from _told(trials, where, alone=threads == 1)
    if threads > 1:
        yield said(f"  {threads - 1} further threads in each of {processes} processes check", others, unit="/s")


def _tried(manager: SessionManager, checkers: Sequence[Checker], subject: str) -> list[Trial]:
    """Revoke a session that all *checkers* have a verdict on."""
    sid = _watched(manager, checkers, subject)
    time.sleep(0.002)
    manager.revoke(subject, sid)
    revoked = time.monotonic()
    return [Trial(revoked, checker.outcome()) for checker in checkers]


def _watched(manager: SessionManager, checkers: Sequence[Checker], subject: str) -> str:
    """Return the id of a new session, once all *checkers* use a verdict on it."""
    pair = sites.signed_in(manager, subject)
    for checker in checkers:
        checker.begin(subject, pair.access_token)
    for checker in checkers:
        checker.wait_until_ready()
    return pair.sid


def _told(trials: Sequence[Trial], where: str, *, alone: bool) -> Lines:
    late = max(trial.late for trial in trials) * 1000
    yield said(f"latest start of an accepted check after one of {len(trials)} revocations{where}", late, "<= 1", "ms")
    removed, refused = ([getattr(trial, name) for trial in trials] for name in ("removed", "refused"))
    yield said(f"  verdict removed{where}, 99 of 100 within", part(removed, 0.99) * 1000, "<= 5", "ms")
    goal = "<= 5" if alone else ""  # a check that waits for its turn has not been accepted
    yield said(f"  next check refused{where}, 99 of 100 within", part(refused, 0.99) * 1000, goal, "ms")
    yield said(f"  next check refused{where}, half of them within", part(refused, 0.5) * 1000, unit="ms")
    kept = sum(trial.seen.kept for trial in trials) / max(1, sum(trial.seen.checks for trial in trials))
    yield said(f"  part of the accepted checks that relied on a verdict{where}", kept, unit="")


def _cut_off(bench: Bench) -> Lines:
    """Revoke sessions while the link of the process that checks is silent, at any moment between two heartbeats."""
    manager, cuts, address = _manager(bench), min(CUTS, bench.scale.trials // 3), urlsplit(bench.url)
    trials = []
    with relay(address.hostname or "localhost", address.port or 6379) as link:
        user, at, _ = address.netloc.rpartition("@")
        url = address._replace(netloc=f"{user}{at}127.0.0.1:{link.port}").geturl()
        with _checking(url, 1) as checker:
            for number in range(cuts):
                subject = f"cut-{number}"
                sid = _watched(manager, [checker], subject)
                time.sleep(random.uniform(0, HEARTBEAT))
                link.passing.clear()
                manager.revoke(subject, sid)
                trials.append(Trial(time.monotonic(), checker.outcome()))
                link.passing.set()
            checker.end()
    latest = max(trial.late for trial in trials)
    what = f"latest start of an accepted check after {cuts} revocations behind a link that went silent"
    yield said(what, latest, f"<= {LAPSE:g}", "s")


@contextmanager
def _checking(url: str, threads: int) -> Iterator[Checker]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.checking", url, PREFIX, str(threads)]
    pipe, tests = subprocess.PIPE, Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=tests, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield Checker(process)
        finally:
            process.kill()
