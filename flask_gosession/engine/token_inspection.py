"""What a token says, and whether it opens a session or why not: for an operator who was given one."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from flask_gosession.engine.inspection import SessionView, view_session
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AuthError
from flask_gosession.session.record import Session
from flask_gosession.session.rotate import Successor, rotate
from flask_gosession.tokens.types import Claims, TokenType


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a token. Times are Unix seconds."""

    verified: bool
    """Whether it is one of ours. If not, anybody may have written the claims, and they prove nothing."""
    live: bool
    """Whether it would be accepted now: an access token for a request, a refresh token for a refresh."""
    type: str | None
    """``access`` or ``refresh``; None if it is not verified."""
    header: Mapping[str, Any]
    """The header of a JWT: ``alg``, ``kid``, ``typ``."""
    claims: Mapping[str, Any]
    error: str | None = None
    """Why it would not be accepted: the text that a request would get."""
    message: str | None = None
    reason: str | None = None
    """Why the session has ended."""
    at: float | None = None
    """When it ended."""
    by_client: str | None = None
    """The class of the client that ended it."""
    session: SessionView | None = None
    """The session it belongs to, if that is live, whether or not this token is good."""


def inspect_token(manager: SessionManager, token: str) -> TokenView:
    """Return what *token* says, and whether it is accepted; this does not count as use. Raises StoreUnavailable."""
    header = _json_part(token, 0)
    try:
        claims = manager.claims(token, allow_expired=True)
    except AuthError as error:
        return _refused(error, verified=False, live=False, type=None, header=header, claims=_json_part(token, 1))
    said: dict[str, Any] = {"type": claims.type.value, "header": header, "claims": _plain(claims)}
    session = _session_of(manager, claims)
    try:
        _require_good(manager, token, claims)
    except AuthError as error:
        return _refused(error, verified=True, live=False, session=session, **said)
    return TokenView(verified=True, live=True, session=session, **said)


def _require_good(manager: SessionManager, token: str, claims: Claims) -> None:
    """Raise the error that a request with this token would get."""
    manager.codec.decode(token, claims.type, manager.clock())
    if claims.type is TokenType.ACCESS:
        manager.authenticate(token, used=False)
        return
    record = manager.holder(token, TokenType.REFRESH).record
    # The rule of a refresh is tried out; nothing is written.
    successor = Successor(manager.codec.seed(), partial(manager.codec.pair_ids, claims.sid))
    change = rotate(record, claims, successor, manager.clock(), manager.policy)
    if change.refused is not None:
        raise change.refused


def _session_of(manager: SessionManager, claims: Claims) -> SessionView | None:
    now = manager.clock()
    session: Session | None = manager.records.read(claims.subject).record.session(claims.sid)
    return view_session(session, now, manager.policy) if session is not None and session.ends > now else None


def _refused(error: AuthError, **known: Any) -> TokenView:
    return TokenView(
        error=error.error, message=error.message, reason=error.reason, at=error.at, by_client=error.client, **known
    )


def _plain(claims: Claims) -> dict[str, Any]:
    """Return what a verified token says, under the names that its claims have in a JWT."""
    said = {
        "sub": claims.subject,
        "sid": claims.sid_text,
        "jti": claims.jti_text,
        "gen": claims.gen,
        "iat": claims.issued_at,
        "exp": claims.expires_at,
        "auth_time": claims.auth_time,
        "client": claims.client,
        "par": claims.parent_text,
    }
    return {**{name: value for name, value in said.items() if value or name == "gen"}, **claims.extra}


def _json_part(token: str, index: int) -> dict[str, Any]:
    """Return the header or the claims of a JWT, unverified; empty for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        value = json.loads(urlsafe_b64decode(parts[index] + "=" * (-len(parts[index]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
