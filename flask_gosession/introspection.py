"""What an authorised service may learn about a token (RFC 7662)."""

from __future__ import annotations

from typing import Any

from flask_gosession.errors import AuthError, TokenRotated, UserNotFound
from flask_gosession.manager import SessionManager
from flask_gosession.session import check as checks
from flask_gosession.session.record import Session
from flask_gosession.tokens.types import Claims, TokenType

INACTIVE: dict[str, Any] = {"active": False}


def introspect(manager: SessionManager, token: str) -> dict[str, Any]:
    """Return the answer of RFC 7662 section 2.2 for a token of either type, after one look at the store.

    Whatever is wrong with the token, its session or its user, it is just not active. To be asked about is not to be
    used: that is not written down. An access token brings the app's own claims. Raises StoreUnavailable.
    """
    try:
        claims = manager.claims(token)
        session = _live(manager, claims)
    except AuthError:
        return INACTIVE
    own = session.claims if claims.type is TokenType.ACCESS else None
    answer = {
        **(own or {}),
        "active": True,
        "token_type": "Bearer" if claims.type is TokenType.ACCESS else "refresh_token",
        "sub": claims.subject,
        "sid": claims.sid_text,
        "client": session.client,
        "iat": claims.issued_at or int(session.created),
        "exp": claims.expires_at or int(session.ends),
        "auth_time": int(session.authenticated),
    }
    return answer if session.act is None else {**answer, "act": {"sub": session.act.subject}}


def _live(manager: SessionManager, claims: Claims) -> Session:
    now, record = manager.clock(), manager.subjects.read(claims.subject).record
    if claims.type is TokenType.ACCESS:
        session = checks.check(record, claims, now, manager.policy)
    else:
        session = checks.live_session(record, claims.sid, now)
        honoured = claims.jti == session.parent_refresh and checks.parent_honoured(session, now, manager.policy)
        if claims.jti != session.refresh and not honoured:
            raise TokenRotated
    manager.require_actor(session, now)
    if manager.users.has_loader and manager.users.of(record) is None:
        raise UserNotFound
    return session
