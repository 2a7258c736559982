"""Records, sessions and claims for tests, each made of as few words as possible."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from flask_gosession.errors import AuthError
from flask_gosession.session.check import check
from flask_gosession.session.device import Device
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import MAJOR, Actor, Session, SubjectRecord
from flask_gosession.session.rotate import Successor, rotate
from flask_gosession.tokens.types import Claims, PairIds, TokenType

NOW = 1_800_000_000.0
DAY = 86_400.0
POLICY = Policy()
SUBJECT = "anna"
BEHIND = Actor("root", b"R" * 16)


def id_of(kind: str, *numbers: int) -> bytes:
    """Return sixteen bytes that stand for one id."""
    return ":".join([kind, *map(str, numbers)]).encode().ljust(16, b".")


def session(number: int = 1, at: float = NOW, **fields: Any) -> Session:
    """Return the session of that number, as a login at *at* makes it."""
    made = Session(
        id=id_of("sid", number),
        access=id_of("a", number, 0),
        refresh=id_of("r", number, 0),
        gen=0,
        created=at,
        authenticated=at,
        seen=at,
        expires=at + 30 * DAY,
        idle=7 * DAY,
        access_lifetime=900.0,
    )
    return replace(made, **fields)


def record(*sessions: Session, **fields: Any) -> SubjectRecord:
    """Return a stored record with those sessions."""
    return SubjectRecord(MAJOR, SUBJECT, 7, sessions, **fields)


def access(of: Session, **fields: Any) -> Claims:
    """Return what the session's current access token says."""
    return replace(Claims(SUBJECT, of.id, of.access, TokenType.ACCESS, of.gen, parent=of.parent_refresh), **fields)


def refresh(of: Session, **fields: Any) -> Claims:
    """Return what the session's current refresh token says."""
    claims = Claims(SUBJECT, of.id, of.refresh or b"", TokenType.REFRESH, of.gen, parent=of.parent_refresh)
    return replace(claims, **fields)


def successor(*numbers: int, device: Device = Device()) -> Successor:  # noqa: B008 - a frozen value
    """Return a pair to come whose ids are those numbers."""
    return Successor(id_of("", *numbers), _pair_ids, device)


def rotated(of: SubjectRecord, now: float, *, number: int = 1, policy: Policy = POLICY) -> SubjectRecord:
    """Return the record after the session of that number was refreshed by its current token."""
    old = of.session(id_of("sid", number))
    assert old is not None
    return rotate(of, refresh(old), successor(number, old.gen + 1), now, policy).record


def _pair_ids(_parent: bytes | None, seed: bytes) -> PairIds:
    return PairIds((b"a" + seed)[:16], (b"r" + seed)[:16])


def sids(of: SubjectRecord) -> list[int]:
    """Return the numbers of the sessions in the record, in order."""
    return [int(each.id.rstrip(b".").split(b":")[1]) for each in of.sessions]


def live(of: SubjectRecord, now: float) -> list[Session]:
    """Return the sessions that are not over."""
    return [each for each in of.sessions if each.ends > now]


def verdict(of: SubjectRecord, claims: Claims, now: float, policy: Policy = POLICY) -> tuple[Any, ...]:
    """Return the answer to an access token: `ok`, or the error's name and all its evidence."""
    try:
        check(of, claims, now, policy)
    except AuthError as error:
        return error.error, error.reason, error.at, error.client, error.message
    return ("ok",)
