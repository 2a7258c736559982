"""Verdicts of this process: the results of checks, kept for as long as no change could have gone unnoticed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from flask_gosession.engine.lease import Lease
from flask_gosession.engine.results import Checked
from flask_gosession.engine.token_memory import TokenMemory

LATEST_CHANGES = 256
"""How many announcements may arrive during one read of the store before its outcome is discarded."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What was found about a token."""

    checked: Checked
    until: float
    """The earliest moment (Unix seconds) at which it changes by time alone."""
    began: float
    """When its read began, by the timer."""


class Ticket(NamedTuple):
    """When a read of the store began, and what had been heard by then."""

    began: float
    gaps: int
    changes: int


class Verdicts:
    """Keeps the last *size* verdicts, each for *max_stale* seconds, for as long as *lease* holds."""

    def __init__(
        self,
        lease: Lease,
        *,
        size: int,
        max_stale: float,
        timer: Callable[[], float] = time.monotonic,
        on_hit: Callable[[float], None] | None = None,
    ) -> None:
        """Call *on_hit* with the age, in seconds, of each verdict that was found."""
        self._lease = lease
        self._max_stale = max_stale
        self._timer = timer
        self._on_hit = on_hit
        self._memory: TokenMemory[Verdict] = TokenMemory(size, lambda verdict: verdict.checked.claims.subject)
        self._latest: deque[str] = deque(maxlen=LATEST_CHANGES)
        self._gaps = self._changes = 0
        lease.on_change.append(self._forget)
        lease.on_gap.append(self._forget_all)

    def __len__(self) -> int:
        return len(self._memory)

    def find(self, token: str, now: float) -> Checked | None:
        """Return the verdict on *token* at *now* (Unix seconds), or None if only the store knows."""
        if not self._lease.holds():
            return None
        verdict = self._memory.get(token)
        if verdict is None or now >= verdict.until:
            return None
        age = self._timer() - verdict.began
        if age >= self._max_stale:
            return None
        if self._on_hit is not None:
            self._on_hit(age)
        return verdict.checked

    def begin(self) -> Ticket:
        """Return a ticket for `keep`; read the store after this."""
        return Ticket(self._timer(), self._gaps, self._changes)

    def keep(self, ticket: Ticket, token: str, checked: Checked, until: float) -> None:
        """Keep what was read since *ticket* was drawn, unless a change was heard or may have been missed meanwhile."""
        subject = checked.claims.subject
        # The age counts from before the read: what was true when it began may be false when it ends.
        verdict = Verdict(checked, until, ticket.began)
        self._memory.put(token, verdict, still=lambda: self._is_untouched(subject, ticket))

    def _is_untouched(self, subject: str, ticket: Ticket) -> bool:
        since = self._changes - ticket.changes
        if ticket.gaps != self._gaps or since > LATEST_CHANGES:
            return False
        latest = list(self._latest)  # in one step of the interpreter: others append to it
        return subject not in latest[max(len(latest) - since, 0) :]  # one may be counted and not yet noted

    def _forget(self, subject: str) -> None:
        # Noted first: a thread about to keep a verdict finds the note, or has kept the verdict and it is dropped now.
        # Counted before it is noted: a thread that looks in between sees one change too many, never one too few.
        self._changes += 1
        self._latest.append(subject)
        self._memory.drop_subject(subject)

    def _forget_all(self) -> None:
        self._gaps += 1
        self._memory.clear()
