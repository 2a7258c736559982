"""Two processes, whose clocks differ, and the keys that one file gives them: mid-rotation nobody is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_gosession.tokens.key_schedule import JWKS_MAX_AGE
from tokens import rotating_worker
from tokens.rotating_worker import LIFE

T0 = 1_800_000_000.0
STEP = 100
SKEW = 4


class Worker:
    """A process with a clock of its own, *ahead* of the true one."""

    def __init__(self, path: Path, ahead: float, stack: ExitStack) -> None:
        self.ahead = ahead
        command = [sys.executable, rotating_worker.__file__, str(path), str(T0 + ahead)]
        opened = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self._process = stack.enter_context(opened)
        stack.callback(opened.stdin.close)

    def ask(self, line: str) -> str:
        self._process.stdin.write(f"{line}\n")
        return self._process.stdout.readline().strip()

    def go_to(self, now: float) -> None:
        assert self.ask(f"at {now + self.ahead}") == "ok"


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        yield [Worker(tmp_path / "keys.json", ahead, stack) for ahead in (SKEW, -SKEW)]


def test_nobody_is_refused_through_several_rotations(workers: list[Worker]):
    """For eight hours, with a new key every two, each token is good in both processes until its end.

    Whoever has cached the published keys, as long as that is allowed, knows the key of each token, too.
    """
    issued: list[tuple[float, str]] = []
    cached: list[tuple[float, set[str]]] = []
    signers: list[str] = []
    for now in (T0 + step * STEP for step in range(8 * 36)):
        issued = [(at, token) for at, token in issued if now < at + LIFE - SKEW - 1]
        for worker in workers:
            worker.go_to(now)
            issued.append((now, token := worker.ask("sign")))
            signers.append(_kid(token))
        for worker in workers:
            sample = [*issued[:4], *issued[-4:], *issued[:: max(1, len(issued) // 6)]]
            assert {worker.ask(f"check {token}") for _, token in sample} == {"ok"}
        allowed = [kids for at, kids in cached if now <= at + JWKS_MAX_AGE]
        assert all(_kid(token) in kids for _, token in issued[-2:] for kids in allowed)
        cached.append((now, set(workers[0].ask("jwks").split())))
    assert len(dict.fromkeys(signers)) == 4
    assert max(len(kids) for _, kids in cached) <= 3


def _kid(token: str) -> str:
    from flask_gosession.tokens.jws import parse

    return parse(token, 8192).kid


def test_two_processes_that_start_at_once_make_one_key(workers: list[Worker], tmp_path: Path):
    """The file is made by the first; both sign with the key in it."""
    assert len({_kid(worker.ask("sign")) for worker in workers}) == 1
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]
