"""The Flask extension: sets a realm up for an app, signs people in and out, and hands out the decorators."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import wraps
from typing import Any, Generic, TypeVar, cast, overload

from flask import Blueprint, Flask, current_app, request
from msgspec.structs import replace

from flask_gosession import answers, ids
from flask_gosession.assembly import assemble
from flask_gosession.binding import has_moved
from flask_gosession.blueprint import make_blueprint
from flask_gosession.config import DEFAULT_REALM, Config
from flask_gosession.context import (
    EXTENSION,
    CurrentSession,
    Identity,
    State,
    Visit,
    current_session,
    current_user,
    finish,
    session_of,
    state_of,
    user_of,
    visit_of,
)
from flask_gosession.decorators import Guards
from flask_gosession.errors import AnsweredError, AuthError, ConfigError, CSRFFailed, TokenMissing, UserNotFound
from flask_gosession.manager import Checked, Revocation, SessionManager
from flask_gosession.openapi import security_of, security_schemes
from flask_gosession.redirects import safe_next
from flask_gosession.session.device import valid_subject
from flask_gosession.session.policy import OnLimit
from flask_gosession.tokens.types import Claims, TokenPair, TokenType
from flask_gosession.transport import Extractor, Presented

U = TypeVar("U")
Handler = Callable[[AnsweredError], Any]
F = TypeVar("F", bound=Callable[..., Any])


class GoSession(Generic[U]):
    """Revocable sessions for Flask apps; one object may serve several apps, and several realms one app.

    *name* is the realm: ``GoSession(name="admin")`` reads ``GOSESSION_REALMS["admin"]`` over the common settings, and
    its tokens, keys and cookies open nothing elsewhere. *user_loader* maps a subject to a user, or None when there is
    no such user; given here, it types `current_user`. *clock* returns Unix seconds.
    """

    @overload
    def __init__(
        self: GoSession[Any],
        app: Flask | None = None,
        *,
        name: str = DEFAULT_REALM,
        user_loader: None = None,
        extractor: Extractor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None: ...

    @overload
    def __init__(
        self,
        app: Flask | None = None,
        *,
        name: str = DEFAULT_REALM,
        user_loader: Callable[[str], Awaitable[U | None]],
        extractor: Extractor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None: ...

    @overload
    def __init__(
        self,
        app: Flask | None = None,
        *,
        name: str = DEFAULT_REALM,
        user_loader: Callable[[str], U | None],
        extractor: Extractor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None: ...

    def __init__(
        self,
        app: Flask | None = None,
        *,
        name: str = DEFAULT_REALM,
        user_loader: Callable[[str], Any] | None = None,
        extractor: Extractor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._clock = clock
        self._extractor = extractor
        self._user_loader = user_loader
        self._subject_getter: Callable[[Any], Any] | None = None
        self._claims_loader: Callable[[str], Any] | None = None
        self._verifier: Callable[[str, str], Any] | None = None
        self._handlers: dict[str | None, Handler] = {}
        self._states: list[State] = []
        self._without_login = False
        guards = Guards(name)
        self.login_required = guards.login_required
        self.fresh_login_required = guards.fresh_login_required
        self.roles_required = guards.roles_required
        self.permissions_required = guards.permissions_required
        self.protect = guards.protect
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set this realm up for *app*; changes of the configuration after this call have no effect.

        Raises ConfigError with every problem at once, and when the realm is set up for the app already.
        """
        states: dict[str, State] = app.extensions.setdefault(EXTENSION, {})
        if self.name in states:
            raise ConfigError(
                f"The realm {self.name!r} is set up for this app already: pass the app to GoSession(app) or to "
                "init_app(app), not to both; give a second realm a name of its own, GoSession(name=...)."
            )
        state = assemble(app, self.name, clock=self._clock, extractor=self._extractor)
        _refuse_shared(states, state)
        state.handlers = self._handlers
        self._use_loader(state)
        if not states:
            answers.register(app)
            app.after_request(finish)
        if self.name == DEFAULT_REALM:
            app.context_processor(_template_names)
        states[self.name] = state
        self._states.append(state)

    def user_loader(self, loader: F) -> F:
        """Register the function, plain or async, that maps a subject to a user, or None when there is no such user.

        It returns a dict, a dataclass or a msgspec Struct with what views need; that is cached for ``USER_TTL``.
        """
        self._user_loader = loader
        for state in self._states:
            self._use_loader(state)
        return loader

    def subject_getter(self, getter: F) -> F:
        """Register the function, plain or async, that returns the subject of a user object, for `login_user`."""
        self._subject_getter = getter
        return getter

    def claims_loader(self, loader: F) -> F:
        """Register the function, plain or async, that maps a subject to claims for the access tokens of each login.

        Their holder can read them. Claims that are given to `login_user` come beside them, and win.
        """
        self._claims_loader = loader
        return loader

    def credential_verifier(self, verifier: F) -> F:
        """Register the function that maps user name and password to what `login_user` takes, or None.

        A blueprint that is made afterwards has a login endpoint. The function should take as long for a name that does
        not exist. Raises ConfigError when a blueprint was made before, without that endpoint.
        """
        if self._without_login:
            raise ConfigError(
                "Register the credential verifier before calling blueprint(), which otherwise has no login endpoint; "
                'leave_out=["login"] says that it shall have none.'
            )
        self._verifier = verifier
        return verifier

    @property
    def verifies_credentials(self) -> bool:
        """Whether a credential verifier is registered."""
        return self._verifier is not None

    def verify_credentials(self, username: str, password: str) -> Any:
        """Return what the credential verifier says of these credentials."""
        if self._verifier is None:
            raise RuntimeError("No credential verifier is registered: use @gosession.credential_verifier.")
        return current_app.ensure_sync(self._verifier)(username, password)

    def blueprint(
        self,
        *,
        name: str | None = None,
        leave_out: Collection[str] = (),
        introspection_auth: Callable[[], bool | Awaitable[bool]] | None = None,
    ) -> Blueprint:
        """Return a blueprint with ready-made endpoints, to be registered on the app; see `make_blueprint`."""
        self._without_login = self._verifier is None and "login" not in leave_out
        return make_blueprint(self, name=name, leave_out=leave_out, introspection_auth=introspection_auth)

    def openapi_security_schemes(self) -> dict[str, Any]:
        """Return the ``components.securitySchemes`` of an OpenAPI document for the current app."""
        return security_schemes(state_of(self.name))

    def openapi_security(self, view: Callable[..., Any]) -> list[dict[str, list[str]]]:
        """Return the ``security`` of an operation, from the decorators on its view and from `protect`.

        Ask with the view as it is registered: in ``app.view_functions``, or what the decorators returned.
        """
        return security_of(view, state_of(self.name))

    def error_handler(self, code: str | None = None) -> Callable[[F], F]:
        """Register the function that answers errors of this realm, all of them or those whose ``error`` is *code*.

        For one blueprint only, register a handler for `AuthError` there, as Flask does it.
        """
        if code is not None and not isinstance(code, str):
            raise ConfigError('error_handler is called: @gosession.error_handler(), or with the text of one "error".')

        def register(handler: F) -> F:
            self._handlers[code] = handler
            return handler

        return register

    @property
    def manager(self) -> SessionManager:
        """The session manager of the current app."""
        return state_of(self.name).manager

    @property
    def current_user(self) -> U:
        """The user of the current request; None on a public page when nobody is signed in."""
        return cast("U", user_of(self.name))

    @property
    def current_session(self) -> CurrentSession:
        """The session of the current request; None on a public page when nobody is signed in."""
        return cast("CurrentSession", session_of(self.name))

    def login_user(
        self,
        subject: str | int | object,
        *,
        client: str = "web",
        remember: bool = False,
        lifetime: float | None = None,
        idle: float | None = None,
        access_lifetime: float | None = None,
        claims: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        limit: int | None = None,
        on_limit: OnLimit | None = None,
        authenticated: float | None = None,
        cookies: bool | None = None,
    ) -> TokenPair:
        """Sign in *subject* (a str or int; other objects through `subject_getter`) and return the tokens.

        The app has checked the credentials. The session that the request was presented with ends. *cookies*: whether
        the tokens go to the browser as cookies and not into the body; by default, where cookies are the configured
        transport, or where they are one of several and *client* is ``"web"``. For the rest see `SessionManager.login`.
        Raises TypeError for an object without a subject, Banned, SessionLimit, and CSRFFailed when another site
        would put its own account's cookies into the browser (login CSRF), or end the session of the cookies there.
        """
        visit = visit_of(self.name)
        name, here = self._subject_of(subject), visit.state.labelled_device(request)
        if cookies is None:
            cookies = _by_cookies(visit.state.config, client)
        presented = _presented(visit)[:1]
        # The session that a cookie brings ends by this, which another site must not bring about, either.
        if visit.state.config.csrf and (cookies or any(one.location == "cookie" for one, _ in presented)):
            visit.state.transport.require_own_origin(request)
        pair = visit.state.manager.login(
            name,
            client=client,
            device=here,
            remember=remember,
            lifetime=lifetime,
            idle=idle,
            access_lifetime=access_lifetime,
            claims=self._claims_of(name, claims),
            data=data,
            limit=limit,
            on_limit=on_limit,
            authenticated=authenticated,
            presented=next((claims for _, claims in presented), None),
            inspect=visit.state.transport.jar.check_size if cookies else _fits,
        )
        return _hand_out(visit, pair, cookies=cookies)

    def impersonate(self, subject: str | int | object, *, cookies: bool | None = None, **options: Any) -> TokenPair:
        """Sign the current user in as *subject*; the session says who is behind it and ends when either's ends."""
        visit = visit_of(self.name)
        actor = visit.authenticate().session.checked
        here = visit.state.labelled_device(request)
        if cookies is None:
            cookies = visit.authenticate().location == "cookie"
        inspect = visit.state.transport.jar.check_size if cookies else _fits
        name = self._subject_of(subject)
        options["claims"] = self._claims_of(name, options.get("claims"))
        pair = visit.state.manager.impersonate(actor, name, device=here, inspect=inspect, **options)
        return _hand_out(visit, pair, cookies=cookies)

    def refresh(self) -> TokenPair:
        """Rotate the refresh token of the request and return the new pair; it leaves as the old one came."""
        visit = visit_of(self.name)
        manager, transport = visit.state.manager, visit.state.transport
        kind = TokenType.REFRESH if manager.codec.refreshable else TokenType.ACCESS
        presented = visit.read(kind)
        if presented is None:
            raise TokenMissing
        if presented.location == "cookie":
            transport.require_meant(request, presented, manager.claims(presented.token))
        here = visit.state.device(request)
        if visit.state.config.binding:
            has_moved(manager.holder(presented.token, kind), here, manager, visit.state.config)
        pair = manager.refresh(presented.token, device=here)
        return _hand_out(visit, pair, cookies=presented.location == "cookie")

    def logout_user(self) -> Revocation:
        """End the session of the request, by whichever token it brings, also an expired one, and unset the cookies.

        Nobody signed in is no error. Raises CSRFFailed for a cookie that the page did not mean to send, and
        StoreUnavailable, with the cookies kept: nobody is told that they are signed out who is not.
        """
        visit = visit_of(self.name)
        manager, location, ended = visit.state.manager, "cookie", Revocation(0, confirmed=True)
        found = _presented(visit)[:1]
        for presented, claims in found:
            visit.state.transport.require_meant(request, presented, claims)
            ended = manager.logout(presented.token, device=visit.state.device(request))
            location = presented.location
        # The cookies of somebody else than the token that was sent on purpose are not ours to take, and another site
        # that the browser sends no cookies for must not take them either.
        visit.unset = location == "cookie" and "cookie" in visit.state.config.token_locations
        visit.unset = visit.unset and bool(found or _from_own_page(visit))
        visit.uncached, visit.confirmed = True, ended.confirmed
        visit.become(Identity(visit.state, error=TokenMissing()))
        return ended

    def confirm_login(self) -> None:
        """Note that the person has shown their credentials again: the session is fresh, and bound to here, from now."""
        visit = visit_of(self.name)
        identity = visit.authenticate()
        checked = identity.session.checked
        session = visit.state.manager.confirm(checked, device=visit.state.labelled_device(request))
        identity.session.checked = Checked(session, checked.claims, checked.record)
        identity.moved = False
        if identity.location == "cookie" and visit.state.manager.codec.refreshable:
            visit.renewed = visit.state.manager.issuer.access_only(
                checked.claims.subject, session, session.authenticated
            )

    def authenticate_token(self, token: str) -> CurrentSession:
        """Return the session of an access token that came by another way, such as a WebSocket's first message.

        Raises what `login_required` raises. Works outside of a request.
        """
        state = state_of(self.name)
        checked = state.manager.authenticate(token)
        if state.manager.users.of(checked.record) is None:
            raise UserNotFound
        return CurrentSession(checked, state.config.data_cap)

    def safe_next(self, default: str = "/") -> str:
        """Return where the request's ``next`` parameter leads, if that is on this host."""
        return safe_next(request.args.get("next") or request.form.get("next"), default)

    def csrf_token(self) -> str:
        """Return the CSRF value of the current session for a form field; empty when nobody is signed in."""
        visit = visit_of(self.name)
        session = session_of(self.name)
        return visit.state.transport.csrf_value(session.record.id) if session else ""

    def _subject_of(self, user: object) -> str:
        if isinstance(user, (str, int)) and not isinstance(user, bool):
            return valid_subject(user)
        if self._subject_getter is None:
            raise TypeError(
                f"login_user takes the user id as a str or int, not {type(user).__name__}: pass user.id, or register "
                "how to find it with @gosession.subject_getter."
            )
        return valid_subject(current_app.ensure_sync(self._subject_getter)(user))

    def _claims_of(self, subject: str, given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if self._claims_loader is None:
            return given
        return {**(current_app.ensure_sync(self._claims_loader)(subject) or {}), **(given or {})}

    def _use_loader(self, state: State) -> None:
        """Give the realm the loader, wrapped so that it may be async and is called with the app's own rules."""
        loader = self._user_loader
        if loader is None:
            state.manager.users.use(_subject_alone, cached=False)
            return

        @wraps(loader)
        def load(subject: str) -> Any:
            return state.app.ensure_sync(loader)(subject)

        state.manager.users.use(load)


def _hand_out(visit: Visit, pair: TokenPair, *, cookies: bool) -> TokenPair:
    """Let the answer carry the tokens, and the rest of the request go on with their session."""
    pair = replace(pair, in_cookies=cookies)
    visit.csrf = visit.state.transport.csrf_value(ids.from_text(pair.sid) or b"")
    visit.pair, visit.unset = pair, False
    visit.become(_Later(visit.state, pair.access_token))
    return pair


def _presented(visit: Visit) -> list[tuple[Presented, Claims]]:
    """Return the tokens of the request that are any good, expired or not, those sent on purpose first."""
    looks = [(location, kind) for location in visit.state.transport.locations for kind in TokenType]
    found = [_presented_at(visit, location, kind) for location, kind in looks]
    return [one for one in found if one is not None]


def _presented_at(visit: Visit, location: str, kind: TokenType) -> tuple[Presented, Claims] | None:
    try:
        presented = visit.read(kind, (location,))
        return presented and (presented, visit.state.manager.claims(presented.token, allow_expired=True))
    except AuthError:
        return None


def _from_own_page(visit: Visit) -> bool:
    try:
        visit.state.transport.require_own_origin(request)
    except CSRFFailed:
        return False
    return True


def _fits(_pair: TokenPair) -> None:
    """Accept a pair that goes into a body: nothing bounds it there."""


class _Later(Identity):
    """Who the request has become by a login: looked up only if somebody asks."""

    def __init__(self, state: State, token: str) -> None:
        super().__init__(state)
        self._token = token

    @property
    def session(self) -> CurrentSession:
        """The session that was just made."""
        if self._session is None and self.error is None:
            # An answer that gets lost was never used: a look by the server itself must not start the grace period.
            self.open(self._state.manager.authenticate(self._token, used=False))
        return super().session


def _subject_alone(subject: str) -> dict[str, str]:
    """Stand in for the loader of an app that has none: a user is their subject."""
    return {"sub": subject}


def _by_cookies(config: Config, client: str) -> bool:
    if "cookie" not in config.token_locations:
        return False
    return client == "web" or config.token_locations == ("cookie",)


def _refuse_shared(states: Mapping[str, State], new: State) -> None:
    """Refuse two realms of one app that could take each other's tokens, cookies or records for their own."""
    for name, old in states.items():
        pairs = {
            "AUDIENCE": (old.config.audience, new.config.audience),
            "KEY_PREFIX": (old.config.key_prefix, new.config.key_prefix),
            "COOKIE_NAME": (old.config.cookie_name, new.config.cookie_name),
            "STORE object": (old.manager.store, new.manager.store),
        }
        same = [what for what, (mine, theirs) in pairs.items() if mine is theirs or mine == theirs]
        if same:
            raise ConfigError(
                f"The realms {name!r} and {new.config.realm!r} have the same {' and '.join(same)}; each needs its own."
            )


def _template_names() -> dict[str, Any]:
    return {"current_user": current_user, "current_session": current_session}
