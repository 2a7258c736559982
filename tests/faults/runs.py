"""One run of one fault: the load, the fault, the recovery, and what the model says of it all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from flask_gosession.session import encoding as records
from flask_gosession.stores.redis.connect import connector_for, nodes_of
from flask_gosession.stores.registry import open_store

from .app import DAY, LONGEST
from .model import NOT_ANSWERED, Allowance, Answer, Model
from .people import Load, ask
from .site import Site, running
from .stages import STAGES, Stage, patient

LOOSELY = 2.0
"""Promised are 0.5 s for an answer and a time for each recovery; a run may take so many times that, unless it is told
another number, and by how much the machine itself is late (`Load.stall`)."""
PROMPT = 0.5
WARM_UP = 0.5
WITHIN = 10.0
"""Seconds that a recovery is waited for at most, times `LOOSELY`."""
LAST = 60
"""How many sessions of each kind are asked about once more at the end."""
KEPT_AT_MOST = LONGEST + 2 * DAY
"""Seconds after which no record may be left."""
GONE = -2
"""What Redis says of a key that has ended meanwhile."""


@dataclass
class Scene:
    """What a fault may lay hands on."""

    stage: Stage
    site: Site
    load: Load
    model: Model
    loosely: float = LOOSELY


class Fault(NamedTuple):
    """A fault: what it breaks while its block lasts, and what it may cost."""

    name: str
    stage: str
    breaks: Callable[[Scene], AbstractContextManager[object]]
    hold: float = 2.0
    """Seconds for which it lasts."""
    recovery: float = 2.0
    """Seconds after which all must be well again."""
    heals_itself: bool = False
    """The recovery counts from when it began: others take over while it lasts."""
    allows: Allowance = Allowance()
    prompt: float | None = PROMPT
    """Seconds within which the app must answer; None where the app itself is what is slow."""
    environment: Mapping[str, str] = {}
    """What the app is told at its start."""
    spoils: bool = False
    """The servers are not again what they were."""


@dataclass
class Outcome:
    """What came of one run."""

    fault: str
    worker: str
    statuses: Counter[int]
    refused: Counter[int]
    """Answers while the fault lasted."""
    slowest: float
    recovery: float
    stall: float
    """Seconds by which the machine was late with something that had nothing to do with the app."""
    lost: int
    violations: list[str] = field(default_factory=list)
    log: str = ""
    """What gunicorn and the app had logged by then, if anything was violated."""


class Places:
    """Servers and workers that stay for the next fault, as long as it wants the same and none has spoilt them."""

    def __init__(self, loosely: float = LOOSELY) -> None:
        self._loosely = loosely
        self._stack = ExitStack()
        self._key: tuple[object, ...] = ()
        self._place: tuple[Stage, Site] | None = None
        self._number = 0

    def run(self, fault: Fault, worker: str) -> Outcome:
        """Run *fault*; that it could not be run is a violation as well."""
        try:
            stage, site = self._at(fault, worker)
            self._number += 1
            model = Model(fault.allows)
            scene = Scene(stage, site, Load([site.port], model, self._number), model, self._loosely)
            outcome = run(fault, worker, scene)
        except Exception as error:  # noqa: BLE001  # whatever it was, the other faults are to be run
            told = [f"could not be run: {error!r}"[:600]]
            outcome = Outcome(fault.name, worker, Counter(), Counter(), 0.0, 0.0, 0.0, 0, told)
        if outcome.violations and self._place is not None:
            outcome.log = self._place[1].log
        if fault.spoils or outcome.violations:
            self.close()
        return outcome

    def close(self) -> None:
        """End all that runs."""
        self._stack.close()
        self._place, self._key = None, ()

    def _at(self, fault: Fault, worker: str) -> tuple[Stage, Site]:
        key = (fault.stage, worker, fault.environment)
        if self._place is None or self._key != key:
            self.close()
            stage = self._stack.enter_context(STAGES[fault.stage][0]())
            environment = {"FAULTS_REPLICAS": str(stage.replicas), **fault.environment}
            site = self._stack.enter_context(running(stage.url, worker, **environment))
            self._place, self._key = (stage, site), key
        return self._place


def run(fault: Fault, worker: str, scene: Scene) -> Outcome:
    """Break what *fault* breaks under load, once, and judge every answer."""
    load, model = scene.load, scene.model
    with loaded(scene):
        began = time.monotonic()
        with fault.breaks(scene):
            time.sleep(fault.hold)
        mended = time.monotonic()
        is_well = load.until_all_well(WITHIN * scene.loosely)
    since = began if fault.heals_itself else mended
    recovery = recovered(load.answers, since) if is_well else float("inf")
    judge_times(fault, scene, began, recovery)
    audit(scene)
    during = Counter(one.status for one in load.answers if began <= one.began < mended)
    slowest = max(answer.inside for answer in load.answers if answer.began >= began)
    said = [f"({one.rule}) at {one.at - began:+.2f} s: {one.what}" for one in model.violations]
    return Outcome(fault.name, worker, load.statuses, during, slowest, recovery, load.stall, model.lost, said)


@contextmanager
def loaded(scene: Scene) -> Iterator[None]:
    """Let people use the site until the block ends; everything has worked by then."""
    scene.load.start()
    try:
        if not scene.load.until_all_well(WITHIN * scene.loosely):
            raise TimeoutError(f"never all well: {scene.load.statuses}")
        time.sleep(WARM_UP)
        yield
    finally:
        scene.load.end()


def recovered(answers: list[Answer], since: float) -> float:
    """Return how long after *since* the last refusal was answered."""
    refusals = [one.ended for one in answers if one.status in (NOT_ANSWERED, 500, 503) and one.ended > since]
    return max(refusals, default=since) - since


def judge_times(fault: Fault, scene: Scene, began: float, recovery: float) -> None:
    """Note what took longer than is promised, with the margin for a busy machine; the first requests are not meant."""
    now, stall = time.monotonic(), scene.load.stall
    if recovery > fault.recovery * scene.loosely + stall:
        scene.model.found(0, f"all was well after {recovery:.1f} s, not within {fault.recovery:g} s", now)
    if fault.prompt is None:
        return
    for answer in scene.load.answers:
        if answer.began >= began and answer.inside > fault.prompt * scene.loosely + stall:
            scene.model.found(0, f"{answer.path} took {answer.inside:.2f} s to answer {answer.status}", answer.began)


def audit(scene: Scene) -> None:
    """Ask about every session once more, now that all is quiet, and read what is stored."""
    sessions = scene.model.sessions
    ended = [session for session in sessions if session.ended is not None]
    others = [session for session in sessions if session.ended is None and not session.lost]
    for session in [*ended[-LAST:], *others[-LAST:]]:
        scene.model.checked(session, ask(scene.site.port, "GET", "/me", session.access))
    for complaint in complaints(scene.stage):
        scene.model.found(5, complaint, time.monotonic())


def complaints(stage: Stage) -> Iterator[str]:
    """Yield what is wrong with what is stored: a record that is none, two sessions of one, a key that never ends."""
    store = open_store(patient(stage.direct))
    try:
        for subject in list(store.subjects()):
            stored = store.load(subject)
            record = stored and records.read(stored.value, subject)
            if stored is not None and record is None:
                yield f"the record of {subject} cannot be read"
            if record and sum(session.client == "only" for session in record.sessions) > 1:
                yield f"{subject} has more than one session in single mode"
    finally:
        store.close()
    for key, seconds in lifetimes(stage).items():
        if not 0 < seconds < KEPT_AT_MOST:
            yield f"{key!r} lives for {seconds} s"


def lifetimes(stage: Stage) -> dict[bytes, int]:
    """Return for each key in Redis how many seconds it has left, -1 for ever; nothing for other stores."""
    if not stage.url.startswith("redis"):
        return {}
    with closing(connector_for(patient(stage.direct))) as connector:
        nodes = nodes_of(connector.client())
        found = {key: node.ttl(key) for node in nodes for key in node.scan_iter(count=1000)}
    return {key: seconds for key, seconds in found.items() if seconds != GONE}
