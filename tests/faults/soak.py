"""Use an app for long, and see that it holds no more at the end: `python -m faults.soak [--minutes 30]`."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from flask_gosession.stores.registry import open_store

from .holding import KEEP, KEPT
from .model import Model
from .people import Load, ask
from .runs import KEPT_AT_MOST, Scene, audit, lifetimes, loaded
from .site import WORKERS, Site, running
from .stages import STAGES, Stage, patient

LONG = 1.05
"""By what the memory of workers may be multiplied after the warm-up."""
SHORT = 1.3
"""After a short warm-up not every part of the code has had its turn."""
AT_ONCE = {"sync": 1, "gthread": 8, "gevent": 8}
"""Requests that a worker serves at once: as many as it has threads, or more than there are people."""
CROWD = 200
"""Requests that are sent at most until every worker has that many."""
PACE = 0.05
"""Seconds between two of them."""
QUIET = 3.0
"""Seconds without requests before anything is counted."""
PAGE = os.sysconf("SC_PAGE_SIZE")


class Held(NamedTuple):
    """What the workers of a site hold together."""

    memory: int
    """Bytes that are resident."""
    descriptors: int


def held(site: Site) -> Held:
    """Return what the workers hold now."""
    folders = [Path(f"/proc/{pid}") for pid in site.workers()]
    memory = sum(int((one / "statm").read_text().split()[1]) * PAGE for one in folders)
    return Held(memory, sum(len(list((one / "fd").iterdir())) for one in folders))


def until_all_answer(site: Site) -> None:
    """Wait for the workers that start more slowly than others."""
    answered: set[object] = set()
    while not answered >= {*site.workers()}:
        answered.add(ask(site.port, "GET", "/pid").body)


def fill_pools(site: Site, worker: str) -> None:
    """Let all the requests that a worker can serve at once have a connection, so that its pool need not grow later."""
    token = ask(site.port, "POST", "/login", body={"user": "crowd"}).body["access_token"]
    crowd: list[threading.Thread] = []
    site.note(KEEP, "yes")
    try:
        while not _are_busy(site, AT_ONCE[worker]):
            if len(crowd) == CROWD:
                raise LookupError(f"{CROWD} requests did not keep every worker busy")
            crowd.append(threading.Thread(target=ask, args=(site.port, "GET", "/me", token)))
            crowd[-1].start()
            time.sleep(PACE)
    finally:
        site.forget(KEEP)
        for one in crowd:
            one.join()
    ask(site.port, "POST", "/auth/logout", token)


def _are_busy(site: Site, requests: int) -> bool:
    """Return whether so many requests keep a connection of each worker."""
    kept = Counter(site.noted(KEPT).split())
    return all(kept[str(pid)] >= requests for pid in site.workers())


def used(scene: Scene, seconds: float) -> int:
    """Let people use the site for so long, and wait until it is quiet; return how much they were answered."""
    scene.load = Load([scene.site.port], scene.model, scene.load.number + 1)
    with loaded(scene):
        time.sleep(seconds)
    time.sleep(QUIET)
    return len(scene.load.answers)


class Stored(NamedTuple):
    """What is in the store."""

    records: int
    endless: int
    """Those that are still there two days after the last session can have ended."""


def stored(stage: Stage) -> Stored:
    """Count the records, and delete those that can be purged.

    Nobody waits for two days. Redis ends its keys by itself, so it is asked when: a key without an end, or with a later
    one, is endless. Other stores are purged as if it were then, and what is left is endless.
    """
    store = open_store(patient(stage.direct))
    try:
        if seconds := lifetimes(stage).values():
            return Stored(len(seconds), sum(not 0 < one < KEPT_AT_MOST for one in seconds))
        records = len(list(store.subjects()))
        while store.purge(time.time() + KEPT_AT_MOST):
            pass
        return Stored(records, len(list(store.subjects())))
    finally:
        store.close()


def soak(stage_name: str, worker: str, minutes: float, growth: float = LONG) -> list[str]:
    """Use an app for *minutes* after a fifth of that to warm up, with full pools; return what is wrong."""
    seconds = minutes * 60
    model = Model()
    with STAGES[stage_name][0]() as stage, running(stage.url, worker, FAULTS_KEEPS="1") as site:
        scene = Scene(stage, site, Load([site.port], model), model)
        until_all_answer(site)
        used(scene, max(10.0, seconds / 5))
        fill_pools(site, worker)
        time.sleep(QUIET)
        before = held(site)
        answers = used(scene, seconds)
        after = held(site)
        audit(scene)
        records, endless = stored(stage)
    _say(
        f"{stage_name} [{worker}], {minutes:g} min, {answers} answers: {before.memory / 1e6:.1f} MB, then "
        f"{after.memory / 1e6:.1f} MB; {before.descriptors} descriptors, then {after.descriptors}; "
        f"{records} records, {endless} of them endless"
    )
    return [*complaints(before, after, endless, growth), *(violation.what for violation in model.violations)]


def complaints(before: Held, after: Held, endless: int, growth: float = LONG) -> list[str]:
    """Return what there is more of than there may be."""
    found = []
    if after.memory > before.memory * growth:
        found.append(f"memory grew by {after.memory / before.memory - 1:.0%}")
    if after.descriptors > before.descriptors:
        found.append(f"{after.descriptors - before.descriptors} descriptors more")
    if endless:
        found.append(f"{endless} records never end")
    return found


def main() -> int:
    """Print what is held before and after, and fail where it is too much."""
    parser = argparse.ArgumentParser(prog="python -m faults.soak", description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="in all, shared by the runs; default: 30")
    parser.add_argument("--stage", action="append", choices=list(STAGES), help="default: redis and sqlite")
    parser.add_argument("--worker", action="append", choices=list(WORKERS), help="default: gthread and gevent")
    options = parser.parse_args()
    runs = list(itertools.product(options.stage or ["redis", "sqlite"], options.worker or ["gthread", "gevent"]))
    wrong = [what for stage, worker in runs for what in soak(stage, worker, options.minutes / len(runs))]
    _say("\n".join(wrong) or "nothing grew")
    return int(bool(wrong))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
