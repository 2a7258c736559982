"""A process that checks tokens at level cached without a pause: `python -m benchmarks.checking URL PREFIX THREADS`.

For each line with a subject and a token, it says ``ready`` once its verdict on the token is used; then, once the token
is refused, an `Outcome`. The other threads check tokens of their own meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any, NamedTuple

from flask import Flask

from . import sites
from .bench import TINY, Bench

READY = "ready"
PATIENCE = 20.0
"""Seconds within which a verdict must be used; until then all is asked of the store."""


class Outcome(NamedTuple):
    """What became of a token; times are those of `time.monotonic`, which all processes share."""

    last: float
    """When the last check began that was accepted."""
    heard: float | None
    """When this process removed its verdicts on the subject; None if it did not hear of the change."""
    refused: float
    """When a check had been refused."""
    checks: int
    """How many were accepted."""
    kept: int
    """How many of these relied on the verdict."""


class Checking:
    """The app, its other threads, and what it hears."""

    def __init__(self, bench: Bench, prefix: str, threads: int) -> None:
        asked = sites.ours(bench, prefix=prefix, level="cached", path="/level")
        self._app: Flask = asked.app
        self._environ: dict[str, Any] = sites.environ_of(asked)
        self._heard: dict[str, float] = {}
        self._counts = [0] * (threads - 1)
        manager = sites.manager_of(asked)
        assert manager.lease is not None
        manager.lease.on_change.append(lambda subject: self._heard.setdefault(subject, time.monotonic()))  # type: ignore[arg-type,return-value]  # nobody looks
        tokens = [sites.signed_in(manager, f"{os.getpid()}-{one}").access_token for one in range(threads - 1)]
        self._others = [
            threading.Thread(target=self._check, args=(one, token), daemon=True) for one, token in enumerate(tokens)
        ]
        for thread in self._others:
            thread.start()

    @property
    def others_checked(self) -> int:
        """How often the other threads have checked by now."""
        return sum(self._counts)

    def outcome(self, subject: str, token: str) -> Outcome:
        """Check a token until it is refused."""
        environ = self._with(token)
        self._wait_for_verdict(environ)
        print(READY, flush=True)  # noqa: T201 - for the other process
        last, checks, kept = 0.0, 0, 0
        while True:
            began = time.monotonic()
            status, level = sites.answer_of(self._app, environ)
            if status != "200":
                return Outcome(last, self._heard.get(subject), time.monotonic(), checks, kept)
            last, checks, kept = began, checks + 1, kept + (level == "cached")

    def _wait_for_verdict(self, environ: dict[str, Any]) -> None:
        end = time.monotonic() + PATIENCE
        while sites.answer_of(self._app, environ) != ("200", "cached"):
            if time.monotonic() > end:
                raise RuntimeError("checks at level cached ask the store each time: nothing would be measured")
        if not all(thread.is_alive() for thread in self._others):
            raise RuntimeError("a thread that was to keep this process busy has failed")

    def _check(self, one: int, token: str) -> None:
        environ = self._with(token)
        while sites.answer_of(self._app, environ)[0] == "200":
            self._counts[one] += 1

    def _with(self, token: str) -> dict[str, Any]:
        return {**self._environ, "HTTP_AUTHORIZATION": f"Bearer {token}"}


def main() -> None:
    """Answer each line; at the end, say how often the other threads checked in a second."""
    url, prefix, threads = sys.argv[1:]
    with ExitStack() as stack:
        checking, began = Checking(stack.enter_context(Bench.at(url, TINY)), prefix, int(threads)), time.monotonic()
        for line in sys.stdin:
            subject, token = line.split()
            print(json.dumps(checking.outcome(subject, token)), flush=True)  # noqa: T201 - for the other process
        print(checking.others_checked / (time.monotonic() - began), flush=True)  # noqa: T201 - the same
        os._exit(0)  # the other threads go on


if __name__ == "__main__":
    main()
