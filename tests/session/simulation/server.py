"""The server of the model: one session in one record, over the project's own rules."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from flask_gosession.errors import AuthError, TokenReused, TokenRotated
from flask_gosession.session.check import check, is_first_use, touch
from flask_gosession.session.confirm import confirm
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Session, SubjectRecord
from flask_gosession.session.rotate import Answer, Successor, rotate
from flask_gosession.tokens.types import Claims, PairIds, TokenType
from session.build import SUBJECT, record, session

LIFETIME = 900.0
JITTER = 0.25
FOR_EVER = 1e9
KEPT_WRITES = 6


class Pair(NamedTuple):
    """The tokens that a client holds, and between which times the access token is good by itself."""

    gen: int
    access: bytes
    refresh: bytes
    parent: bytes | None
    issued: float
    ends: float


class Server:
    """One session from a login at 0; `ended` is why it is over, the others say what clients have been told."""

    def __init__(self, chance: Random, policy: Policy) -> None:
        self.policy = policy
        self._chance = chance
        self._drawn = 0
        first = session(1, 0.0, idle=FOR_EVER, expires=FOR_EVER)
        self._writes = [record(first)]
        self.first = self._issue(first, 0.0)
        self.ended: str | None = None
        self.answers: dict[Answer, int] = dict.fromkeys(Answer, 0)

    @property
    def overlap(self) -> float:
        """How long a superseded pair is honoured once its successor was used."""
        return self.policy.overlap

    def check(self, pair: Pair, now: float) -> str:
        """Use an access token by a clock that says *now*: `ok`, `moved` or `gone`."""
        found = self._writes[-1]
        claims = Claims(SUBJECT, found.sessions[0].id, pair.access, TokenType.ACCESS) if found.sessions else None
        if claims is None:
            return "gone"
        try:
            used = check(found, claims, now, self.policy)
        except TokenRotated:
            return "moved"
        if is_first_use(used, pair.access):
            self._write(touch(found, used.id, pair.access, now).record)
        return "ok"

    def refresh(self, pair: Pair, now: float) -> Pair | None:
        """Present a refresh token; None where it brings nothing, or ends the session."""
        found = self._writes[-1]
        if not found.sessions:
            return None
        claims = Claims(SUBJECT, found.sessions[0].id, pair.refresh, TokenType.REFRESH, pair.gen, parent=pair.parent)
        change = rotate(found, claims, self._successor(), now, self.policy)
        self._write(change.record)
        self.answers[change.result.answer] += 1
        if isinstance(change.refused, TokenReused):
            self.ended = "theft"
        return None if change.refused else self._issue(change.result.session, now)

    def confirm(self, pair: Pair, now: float) -> Pair | None:
        """Show the credentials again with an access token; None where that is not good any more."""
        found = self._writes[-1]
        claims = Claims(SUBJECT, found.sessions[0].id, pair.access, TokenType.ACCESS)
        try:
            change = confirm(found, claims, self._successor(), now, self.policy)
        except AuthError:
            return None
        self._write(change.record)
        return self._issue(change.result, now)

    def lose_writes(self, count: int) -> None:
        """Fail over to a replica that lacks the last writes; the login it has."""
        del self._writes[max(1, len(self._writes) - count) :]

    def _write(self, changed: SubjectRecord) -> None:
        if changed is not self._writes[-1]:
            self._writes.append(changed)
            if len(self._writes) > KEPT_WRITES:
                del self._writes[1]

    def _successor(self) -> Successor:
        self._drawn += 1
        return Successor(self._drawn.to_bytes(15, "big"), _pair_ids)

    def _issue(self, of: Session, now: float) -> Pair:
        life = LIFETIME * (1 - JITTER * self._chance.random())
        return Pair(of.gen, of.access, of.refresh or b"", of.parent_refresh, now, now + life)


def moved_to(pair: Pair, now: float) -> Pair:
    """Return the pair with its times by the client's own clock."""
    return pair._replace(issued=now, ends=now + pair.ends - pair.issued)


def _pair_ids(_parent: bytes | None, seed: bytes) -> PairIds:
    return PairIds(b"a" + seed, b"r" + seed)
