"""What sessions should do, said once more and simply, in dicts: `testing.machine` compares every answer with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

OK = frozenset({"ok"})
OVER = frozenset({"session_idle", "session_expired", "session_ended", "token_expired"})
"""What may be said of a session that ended by itself: a later write may have tidied it away."""

LIMIT, IDLE, ABSOLUTE, GRACE = 3, 100.0, 1000.0, 10.0
SURELY_KEPT = 16
"""So many endings of one subject are remembered with their reason."""


@dataclass
class ModelSession:
    """One session; a token is known by the number of rotations before it."""

    expires: float
    seen: float
    gen: int = 0
    rotated: bool = False
    used_at: float | None = None
    data: dict[str, int] = field(default_factory=dict)

    @property
    def ends(self) -> float:
        """When it ends by itself."""
        return min(self.expires, self.seen + IDLE)

    def honours(self, gen: int, now: float) -> bool:
        """Whether a token of that number is good."""
        return gen == self.gen or (gen == self.gen - 1 and self.in_grace(now))

    def in_grace(self, now: float) -> bool:
        """Whether the tokens before the last rotation may still come."""
        return self.rotated and (self.used_at is None or now < self.used_at + GRACE)

    def use(self, gen: int, now: float) -> None:
        """Note a use by a token of that number."""
        self.seen = now
        if self.rotated and self.used_at is None and gen == self.gen:
            self.used_at = now


@dataclass
class ModelSubject:
    """One subject, as it should be."""

    sessions: dict[str, ModelSession] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    banned_until: float = 0.0

    def live(self, now: float) -> list[str]:
        """Return the live sessions, the oldest first."""
        return [sid for sid, session in self.sessions.items() if now < session.ends]

    def answers(self, sid: str, gen: int, expires: float, now: float) -> frozenset[str]:
        """Return what may be answered to an access token: "ok", or the ``error``."""
        if now >= expires:
            return OVER | {"banned"}
        if now < self.banned_until:
            return frozenset({"banned"})
        session = self.sessions.get(sid)
        if session is None:
            return frozenset({"session_ended"})
        if now >= session.ends:
            return OVER
        return OK if session.honours(gen, now) else frozenset({"token_rotated"})

    def refresh_answers(self, sid: str, gen: int, expires: float, now: float) -> frozenset[str]:
        """Return what may be answered to a refresh token."""
        answers = self.answers(sid, gen, expires, now)
        if answers != {"token_rotated"}:
            return answers
        return answers if self.sessions[sid].in_grace(now) else frozenset({"token_reused"})

    def admit(self, sid: str, now: float) -> None:
        """Let a session in, and the oldest go."""
        live = self.live(now)
        self.end(live[: max(0, len(live) + 1 - LIMIT)], "evicted", now)
        self.sessions[sid] = ModelSession(expires=now + ABSOLUTE, seen=now)

    def rotate(self, sid: str, gen: int, now: float) -> None:
        """Make a new pair of tokens, unless it was a parent that came again."""
        session = self.sessions[sid]
        if gen == session.gen:
            session.gen, session.rotated, session.used_at, session.seen = gen + 1, True, None, now

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
