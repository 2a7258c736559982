"""What an authorised service may learn about a token (RFC 7662)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from flask_gosession.config import Config
from flask_gosession.endpoints.bodies import Actor, Introspection
from flask_gosession.engine.results import Checked
from flask_gosession.errors import AuthError, InvalidRequest, TokenRotated, UserNotFound
from flask_gosession.session import check as checks
from flask_gosession.session.claims import is_json
from flask_gosession.session.device import Device
from flask_gosession.session.record import Session
from flask_gosession.session.rotate import decide
from flask_gosession.tokens.types import Claims, TokenType
from flask_gosession.web.binding import has_moved
from flask_gosession.web.state import State


def introspect(state: State, token: str, client: Device | None) -> dict[str, Any]:
    """Return the answer of RFC 7662 section 2.2 for a token of either type, after one look at the store.

    If anything is wrong with the token, its session, its user or the place of its *client*, the answer is only "not
    active". It does not count as use. An access token brings the app's own claims. Raises StoreUnavailable.
    """
    try:
        claims = state.manager.claims(token)
        session = _live(state, claims, client)
    except AuthError:
        return _json(Introspection(active=False))
    given = session.extra_claims if claims.type is TokenType.ACCESS else None
    # A damaged record, or one of an older release, may hold values that JSON cannot carry.
    own = {name: value for name, value in (given or {}).items() if is_json(value)}
    answer = Introspection(
        active=True,
        token_type="Bearer" if claims.type is TokenType.ACCESS else "refresh_token",
        sub=claims.subject,
        sid=claims.sid_text,
        client=session.client,
        iat=claims.issued_at or int(session.created),
        exp=claims.expires_at or int(session.ends),
        auth_time=UNSET if session.actor else int(checks.authenticated_by(session, claims)),
        act=UNSET if session.actor is None else Actor(session.actor.subject),
    )
    return {**own, **_json(answer)}


def client_of(form: Mapping[str, str], config: Config) -> Device | None:
    """Return the client that a service asks about, or None if the form lacks something that sessions are bound to.

    Raises InvalidRequest if the lacking part is required.
    """
    unsaid = [bound for bound in config.binding if bound not in form]
    if unsaid and config.binding_action == "refuse":
        raise InvalidRequest(f"The form needs the client's {' and '.join(unsaid)}: its session may be bound to that.")
    return None if unsaid else Device(form.get("ip", ""), form.get("agent", ""))


def _json(body: Introspection) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(body)
    return fields


def _live(state: State, claims: Claims, client: Device | None) -> Session:
    manager = state.manager
    now, record = manager.clock(), manager.records.read(claims.subject).record
    if claims.type is TokenType.ACCESS:
        session = checks.check(record, claims, now, manager.policy)
    else:
        session = checks.live_session(record, claims.sid, now)
        if not decide(session, claims, now, manager.policy).brings_tokens:
            raise TokenRotated
    manager.actors.require(claims.subject, session)
    if client is not None:
        has_moved(Checked(session, claims, record), client, manager, state.config)
    if manager.users.has_loader and manager.users.of(record) is None:
        raise UserNotFound
    return session
