"""The optional ready-made endpoints: refresh, sign out, list and end sessions, keys, introspection, the script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial, update_wrapper
from importlib.resources import files
from typing import Any, Protocol, TypeGuard, cast

import msgspec
from flask import Blueprint, Flask, Response, current_app, jsonify, request
from flask.sansio.app import App

from flask_gosession.config import DEFAULT_REALM
from flask_gosession.endpoints import session_events
from flask_gosession.endpoints.bodies import Credentials, EndedCount, KeySet, SessionEntry, SessionList, SessionTimes
from flask_gosession.endpoints.body_limit import require_small_body
from flask_gosession.endpoints.introspection import client_of, introspect
from flask_gosession.endpoints.openapi import describe
from flask_gosession.endpoints.routes import EVENTS_SCRIPT, ROUTES, SCRIPT, Route
from flask_gosession.engine.results import Revocation
from flask_gosession.errors import AuthError, BadRequest, ConfigError, InvalidClient, InvalidCredentials, InvalidRequest
from flask_gosession.session.arguments import read_remember
from flask_gosession.session.names import is_subject, valid_client
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.key_schedule import JWKS_MAX_AGE
from flask_gosession.tokens.types import TokenPair
from flask_gosession.web.decorators import Guards, public
from flask_gosession.web.state import State, state_of
from flask_gosession.web.transport import json_of
from flask_gosession.web.visit import Visit, visit_of

LOGIN_BODY = (
    "The body is a JSON object, sent as application/json: username and password are strings, remember is true or false."
)


class Realm(Protocol):
    """What the endpoints need from the extension."""

    name: str

    @property
    def verifies_credentials(self) -> bool:
        """Whether a credential verifier is registered."""
        ...

    def verify_credentials(self, username: str, password: str) -> Any:
        """Return the user whose credentials these are, or None."""
        ...

    def login_user(self, subject: str | int | object, *, client: str = "web", remember: bool = False) -> TokenPair:
        """Sign *subject* in."""
        ...

    def refresh(self) -> TokenPair:
        """Rotate the refresh token of the request."""
        ...

    def logout_user(self) -> Revocation:
        """End the session of the request."""
        ...


class SessionBlueprint(Blueprint):
    """Is at ``GOSESSION_URL_PREFIX``, unless registered elsewhere; the path of the refresh cookie follows it."""

    realm: str

    def register(self, app: App, options: dict[str, Any]) -> None:
        """Register the endpoints on *app*."""
        state = state_of(self.realm, cast("Flask", app))
        prefix: str = options.get("url_prefix") or state.config.url_prefix
        state.transport.jar.follow(prefix)
        state.blueprints.append(self)
        super().register(app, {**options, "url_prefix": prefix})


def make_blueprint(
    realm: Realm,
    *,
    name: str | None = None,
    leave_out: Collection[str] = (),
    introspection_auth: Callable[[], bool | Awaitable[bool]] | None = None,
    require_fresh: bool = False,
) -> Blueprint:
    """Return a blueprint with the endpoints of *realm*, without those that *leave_out* names.

    *require_fresh*: to list the sessions of an account, or end any but one's own, a login within ``FRESH_LIFETIME`` is
    needed, so a stolen token can do neither. ``login`` is there when a credential verifier was registered before;
    ``introspect`` needs *introspection_auth*, plain or async, which returns True when the current request comes from a
    service that may ask; anything else it returns is a no. Raises ConfigError for unknown names.
    """
    left_out = {leave_out} if isinstance(leave_out, str) else set(leave_out)
    unknown = left_out - {route.name for route in ROUTES}
    if unknown:
        raise ConfigError(f"There is no endpoint {', '.join(sorted(unknown))} to leave out.")
    absent = {"login": not realm.verifies_credentials, "introspect": introspection_auth is None}
    routes = [route for route in ROUTES if route.name not in left_out and not absent.get(route.name)]
    realm_name = "gosession" if realm.name == DEFAULT_REALM else f"gosession_{realm.name}"
    blueprint = SessionBlueprint(name or realm_name, __name__)
    blueprint.realm = realm.name
    blueprint.before_request(require_small_body)
    views = _Endpoints(realm, introspection_auth, {route.name for route in routes}, require_fresh=require_fresh)
    for route in routes:
        blueprint.add_url_rule(route.rule, route.name, views.view_of(route), methods=[route.method])
    return blueprint


class _Endpoints:
    """The views, over one realm; each has the name of its route."""

    def __init__(
        self,
        realm: Realm,
        introspection_auth: Callable[[], bool | Awaitable[bool]] | None,
        names: Collection[str],
        *,
        require_fresh: bool,
    ) -> None:
        self._realm = realm
        self._guards = Guards(realm.name)
        self._requires_fresh = require_fresh
        self._introspection_auth = introspection_auth
        self._names = names

    def view_of(self, route: Route) -> Callable[..., Any]:
        """Return the view of *route*, which requires a login if the route takes an access token."""
        view: Callable[..., Any] = getattr(self, route.name)
        if route.token != "access" or not route.is_use:
            # A method cannot be marked; others, such as Flask-Limiter, identify a view by its name.
            return public(update_wrapper(partial(view), view))
        fresh = self._requires_fresh and route.fresh == "all"
        guarded = self._guards.login_required(fresh=fresh, level="strict")(view)
        # The default realm's `protect` must not require a login of its own here.
        return guarded if self._realm.name == DEFAULT_REALM else public(guarded)

    @property
    def _visit(self) -> Visit:
        return visit_of(self._realm.name)

    @property
    def _state(self) -> State:
        return state_of(self._realm.name)

    def login(self) -> Any:
        """Sign in with the credentials that the app's verifier accepts."""
        body = _login_body(json_of(request))
        self._require_own_page()
        user = self._realm.verify_credentials(body.username, body.password)
        # The name itself may be the user, and a verifier may pass any name that comes with the right password.
        if user is None or user is False or (user == body.username and not is_subject(user)):
            raise InvalidCredentials
        pair = self._realm.login_user(user, client=body.client, remember=body.remember)
        return jsonify(pair.to_dict())

    def refresh(self) -> Any:
        """Rotate the refresh token and answer with the new pair."""
        return jsonify(self._realm.refresh().to_dict())

    def logout(self) -> Any:
        """End the session of the request, by either token."""
        self._realm.logout_user()
        return "", 204

    def logout_all(self) -> Any:
        """End all sessions of the person, including this one."""
        session = self._visit.authenticate().session
        ended = self._state.manager.revoke_all(session.subject, client=session.client, ip=request.remote_addr or "")
        self._realm.logout_user()
        return self._ended(ended)

    def logout_others(self) -> Any:
        """End all sessions of the person but this one."""
        session = self._visit.authenticate().session
        return self._ended(
            self._state.manager.revoke_all(
                session.subject, but=session.sid, client=session.client, ip=request.remote_addr or ""
            )
        )

    def session(self) -> Any:
        """Say when the access token and the session end, by the server's clock."""
        visit = self._visit
        session, now = visit.authenticate().session, int(visit.state.manager.clock())
        exp = session.claims.expires_at or int(session.record.ends)
        if visit.reply.renewed is not None:
            exp = now + visit.reply.renewed.expires_in
        visit.reply.forbid_caching()
        return _json(SessionTimes(exp=exp, session_expires_at=int(session.expires), now=now))

    def sessions(self) -> Any:
        """List the live sessions of the person."""
        visit = self._visit
        current = visit.authenticate().session
        visit.reply.forbid_caching()
        found = visit.state.manager.sessions(current.subject)
        return _json(SessionList([SessionEntry.of(one, current=one.sid == current.sid) for one in found]))

    def revoke_session(self, sid: str) -> Any:
        """End one session of the person."""
        current = self._visit.authenticate().session
        if sid == current.sid:
            return self.logout()
        if self._requires_fresh:
            self._guards.require_fresh()
        ended = self._state.manager.revoke(
            current.subject, sid, "logged_out", client=current.client, ip=request.remote_addr or ""
        )
        self._visit.reply.report_confirmation(confirmed=ended.confirmed)
        return "", 204

    def jwks(self) -> Any:
        """Publish the public keys (RFC 7517 section 5)."""
        codec = self._state.manager.codec
        answer = _json(KeySet(codec.current_keyring().jwks()["keys"] if isinstance(codec, JWTCodec) else []))
        answer.cache_control.public = True
        answer.cache_control.max_age = JWKS_MAX_AGE
        return answer

    def revoke(self) -> Any:
        """End the session of the token in the form (RFC 7009); an unknown token is not an error."""
        try:
            ended = self._state.manager.logout(_token_of_form(), device=self._state.device(request))
        except AuthError:
            return "", 200
        self._visit.reply.report_confirmation(confirmed=ended.confirmed)
        return "", 200

    def introspect(self) -> Any:
        """Tell an authorised service whether the token in the form is active (RFC 7662)."""
        assert self._introspection_auth is not None  # noqa: S101 - without it there is no such route
        visit = self._visit
        visit.reply.forbid_caching()
        # A truthy answer that means no, such as a response or a coroutine, must not open this.
        if current_app.ensure_sync(self._introspection_auth)() is not True:
            raise InvalidClient
        client = client_of(request.form, visit.state.config)
        return jsonify(introspect(visit.state, _token_of_form(), client))

    def events(self) -> Response:
        """Wait for the end of the session, or answer that it is live."""
        return session_events.answer(self._visit, request)

    def script(self) -> Response:
        """Send the browser module."""
        return _module(SCRIPT)

    def events_script(self) -> Response:
        """Send the module that waits for the end of the session."""
        return _module(EVENTS_SCRIPT)

    def openapi(self) -> Any:
        """Describe the registered endpoints."""
        prefix = request.script_root + request.path.removesuffix("/openapi.json")
        return jsonify(describe(self._state, self._names, url=prefix or "/", require_fresh=self._requires_fresh))

    def _require_own_page(self) -> None:
        """Refuse a login from another site that would leave cookies in the browser."""
        if "cookie" in self._state.config.token_locations and self._state.csrf.enabled:
            self._state.csrf.require_own_origin(request)

    def _ended(self, ended: Revocation) -> Any:
        reply = self._visit.reply
        reply.report_confirmation(confirmed=reply.confirmed and ended.confirmed)
        reply.forbid_caching()
        return _json(EndedCount(ended.count))


def _module(name: str) -> Response:
    """Return a JavaScript module that browsers revalidate, and rarely load again."""
    answer = Response(
        files("flask_gosession.endpoints").joinpath("static", name).read_bytes(), mimetype="text/javascript"
    )
    answer.add_etag()
    answer.cache_control.no_cache = True
    answer.make_conditional(request)
    return answer


def _json(body: msgspec.Struct) -> Response:
    """Return *body* as the app writes JSON."""
    return jsonify(msgspec.to_builtins(body))


def _login_body(body: Any) -> Credentials:
    """Return the fields of a login; raises BadRequest, also for text that UTF-8 cannot encode."""
    given = body if isinstance(body, dict) else {}
    client = valid_client(given.get("client", "web"))
    username, password = given.get("username"), given.get("password")
    if not (_is_text(username) and _is_text(password)):
        raise BadRequest(LOGIN_BODY)
    try:
        return Credentials(username, password, client, read_remember(given.get("remember", False)))
    except ValueError as error:
        raise BadRequest(LOGIN_BODY) from error


def _is_text(value: object) -> TypeGuard[str]:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _token_of_form() -> str:
    token = request.form.get("token")
    if not token:
        raise InvalidRequest
    return token
