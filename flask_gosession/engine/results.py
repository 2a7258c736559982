"""What the methods of the managers return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import asdict

from flask_gosession.session.record import Session, SubjectRecord
from flask_gosession.tokens.types import Claims, TokenPair


class Checked(msgspec.Struct, frozen=True):
    """A live session, the claims that pointed to it, the record that both were checked against, and the token's state.

    *expired*: the token has expired, and was accepted because its session lives in cookies and it came in one. *kept*:
    this process found all this earlier, and has heard of no change since. *stale*: the store did not answer, and the
    session is one that it confirmed within ``OUTAGE_GRACE``.
    """

    session: Session
    claims: Claims
    record: SubjectRecord
    expired: bool = False
    kept: bool = False
    stale: bool = False


class LiveSession(Session, frozen=True, array_like=True):
    """A session as `SessionManager.check` found it, with its token's claims; seconds count from that moment."""

    subject: str = ""
    jti: str = ""
    """The id of the token that was checked."""
    token_seconds_left: float = 0
    """Until the token expires, if the session does not end sooner: negative within the leeway."""
    session_seconds_left: float = 0
    """Until the session ends if it is not used again: the earlier of its idle and absolute timeout."""


def live_session(checked: Checked, now: float, *, dated: bool) -> LiveSession:
    """Return what was checked, with the seconds left; *dated*: whether its token says when it ends."""
    session, claims = checked.session, checked.claims
    token_ends = claims.expires_at if dated else session.ends
    told: dict[str, Any] = {"token_seconds_left": token_ends - now, "session_seconds_left": session.ends - now}
    return LiveSession(**asdict(session), subject=claims.subject, jti=claims.jti_text, **told)


class Renewed(NamedTuple):
    """The claims of a renewed access token, and the user it was renewed for; None for the user without a loader."""

    claims: Claims
    user: Any


class SessionEnd(msgspec.Struct, frozen=True):
    """A session has ended, in whatever process."""

    subject: str
    sid: str
    reason: str
    """One of `errors.Reason`, or one that only a newer version knows."""
    at: float
    """When, as a Unix time."""
    client: str | None = None
    """The class of the client whose login or call ended it, if one did."""
    message: str | None = None
    """What to tell the person, if a message was given."""


class Revocation(msgspec.Struct, frozen=True):
    """How many live sessions were ended, and whether as many replicas as required know it."""

    count: int
    confirmed: bool


Inspect = Callable[[TokenPair], None]
"""Sees tokens before anything is written, and may raise."""


def accept(_pair: TokenPair) -> None:
    """Accept any tokens."""
