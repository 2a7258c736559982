"""Random histories of tabs, lost and late messages, failovers and clocks: no false theft, and no thief unseen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_gosession.errors import AuthError, TokenReused, TokenRotated
from flask_gosession.session.check import check, touch, touch_due
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Session, SubjectRecord
from flask_gosession.session.rotate import Successor, rotate

from .build import NOW, access, id_of, record, refresh, session

LATENCY = 5.0
SKEWS = (-2.0, 0.0, 2.0)
ACTIONS = (
    ["send"] * 3 + ["arrive"] * 3 + ["answer"] * 3 + ["use"] * 3 + ["lose", "old_use", "stale", "wait", "wait", "whole"]
)
NUMBERS = st.integers(0, 9)
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), NUMBERS, st.sampled_from(SKEWS)), max_size=60)
FAILING = st.lists(st.tuples(st.sampled_from([*ACTIONS, "fail"]), NUMBERS, st.sampled_from(SKEWS)), max_size=60)
WAITS = (0.1, 1.0, 3.0, 4.9, 9.0, 11.0, 30.0, 100.0, 1000.0, 4000.0)


class Stored(NamedTuple):
    """One state of the store, and what an all-knowing observer knows about it."""

    record: SubjectRecord
    line: tuple[bytes, ...]
    """The refresh tokens from the login to the current one."""
    since: float | None
    """When the last of them, or its access token, was first used."""


@dataclass
class World:
    """A session in a store that may forget its last writes, and a browser whose tabs share their token storage."""

    policy: Policy = field(default_factory=Policy)
    now: float = NOW
    drawn: int = 0
    first: Session = field(default_factory=lambda: session(1, NOW - 10))

    def __post_init__(self):
        self.writes = [Stored(record(self.first), (self.first.refresh,), None)]
        self.storage = self.first
        self.pairs = [self.first]
        self.received = [self.first]
        self.requests = []
        self.answers = []

    @property
    def stored(self):
        return self.writes[-1]

    @property
    def current(self):
        return self.stored.record.sessions[0]

    def play(self, steps):
        """Let everything happen in that order."""
        for action, number, skew in steps:
            getattr(self, action)(number, skew)
            assert self.current.expires == self.first.expires

    def send(self, _number, skew):
        """Let a tab read the storage and ask for a refresh; without any grace, messages take no time."""
        self.requests.append((self.now, self.storage))
        if not self.policy.rotation_grace:
            self.arrive(-1, skew)

    def whole(self, _number, skew):
        """Refresh and use what comes, with nothing in between."""
        for step in (self.send, self.arrive, self.answer, self.use):
            step(-1, skew)

    def arrive(self, number, skew):
        """Let one of the requests under way, in any order, reach a host."""
        if not self.requests:
            return
        _, pair = self.requests.pop(number % len(self.requests))
        self.exchange(pair, skew)

    def answer(self, number, _skew):
        """Let one of the answers under way, however late, reach the browser: the newest pair is kept."""
        if self.answers:
            pair = self.answers.pop(number % len(self.answers))
            self.received.append(pair)
            self.storage = pair if pair.gen >= self.storage.gen else self.storage

    def lose(self, number, _skew):
        """Lose an answer on the way."""
        if self.answers:
            self.answers.pop(number % len(self.answers))

    def use(self, _number, skew):
        """Use the access token of the storage; where use may stay unseen, no host is asked."""
        if not self.policy.unseen_use:
            self.ask(self.storage, skew)

    def old_use(self, number, skew):
        """Use any access token that ever reached the browser."""
        self.ask(self.received[number % len(self.received)], skew)

    def stale(self, number, skew):
        """Refresh by an own old copy, while the current pair is unused or inside the grace."""
        since = self.current.rotated_at if self.policy.unseen_use else self.stored.since
        if len(self.stored.line) > 1 and (since is None or self.now + skew < since + self.policy.rotation_grace):
            self.exchange(self.received[number % len(self.received)], skew)

    def wait(self, number, _skew):
        """Let time pass; requests that are too long under way are given up."""
        self.now += WAITS[number]
        self.requests = [(sent, pair) for sent, pair in self.requests if self.now - sent <= LATENCY]

    def fail(self, number, _skew):
        """Let the store fail over and lose its last writes, though never the login."""
        del self.writes[max(1, len(self.writes) - number) :]

    def exchange(self, pair, skew):
        """Refresh by *pair* and send the answer on its way; where use may stay unseen, it arrives."""
        result = self.present(pair, skew)
        if result is not None:
            self.answers.append(result)
        if self.policy.unseen_use:
            self.answer(-1, skew)

    def ask(self, pair, skew):
        """Let a host check an access token and note its use; return the answer."""
        claims, now = access(pair), self.now + skew
        try:
            found = check(self.stored.record, claims, now, self.policy)
        except AuthError as error:
            return error.error
        if touch_due(found, claims.jti, now, self.policy):
            first = self.stored.since is None and found.gen > 0 and claims.jti == found.access
            touched = touch(self.stored.record, found.id, claims.jti, now).record
            self.writes.append(self.stored._replace(record=touched, since=now if first else self.stored.since))
        return "ok"

    def present(self, pair, skew, *, stolen=False):
        """Ask a host for a refresh; return the pair that it issues, or None."""
        self.drawn += 1
        successor = Successor(id_of("A", self.drawn), id_of("R", self.drawn))
        try:
            change = rotate(self.stored.record, refresh(pair), successor, self.now + skew, self.policy)
        except TokenRotated:
            return None
        if not stolen:
            assert change.refused is None, "an honest client was taken for a thief"
        if change.refused is not None:
            assert isinstance(change.refused, TokenReused)
            assert [ended.reason for ended in change.ended] == ["reuse_detected"]
            self.writes.append(self.stored._replace(record=change.record))
            return None
        if change.result.refresh == successor.refresh:
            self.writes.append(Stored(change.record, (*self.stored.line, successor.refresh), None))
            self.pairs.append(change.result)
        assert (change.result.access, change.result.refresh, change.result.gen) == (
            self.current.access,
            self.current.refresh,
            self.current.gen,
        )
        return change.result


@given(FAILING)
def test_honest_tabs_are_never_thieves(steps):
    """REF-03, REF-07: lost answers, late arrivals, failovers, clocks two seconds apart: no honest client is a thief."""
    World().play(steps)


@given(STEPS)
def test_a_session_survives_all_lost_answers(steps):
    """REF-07: where the store loses nothing, the next refresh and use always succeed, whatever was lost before."""
    world = World()
    world.play(steps)
    world.requests, world.answers = [], []
    for action in ("send", "arrive", "answer"):
        getattr(world, action)(-1, 0.0)
    assert world.storage == world.current or world.storage.gen == world.current.gen
    assert world.ask(world.storage, 0.0) == "ok"


@given(FAILING)
def test_no_grace_is_safe_where_messages_take_no_time(steps):
    """With grace 0 an answer may still be lost at any time: until the first use the parent brings it again."""
    World(Policy(rotation_grace=0.0)).play(steps)


@given(FAILING)
def test_unseen_use_is_safe_where_answers_arrive(steps):
    """Where use may stay unseen, tabs whose answers arrive within the grace after the rotation are never thieves."""
    World(Policy(unseen_use=True)).play(steps)


def test_unseen_use_costs_a_login_where_an_answer_is_lost():
    """Pay the stated price: where use may stay unseen, an answer lost for longer than the grace ends the session."""
    world = World(Policy(unseen_use=True))
    world.present(world.first, 0.0)
    world.now += world.policy.rotation_grace
    world.present(world.first, 0.0, stolen=True)
    assert not world.stored.record.sessions


@pytest.mark.parametrize("grace", [0.0, 10.0])
@given(steps=FAILING, copied=NUMBERS, later=st.sampled_from(WAITS))
def test_a_thief_is_caught(grace, steps, copied, later):
    """REF-03: an old refresh token, presented more than the grace after its successor's first use, ends the session.

    A copy that is still the current one or its honoured parent is not told from its owner, and brings the same pair;
    any other brings nothing.
    """
    world = World(Policy(rotation_grace=grace))
    world.play(steps)
    stolen = world.pairs[copied % len(world.pairs)]
    world.now += later
    line, since = world.stored.line, world.stored.since
    over = since is not None and world.now >= since + grace
    result = world.present(stolen, 0.0, stolen=True)
    if stolen.refresh in line[:-1] and over:
        assert not world.stored.record.sessions
    if stolen.refresh not in line[-2:]:
        assert result is None


def test_eleven_seconds_after_first_use():
    """REF-03: a thief who comes eleven seconds after the successor was first used is caught."""
    world = World()
    stolen = world.storage
    world.send(0, 0.0)
    world.arrive(0, 0.0)
    world.answer(0, 0.0)
    world.use(0, 0.0)
    world.now += 11
    assert world.present(stolen, 0.0, stolen=True) is None
    assert not world.stored.record.sessions


def test_owner_catches_a_thief_who_refreshed_first():
    """REF-03: where the thief was first, the owner's own old token ends the session of both."""
    world = World()
    theirs = world.present(world.storage, 0.0)
    world.ask(theirs, 0.0)
    world.now += 11
    assert world.present(world.storage, 0.0, stolen=True) is None
    assert not world.stored.record.sessions
