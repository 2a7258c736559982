"""What sessions should do, said once more and simply, in dicts: `testing.machine` compares every answer with it.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

OK = frozenset({"ok"})
OVER = frozenset({"session_idle", "session_expired", "session_ended", "token_expired"})
"""What may be said of a session that ended by itself: a later write may have tidied it away."""

LIMIT, IDLE, ABSOLUTE = 3, 100.0, 1000.0
GRACE, LEEWAY, FORKS = 10.0, 5.0, 6
OVERLAP = GRACE + LEEWAY
"""How long a pair counts once its successor was used."""
SURELY_KEPT = 16
"""So many endings of one subject are remembered with their reason."""


class Pair(NamedTuple):
    """A pair of tokens: the numbers of both, that of the refresh token before it, and how many pairs there were."""

    gen: int
    access: int
    refresh: int
    parent: int | None = None


@dataclass
class ModelSession:
    """One session; a token is known by the number that it was drawn with."""

    expires: float
    seen: float
    pair: Pair
    parent: Pair | None = None
    rotated_at: float | None = None
    used_at: float | None = None
    forks: int = 0
    forked_at: float | None = None
    data: dict[str, int] = field(default_factory=dict)

    @property
    def ends(self) -> float:
        """When it ends by itself."""
        return min(self.expires, self.seen + IDLE)

    def honours(self, pair: Pair, now: float) -> bool:
        """Whether an access token is good."""
        over = self.used_at is not None and now >= self.used_at + OVERLAP
        is_parent = self.parent is not None and pair.access == self.parent.access
        return pair.access == self.pair.access or (is_parent and not over)

    def use(self, pair: Pair, now: float) -> None:
        """Note a use of an access token."""
        self.seen = now
        if pair.access == self.pair.access:
            self.note_first_use(now)

    def note_first_use(self, now: float) -> None:
        """Note that the current pair is in use, where it is the first time since the last rotation."""
        if self.rotated_at is not None and self.used_at is None:
            self.used_at = now

    def refresh(self, pair: Pair, number: int, now: float) -> Pair | None:
        """Return the pair that a refresh token brings, the new ones with *number*; None for a theft."""
        if pair.refresh == self.pair.refresh:
            return self._again_or_next(number, now)
        parent = None if self.parent is None else self.parent.refresh
        if parent is None or (pair.refresh != parent and (pair.parent, pair.gen) != (parent, self.pair.gen)):
            return None
        if self.used_at is not None:
            return self.pair if now < self.used_at + OVERLAP else None
        if pair.refresh != parent:
            self.pair = self.pair._replace(access=number, refresh=pair.refresh)
            self.seen = self.used_at = now
            return self.pair
        return self._lost(number, now)

    def _again_or_next(self, number: int, now: float) -> Pair:
        since = self.rotated_at if self.used_at is None else self.used_at
        if since is not None and now < since + OVERLAP:
            self.note_first_use(now)
            return self.pair
        self.parent, self.pair = self.pair, Pair(self.pair.gen + 1, number, number, self.pair.refresh)
        self.seen = self.rotated_at = now
        self.used_at, self.forks, self.forked_at = None, 0, None
        return self.pair

    def _lost(self, number: int, now: float) -> Pair | None:
        """Return the current pair, or a fork of it once its answer is taken for lost."""
        drawn = self.rotated_at if self.forked_at is None else self.forked_at
        if drawn is not None and now < drawn + GRACE:
            return self.pair
        if self.forks == FORKS:
            return None
        self.pair = self.pair._replace(access=number, refresh=number)
        self.forks, self.forked_at, self.seen = self.forks + 1, now, now
        return self.pair


@dataclass
class ModelSubject:
    """One subject, as it should be."""

    sessions: dict[str, ModelSession] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    banned_until: float = 0.0

    def live(self, now: float) -> list[str]:
        """Return the live sessions, the oldest first."""
        return [sid for sid, session in self.sessions.items() if now < session.ends]

    def answers(self, sid: str, pair: Pair, expires: float, now: float) -> frozenset[str]:
        """Return what may be answered to an access token: "ok", or the ``error``."""
        refused = self.refusals(sid, expires, now)
        if refused is not None:
            return refused
        return OK if self.sessions[sid].honours(pair, now) else frozenset({"token_rotated"})

    def refusals(self, sid: str, expires: float, now: float) -> frozenset[str] | None:
        """Return what may be answered to any token of a session that is not live; None for a live one."""
        if now >= expires:
            return OVER | {"banned"}
        if now < self.banned_until:
            return frozenset({"banned"})
        session = self.sessions.get(sid)
        if session is None:
            return frozenset({"session_ended"})
        return OVER if now >= session.ends else None

    def admit(self, sid: str, pair: Pair, now: float) -> None:
        """Let a session in, and the oldest go."""
        live = self.live(now)
        self.end(live[: max(0, len(live) + 1 - LIMIT)], "evicted", now)
        self.sessions[sid] = ModelSession(now + ABSOLUTE, now, pair)

    def end(self, sids: Iterable[str], reason: str, now: float) -> int:
        """End those of the sessions that are live; return how many. What has ended by itself stays as it is."""
        doomed = [sid for sid in self.live(now) if sid in set(sids)]
        for sid in doomed:
            del self.sessions[sid]
            self.ended[sid] = reason
        return len(doomed)

    def reason_of(self, sid: str) -> str | None:
        """Return why a session has ended, as far as that is surely still known."""
        return self.ended.get(sid) if len(self.ended) + len(self.sessions) <= SURELY_KEPT else None
