"""Which tokens must be valid at each moment, by what the clients were told; every answer is held against it.

The rules, by number: 1, a login that was answered 200 stays usable; 2, what was answered as ended stays ended;
3, never two live sessions in single mode; 4, never another user's identity; 5, nothing half-written outlives its time.
0 is everything that no client may be told at all.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

NOT_ANSWERED = 0
"""Stands for the status where a connection ended without an answer."""

STILL_RUNS = 5.0
"""Seconds that a worker may go on with a request that its client has given up."""


class Answer(NamedTuple):
    """One answer of the app, or that there was none."""

    path: str
    status: int
    began: float
    ended: float
    inside: float
    """Seconds that the app itself took."""
    body: Any = None
    confirmed: bool = True

    @property
    def is_good(self) -> bool:
        return self.status in (200, 204)


class Violation(NamedTuple):
    """Something that must not be."""

    rule: int
    what: str
    at: float


class Allowance(NamedTuple):
    """What a fault may cost; most may cost nothing."""

    statuses: frozenset[int] = frozenset({200, 204, 401, 503})
    loses: bool = False
    """The store may lose sessions (documented): then the answer is 401."""
    returns: bool = False
    """The store may bring back what it held before, except what was confirmed."""


@dataclass(eq=False)
class Session:
    """One session as its client knows it; times are those of one monotonic clock."""

    subject: str
    access: str
    refresh: str
    opened: float
    known: float
    doubted: float | None = None
    """Since when something is under way that may end it."""
    ended: float | None = None
    """Since when everybody must refuse it."""
    lost: bool = False
    good: float = 0.0
    """When the last check began that said it is live."""

    def must_live(self, answer: Answer) -> bool:
        return not self.lost and self.ended is None and (self.doubted is None or self.doubted > answer.ended)

    def must_be_ended(self, answer: Answer) -> bool:
        return self.ended is not None and answer.began > self.ended

    def doubt(self, since: float) -> None:
        self.doubted = since if self.doubted is None else min(since, self.doubted)


@dataclass(eq=False)
class Attempt:
    """A login under way, or one that is over."""

    subject: str
    began: float
    ended: float | None = None

    def overlaps(self, other: Attempt) -> bool:
        ends, others = self.ended or float("inf"), other.ended or float("inf")
        return self.began < others and other.began < ends


@dataclass
class Model:
    """What all clients together know."""

    allows: Allowance = field(default_factory=Allowance)
    violations: list[Violation] = field(default_factory=list)
    lost: int = 0
    """Sessions that the store has lost, where it may."""
    _sessions: dict[str, list[Session]] = field(default_factory=lambda: defaultdict(list))
    _attempts: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def sessions(self) -> list[Session]:
        with self._lock:
            return [session for sessions in self._sessions.values() for session in sessions]

    def logging_in(self, subject: str, now: float, *, single: bool) -> Attempt:
        """Note that a login is about to be sent; in single mode it may end every other session from now on."""
        attempt = Attempt(subject, now)
        if single:
            with self._lock:
                self._attempts[subject].append(attempt)
                for session in self._sessions[subject]:
                    session.doubt(now)
        return attempt

    def logged_in(self, attempt: Attempt, answer: Answer, *, single: bool) -> Session | None:
        """Note the answer to a login, and return the session that it began."""
        with self._lock:
            attempt.ended = answer.ended + (STILL_RUNS if answer.status == NOT_ANSWERED else 0)
            self._judge(answer)
            if answer.status != 200:
                return None
            tokens = answer.body["access_token"], answer.body["refresh_token"]
            session = Session(attempt.subject, *tokens, opened=answer.began, known=answer.ended)
            if single:
                self._evict(attempt, session)
            self._sessions[attempt.subject].append(session)
            return session

    def _evict(self, attempt: Attempt, new: Session) -> None:
        others = [one for one in self._attempts[attempt.subject] if one is not attempt and one.overlaps(attempt)]
        if others:
            new.doubt(new.opened)
        for session in self._sessions[attempt.subject]:
            if session.known <= attempt.began and session.ended is None and not self.allows.returns:
                session.ended = new.known

    def checked(self, session: Session, answer: Answer) -> None:
        """Judge what an access token of *session* was answered."""
        with self._lock:
            self._judge(answer)
            self._judge_life(session, answer)
            if answer.status != 200:
                return
            if answer.body["sub"] != session.subject:
                self._violated(4, f"{session.subject} is taken for {answer.body['sub']}", answer)
            session.good = max(session.good, answer.began)
            self._judge_single(session, answer)

    def refreshed(self, session: Session, answer: Answer) -> None:
        """Judge the answer to a refresh, and take the new pair."""
        with self._lock:
            self._judge(answer)
            self._judge_life(session, answer)
            if answer.status == 200:
                session.access, session.refresh = answer.body["access_token"], answer.body["refresh_token"]

    def logging_out(self, session: Session, now: float) -> None:
        """Note that a logout is about to be sent."""
        with self._lock:
            session.doubt(now)

    def logged_out(self, session: Session, answer: Answer) -> bool:
        """Note the answer to a logout; return whether it holds for ever."""
        with self._lock:
            self._judge(answer)
            if not (answer.is_good and answer.confirmed):
                return False
            session.ended = session.ended or answer.ended
            return True

    def found(self, rule: int, what: str, now: float) -> None:
        """Note what somebody else has found."""
        with self._lock:
            self.violations.append(Violation(rule, what, now))

    def _judge(self, answer: Answer) -> None:
        if answer.status not in self.allows.statuses:
            self._violated(0, f"{answer.path} was answered {answer.status}: {str(answer.body)[:200]}", answer)

    def _judge_life(self, session: Session, answer: Answer) -> None:
        if answer.is_good and session.must_be_ended(answer):
            self._violated(2, f"{answer.path} accepts an ended session of {session.subject}", answer)
        if answer.status == 401 and session.must_live(answer):
            session.lost = True
            self.lost += 1
            if not self.allows.loses:
                self._violated(1, f"{answer.path} refuses a live session of {session.subject}: {answer.body}", answer)

    def _judge_single(self, session: Session, answer: Answer) -> None:
        """In single mode one of two sessions ends at the latest with the login that was answered last."""
        if self.allows.returns or session.subject not in self._attempts:
            return
        for other in self._sessions[session.subject]:
            both = max(session.known, other.known)
            if other is not session and session.good > both and other.good > both:
                self._violated(3, f"two sessions of {session.subject} are live", answer)

    def _violated(self, rule: int, what: str, answer: Answer) -> None:
        self.violations.append(Violation(rule, what, answer.began))
