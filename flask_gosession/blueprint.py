"""The optional ready-made endpoints: refresh, sign out, list and end sessions, keys, introspection, the script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from importlib.resources import files
from typing import Any, NamedTuple, Protocol, cast

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from flask.sansio.app import App

from flask_gosession.config import DEFAULT_REALM
from flask_gosession.context import State, Visit, state_of, visit_of
from flask_gosession.decorators import Guards, public
from flask_gosession.document import describe
from flask_gosession.errors import AuthError, BadRequest, ConfigError, InvalidClient, InvalidCredentials, InvalidRequest
from flask_gosession.introspection import introspect
from flask_gosession.manager import Revocation
from flask_gosession.session.device import valid_client
from flask_gosession.session.record import Session
from flask_gosession.tokens.types import TokenPair
from flask_gosession.transport import json_of

SCRIPT = "gosession.js"


class Realm(Protocol):
    """What the endpoints ask of the extension."""

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


class _Route(NamedTuple):
    """One endpoint of the blueprint."""

    name: str
    rule: str
    method: str
    view: Callable[..., Any]


class SessionBlueprint(Blueprint):
    """Stands at ``GOSESSION_URL_PREFIX``, unless it is registered elsewhere; the refresh cookie goes there, too."""

    realm: str

    def register(self, app: App, options: dict[str, Any]) -> None:
        """Register the endpoints on *app*."""
        state = state_of(self.realm, cast("Flask", app))
        prefix: str = options.get("url_prefix") or state.config.url_prefix
        state.transport.jar.follow(prefix)
        super().register(app, {**options, "url_prefix": prefix})


def make_blueprint(
    realm: Realm,
    *,
    name: str | None = None,
    leave_out: Collection[str] = (),
    introspection_auth: Callable[[], bool | Awaitable[bool]] | None = None,
) -> Blueprint:
    """Return a blueprint with the endpoints of *realm*, without those that *leave_out* names.

    ``login`` is there when a credential verifier was registered before; ``introspect`` needs *introspection_auth*,
    plain or async, which returns True when the current request comes from a service that may ask; anything else it
    returns is a no. Raises ConfigError for unknown names.
    """
    routes = _Endpoints(realm, introspection_auth).routes()
    left_out = {leave_out} if isinstance(leave_out, str) else set(leave_out)
    unknown = left_out - {route.name for route in routes} - {"login", "introspect", "openapi"}
    if unknown:
        raise ConfigError(f"There is no endpoint {', '.join(sorted(unknown))} to leave out.")
    realm_name = "gosession" if realm.name == DEFAULT_REALM else f"gosession_{realm.name}"
    blueprint = SessionBlueprint(name or realm_name, __name__)
    blueprint.realm = realm.name
    kept = [route for route in routes if route.name not in left_out]
    for route in kept:
        blueprint.add_url_rule(route.rule, route.name, route.view, methods=[route.method])
    if "openapi" not in left_out:
        names = {route.name for route in kept} | {"openapi"}
        blueprint.add_url_rule("/openapi.json", "openapi", public(lambda: _document(realm.name, names)))
    return blueprint


def _document(realm: str, names: Collection[str]) -> dict[str, Any]:
    prefix = request.script_root + request.path.removesuffix("/openapi.json")
    return describe(state_of(realm), names, url=prefix or "/")


class _Endpoints:
    """The views, over one realm."""

    def __init__(self, realm: Realm, introspection_auth: Callable[[], bool | Awaitable[bool]] | None) -> None:
        self._realm = realm
        self._introspection_auth = introspection_auth

    def routes(self) -> list[_Route]:
        """Return the endpoints that can be had."""
        guard = self._guard
        routes = [
            _Route("refresh", "/refresh", "POST", self.refresh),
            _Route("logout", "/logout", "POST", self.logout),
            _Route("logout_all", "/logout-all", "POST", guard(self.logout_all)),
            _Route("logout_others", "/logout-others", "POST", guard(self.logout_others)),
            _Route("session", "/session", "GET", guard(self.session)),
            _Route("sessions", "/sessions", "GET", guard(self.sessions)),
            _Route("revoke_session", "/sessions/<sid>", "DELETE", guard(self.revoke_session)),
            _Route("jwks", "/jwks.json", "GET", self.jwks),
            _Route("revoke", "/revoke", "POST", self.revoke),
            _Route("script", f"/{SCRIPT}", "GET", self.script),
        ]
        if self._introspection_auth is not None:
            routes.append(_Route("introspect", "/introspect", "POST", self.introspect))
        if self._realm.verifies_credentials:
            routes.append(_Route("login", "/login", "POST", self.login))
        return routes

    def _guard(self, view: Callable[..., Any]) -> Callable[..., Any]:
        guarded = Guards(self._realm.name).login_required(view)
        # The default realm's `protect` is not to ask here for a login of its own, too.
        return guarded if self._realm.name == DEFAULT_REALM else public(guarded)

    @property
    def _visit(self) -> Visit:
        return visit_of(self._realm.name)

    @property
    def _state(self) -> State:
        return state_of(self._realm.name)

    @public
    def login(self) -> Any:
        """Sign in with the credentials that the app's verifier accepts."""
        body = _login_body(json_of(request))
        self._require_own_page()
        user = self._realm.verify_credentials(body["username"], body["password"])
        if user is None or user is False:
            raise InvalidCredentials
        pair = self._realm.login_user(user, client=body["client"], remember=body["remember"])
        return jsonify(pair.to_dict())

    @public
    def refresh(self) -> Any:
        """Rotate the refresh token and answer with the new pair."""
        return jsonify(self._realm.refresh().to_dict())

    @public
    def logout(self) -> Any:
        """End the session of the request, by either token."""
        self._realm.logout_user()
        return "", 204

    def logout_all(self) -> Any:
        """End all sessions of the person, this one too."""
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
        if visit.renewed is not None:
            exp = now + visit.renewed.expires_in
        visit.uncached = True
        return jsonify(exp=exp, session_expires_at=int(session.expires), now=now)

    def sessions(self) -> Any:
        """List the live sessions of the person."""
        visit = self._visit
        current = visit.authenticate().session
        visit.uncached = True
        found = visit.state.manager.sessions(current.subject)
        return jsonify(sessions=[{**describe_session(one), "current": one.sid == current.sid} for one in found])

    def revoke_session(self, sid: str) -> Any:
        """End one session of the person."""
        current = self._visit.authenticate().session
        if sid == current.sid:
            return self.logout()
        ended = self._state.manager.revoke(
            current.subject, sid, "logged_out", client=current.client, ip=request.remote_addr or ""
        )
        self._visit.confirmed = ended.confirmed
        return "", 204

    @public
    def jwks(self) -> Any:
        """Publish the public keys (RFC 7517 section 5)."""
        keyring = getattr(self._state.manager.codec, "keyring", None)
        answer = jsonify(keyring.jwks() if keyring is not None else {"keys": []})
        answer.cache_control.public = True
        answer.cache_control.max_age = 300
        return answer

    @public
    def revoke(self) -> Any:
        """End the session of the token in the form (RFC 7009); an unknown token is no error."""
        try:
            ended = self._state.manager.logout(_token_of_form(), device=self._state.device(request))
        except AuthError:
            return "", 200
        self._visit.confirmed = ended.confirmed
        return "", 200

    @public
    def introspect(self) -> Any:
        """Tell an authorised service what the token in the form is worth (RFC 7662)."""
        assert self._introspection_auth is not None  # noqa: S101 - the route is not there without
        visit = self._visit
        visit.uncached = True
        # A truthy answer that means no, such as a response or a coroutine, must not open this.
        if current_app.ensure_sync(self._introspection_auth)() is not True:
            raise InvalidClient
        return jsonify(introspect(visit.state.manager, _token_of_form()))

    @public
    def script(self) -> Response:
        """Send the browser module."""
        source = files("flask_gosession").joinpath("static", SCRIPT).read_bytes()
        answer = Response(source, mimetype="text/javascript")
        answer.add_etag()
        answer.cache_control.no_cache = True
        answer.make_conditional(request)
        return answer

    def _require_own_page(self) -> None:
        """Refuse a login that another site sends, where it would leave cookies in the browser."""
        if "cookie" in self._state.config.token_locations and self._state.config.csrf:
            self._state.transport.require_own_origin(request)

    def _ended(self, ended: Revocation) -> Any:
        visit = self._visit
        visit.confirmed, visit.uncached = visit.confirmed and ended.confirmed, True
        return jsonify(ended=ended.count)


def describe_session(session: Session) -> dict[str, Any]:
    """Return what a person may see of a session; times are Unix seconds."""
    return {
        "sid": session.sid,
        "client": session.client,
        "label": session.label,
        "ip": session.ip,
        "agent": session.agent,
        "created": int(session.created),
        "last_seen": int(session.seen),
        "expires": int(session.expires),
        "remember": session.remember,
        "actor": session.act.subject if session.act else None,
    }


def _login_body(body: Any) -> dict[str, Any]:
    """Return the fields of a login; raises BadRequest, also for text that no UTF-8 can write."""
    given = {"client": "web", "remember": False, **(body if isinstance(body, dict) else {})}
    valid_client(given["client"])
    if not all(_is_text(given.get(name)) for name in ("username", "password")) or type(given["remember"]) is not bool:
        raise BadRequest("The body is a JSON object: username and password are texts, remember is true or false.")
    return given


def _is_text(value: object) -> bool:
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
