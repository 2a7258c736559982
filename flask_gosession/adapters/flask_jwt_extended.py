"""Flask-JWT-Extended with revocable sessions: use `RevocableJWTManager` in place of its ``JWTManager``."""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import flask_jwt_extended
from flask import Flask, Response, after_this_request, current_app, g, has_request_context, request, request_started
from flask_jwt_extended.config import config as jwt_config

from flask_gosession import ids
from flask_gosession.adapters import legacy
from flask_gosession.adapters.legacy import Credential
from flask_gosession.config import DEFAULT_REALM
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Revocation
from flask_gosession.errors import AnsweredError, AuthError, ConfigError, SessionEnded
from flask_gosession.web.state import State, state_of

_Claims = Mapping[str, Any]
"""What a verified token says."""

_DISPATCHED = "_gosession_dispatched"


@dataclass
class _Login:
    """A sign-in that a view may be in the middle of: the tokens it has made for one subject."""

    sid: str
    tokens: list[str] = field(default_factory=list)

    def is_in(self, response: Response) -> bool:
        """Whether any of them leaves with *response*; assumed of one whose body cannot be searched."""
        if response.is_streamed or response.direct_passthrough or "Content-Encoding" in response.headers:
            return True
        body, headers = response.get_data(), response.headers.values()
        return any(token.encode() in body or any(token in value for value in headers) for token in self.tokens)

    def ends(self, latest: float) -> float:
        """Return when the last of them expires, or *latest* if one never does."""
        return max(float(_claims_of(token).get("exp", latest)) for token in self.tokens)


class RevocableJWTManager(flask_jwt_extended.JWTManager):
    """Flask-JWT-Extended's own manager, whose logins are sessions of the realm *realm*.

    It issues the same tokens, with the id of a session added (``sid``), and refuses them once that session has ended. A
    token that leaves with the answer of the view that made it signs its subject in; one made within a signed-in request
    joins that session. Others, for mail links, jobs or other subjects, make no session. Earlier tokens are honoured
    until ``GOSESSION_LEGACY_UNTIL``, which has no default.
    """

    def __init__(
        self, app: Flask | None = None, add_context_processor: bool = False, *, realm: str = DEFAULT_REALM
    ) -> None:
        self.realm = realm
        self._blocklist: Callable[[dict[str, Any], dict[str, Any]], bool] | None = None
        super().__init__(app, add_context_processor)

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        """Set it up for *app*. Raises ConfigError without ``GOSESSION_LEGACY_UNTIL``."""
        if app.config.get("GOSESSION_LEGACY_UNTIL") is None:
            raise ConfigError(
                "GOSESSION_LEGACY_UNTIL is not set: say until when tokens are honoured that Flask-JWT-Extended has "
                "issued before, such as now and JWT_REFRESH_TOKEN_EXPIRES; a moment that has passed honours none."
            )
        super().init_app(app, add_context_processor)
        request_started.connect(self._note_dispatch, app)

    def end_session(self) -> Revocation:
        """End the session of the token of this request, for a logout view; every token of it is refused from now on.

        So is a token that is honoured without a session, as from a link in a mail; the result does not count it.
        """
        claims = flask_jwt_extended.get_jwt()
        subject, sid = _subject(claims), _sid(claims) or _from_before(claims).sid(self._state)
        return self._sessions.revoke(subject, sid, ip=self._state.device(request).ip)

    @property
    def _state(self) -> State:
        return state_of(self.realm)

    @property
    def _sessions(self) -> SessionManager:
        return self._state.manager

    @property
    def _token_in_blocklist_callback(self) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
        return self._is_revoked

    @_token_in_blocklist_callback.setter
    def _token_in_blocklist_callback(self, callback: Callable[[dict[str, Any], dict[str, Any]], bool]) -> None:
        self._blocklist = callback

    def _is_revoked(self, header: dict[str, Any], claims: dict[str, Any]) -> bool:
        """Whether the app's own blocklist, or the record, says so. Raises StoreError."""
        if self._blocklist is not None and self._blocklist(header, claims):
            return True
        try:
            self._require_honoured(claims)
        except (AuthError, ValueError):  # or it names a subject that cannot be
            return True
        return False

    def _require_honoured(self, claims: _Claims) -> None:
        """Raise the AuthError that says why a verified token is refused."""
        if not _is_ours(claims):
            self._adopt(claims)
            return
        subject, sid = _subject(claims), _sid(claims)
        if sid is not None:
            try:
                self._sessions.session(subject, sid, used=True)
            except SessionEnded:
                if not self._sessions.is_honoured(subject, sid):
                    raise
            else:
                return
        self._sessions.require_current(subject, _issued(claims))

    def _adopt(self, claims: _Claims) -> str:
        """Begin the session of an earlier token, only once; return its id. Raises SessionEnded after the date."""
        state = self._state
        ends = max(float(claims.get("exp", state.config.legacy_until or 0.0)), state.manager.clock() + 1)
        return legacy.adopt(state, request, _from_before(claims, ends), until=ends)

    def _encode_jwt_from_config(
        self,
        identity: Any,
        token_type: str,
        claims: Any = None,
        fresh: Any = False,
        expires_delta: Any = None,
        headers: Any = None,
    ) -> str:
        subject = str(self._user_identity_callback(identity))
        login = self._login_of(subject)
        sid = login.sid if login else self._joined(subject)
        named = {**(claims or {}), "sid": sid}
        token = super()._encode_jwt_from_config(identity, token_type, named, fresh, expires_delta, headers)
        if login is not None:
            login.tokens.append(token)
        return token

    def _joined(self, subject: str) -> str | None:
        """Return the id of the session of the request's token, for another token of its subject; otherwise None."""
        presented = g.get("_jwt_extended_jwt") or {}
        if not presented or _subject(presented) != subject:
            return None
        return _sid(presented) if _is_ours(presented) else self._adopt(presented)

    def _login_of(self, subject: str) -> _Login | None:
        """Return the sign-in of *subject* that this request may be; None outside a request, or if it has a token."""
        if not has_request_context() or _DISPATCHED not in vars(request) or g.get("_jwt_extended_jwt"):
            return None
        logins: dict[str, _Login] | None = g.get("_gosession_logins")
        if logins is None:
            logins = g._gosession_logins = {}
            after_this_request(self._settle)
        return logins.setdefault(subject, _Login(ids.to_text(ids.new_id())))

    def _settle(self, response: Response) -> Response:
        """Sign in the subjects whose tokens leave with the answer, and honour tokens that go other ways, as by mail."""
        try:
            for subject, login in g.pop("_gosession_logins").items():
                self._settle_one(subject, login, response)
        except AnsweredError as error:
            error.realm = self.realm
            return current_app.make_response(current_app.handle_user_exception(error))
        return response

    def _settle_one(self, subject: str, login: _Login, response: Response) -> None:
        manager = self._sessions
        ends = login.ends(manager.clock() + manager.policy.longest_lifetime)
        if login.is_in(response):
            longer = max(ends, manager.clock() + manager.policy.absolute_timeout)
            manager.adopt(subject, sid=login.sid, expires=longer, device=self._state.labelled_device(request))
        else:
            manager.honour(subject, sid=login.sid, until=ends)

    @staticmethod
    def _note_dispatch(_app: Flask, **_: Any) -> None:
        """Note that an answer will leave; a context made by hand, in a test or a job, has none."""
        vars(request)[_DISPATCHED] = True


def _is_ours(claims: _Claims) -> bool:
    """Whether a token says which session it belongs to, or that it belongs to none."""
    return "sid" in claims and (claims["sid"] is None or ids.from_text(claims["sid"]) is not None)


def _sid(claims: _Claims) -> str | None:
    return claims["sid"] if _is_ours(claims) else None


def _subject(claims: _Claims) -> str:
    return str(claims[jwt_config.identity_claim_key])


def _from_before(claims: _Claims, ends: float = math.inf) -> Credential:
    """Return the credential in an earlier token; *ends* is when it expires."""
    evidence = claims.get("jti") or json.dumps(claims, sort_keys=True, default=str)
    return Credential("flask_jwt_extended", _subject(claims), str(evidence), _issued(claims), ends)


def _issued(claims: _Claims) -> float:
    return float(claims.get("iat", 0))


def _claims_of(token: str) -> _Claims:
    """Return the claims of a token that we have just made."""
    payload = token.split(".")[1]
    claims: _Claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
