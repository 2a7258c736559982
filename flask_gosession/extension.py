"""The Flask extension: sets a realm up for an app, signs users in and out, and provides the decorators.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from flask import Blueprint, Flask, Request, current_app, request

from flask_gosession import endpoints
from flask_gosession.config import DEFAULT_REALM
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Revocation
from flask_gosession.errors import AnsweredError, ConfigError
from flask_gosession.operations import Operations
from flask_gosession.session.device import Device
from flask_gosession.session.login_options import LoginKeywords, shows_login_keywords
from flask_gosession.tokens.types import TokenPair
from flask_gosession.web import error_answers, hooks, loaders, message_tokens, sign_in
from flask_gosession.web.answer_hooks import AnswerHooks
from flask_gosession.web.assembly import assemble, refuse_shared
from flask_gosession.web.current import session_of, user_of
from flask_gosession.web.decorators import Guards
from flask_gosession.web.guard_types import FreshGuard, LoginGuard, Protect, RequireLogin, ScopesGuard
from flask_gosession.web.identity import CurrentSession
from flask_gosession.web.impersonation import Impersonation
from flask_gosession.web.redirects import safe_next
from flask_gosession.web.state import EXTENSION, State, state_of
from flask_gosession.web.transport import Extractor, query_value
from flask_gosession.web.visit import visit_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

U = TypeVar("U")
Handler = Callable[[AnsweredError], Any]
F = TypeVar("F", bound=Callable[..., Any])


class GoSession(AnswerHooks, Impersonation, Operations, Generic[U]):
    """Revocable sessions for Flask apps; one object may serve several apps, and several realms one app.

    *name* is the realm: ``GoSession(name="admin")`` reads ``GOSESSION_REALMS["admin"]`` over the common settings, and
    its tokens, keys and cookies open nothing elsewhere. *user_loader* maps a subject to a user, or None if there is
    no such user; given here, it types `current_user`. *clock* returns Unix seconds. *context_processor*: whether
    templates get ``current_user`` and ``current_session``.
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
        context_processor: bool = True,
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
        context_processor: bool = True,
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
        context_processor: bool = True,
    ) -> None: ...

    def __init__(
        self,
        app: Flask | None = None,
        *,
        name: str = DEFAULT_REALM,
        user_loader: Callable[[str], Any] | None = None,
        extractor: Extractor | None = None,
        clock: Callable[[], float] = time.time,
        context_processor: bool = True,
    ) -> None:
        self.name = name
        self._clock = clock
        self._context_processor = context_processor
        self._extractor = extractor
        self._user_loader = user_loader
        self._subject_getter: Callable[[Any], Any] | None = None
        self._request_loader: Callable[[Request], Any] | None = None
        self._claims_loader: Callable[[str], Any] | None = None
        self._verifier: Callable[[str, str], Any] | None = None
        self._handlers: dict[str | None, Handler] = {}
        self._states: list[State] = []
        self._without_login = False
        guards = Guards(name)
        self.login_required: LoginGuard = guards.login_required
        self.fresh_login_required: FreshGuard = guards.fresh_login_required
        self.roles_required: ScopesGuard = guards.roles_required
        self.permissions_required: ScopesGuard = guards.permissions_required
        self.protect: Protect = guards.protect
        self.require_login: RequireLogin = guards.require_login
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set this realm up for *app*; changes of the configuration after this call have no effect.

        Raises ConfigError with every problem at once, and if the realm is set up for the app already.
        """
        states: dict[str, State] = app.extensions.setdefault(EXTENSION, {})
        if self.name in states:
            raise ConfigError(
                f"The realm {self.name!r} is set up for this app already: pass the app to GoSession(app) or to "
                "init_app(app), not to both; give a second realm a name of its own, GoSession(name=...)."
            )
        state = assemble(app, self.name, clock=self._clock, extractor=self._extractor)
        refuse_shared(states, state)
        state.handlers = self._handlers
        state.subject_getter, state.request_loader = self._subject_getter, self._request_loader
        loaders.use_user_loader(state, self._user_loader)
        loaders.use_claims_loader(state, self._claims_loader)
        loaders.use_impersonation_check(state, self._impersonation_check)
        if not states:
            error_answers.register(app)
            hooks.register(app)
        hooks.prepare_with_first_request(state)
        if self.name == DEFAULT_REALM and self._context_processor:
            hooks.register_template_names(app)
        states[self.name] = state
        self._states.append(state)

    def user_loader(self, loader: F) -> F:
        """Register the function, plain or async, that maps a subject to a user, or None if there is no such user.

        A dict, a dataclass or a msgspec Struct with what views need is cached in the session store for ``USER_TTL``, up
        to ``USER_CAP`` bytes (4 KiB); anything else, such as a row of an ORM, is loaded once for each request.
        """
        self._user_loader = loader
        for state in self._states:
            loaders.use_user_loader(state, loader)
        return loader

    def subject_getter(self, getter: F) -> F:
        """Register the function, plain or async, that returns the subject of a user object, for `login_user`.

        Without one, that is what ``get_id()`` returns, or ``id``.
        """
        self._subject_getter = getter
        for state in self._states:
            state.subject_getter = getter
        return getter

    def request_loader(self, loader: F) -> F:
        """Register the function, plain or async, that finds a user in a request without a token, say by an API key.

        It takes the request and returns a user or None. Such a user has no session: `current_session` is falsy, the
        login is never fresh, and nothing can be revoked but the key. It is not called if a route names its own
        locations. It must not rely on a cookie, which browsers send for other sites, too.
        """
        self._request_loader = loader
        for state in self._states:
            state.request_loader = loader
        return loader

    def claims_loader(self, loader: F) -> F:
        """Register the function, plain or async, that maps a subject to claims for its access tokens, or None.

        It is called at each login, refresh and renewal, so a new answer takes effect with the next token. Anybody who
        holds the token can read them. Claims given to `login_user` stay with the session, and take precedence. What the
        function raises passes to the app, and nothing is written.
        """
        self._claims_loader = loader
        for state in self._states:
            loaders.use_claims_loader(state, loader)
        return loader

    def credential_verifier(self, verifier: F) -> F:
        """Register the function that maps user name and password to what `login_user` takes, or None.

        A blueprint made afterwards has a login endpoint. The function should take equally long for a name that
        does not exist. Raises ConfigError if a blueprint was made earlier, without that endpoint.
        """
        if self._without_login:
            raise ConfigError(
                "Register the credential verifier before calling blueprint(), which otherwise has no login endpoint; "
                'with leave_out=["login"] it has none on purpose.'
            )
        self._verifier = verifier
        return verifier

    @property
    def verifies_credentials(self) -> bool:
        """Whether a credential verifier is registered."""
        return self._verifier is not None

    def verify_credentials(self, username: str, password: str) -> Any:
        """Return what the credential verifier returns for these credentials."""
        if self._verifier is None:
            raise RuntimeError("No credential verifier is registered: use @gosession.credential_verifier.")
        return current_app.ensure_sync(self._verifier)(username, password)

    def blueprint(
        self,
        *,
        name: str | None = None,
        leave_out: Collection[str] = (),
        introspection_auth: Callable[[], bool | Awaitable[bool]] | None = None,
        require_fresh: bool = False,
    ) -> Blueprint:
        """Return a blueprint with ready-made endpoints, to be registered on the app; see `make_blueprint`."""
        self._without_login = self._verifier is None and "login" not in leave_out
        return endpoints.make_blueprint(
            self, name=name, leave_out=leave_out, introspection_auth=introspection_auth, require_fresh=require_fresh
        )

    def openapi_security_schemes(self) -> dict[str, Any]:
        """Return the ``components.securitySchemes`` of an OpenAPI document for the current app."""
        return endpoints.security_schemes(state_of(self.name))

    def openapi_security(self, view: Callable[..., Any]) -> list[dict[str, list[str]]]:
        """Return the ``security`` of an operation, from the decorators on its view and from `protect`.

        Ask with the view as it is registered: in ``app.view_functions``, or what the decorators returned.
        """
        return endpoints.security_of(view, state_of(self.name))

    def error_handler(self, code: str | None = None) -> Callable[[F], F]:
        """Register the function that answers errors of this realm, all of them or those whose ``error`` is *code*.

        It comes before the redirect to the login view, and before handlers that the app or a blueprint registers with
        Flask's ``errorhandler``, for a status such as 401 or a class such as `AuthError`.
        """
        if code is not None and not isinstance(code, str):
            raise ConfigError('Call error_handler: @gosession.error_handler(), or @gosession.error_handler("banned").')

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
        """The user of the current request; a falsy guest if nobody is signed in."""
        return cast("U", user_of(self.name))

    @property
    def current_session(self) -> CurrentSession:
        """The session of the current request; None for a guest, and for a user found by the request loader."""
        return cast("CurrentSession", session_of(self.name))

    @shows_login_keywords
    def login_user(
        self, subject: str | int | object, *, cookies: bool | None = None, **options: Unpack[LoginKeywords]
    ) -> TokenPair:
        """Sign *subject* in (a str or int, or an object, see `subject_getter`) and return the tokens.

        Check the credentials first. Sessions that the request came with, or made earlier, end. *cookies*: whether the
        tokens go to the browser as cookies rather than into the body; by default they do if cookies are the only
        configured location, or one of several and *client* is ``"web"``. For the rest see `LoginKeywords`. Raises
        TypeError for an object without a subject, Banned, SessionLimit, and CSRFFailed when another site would put its
        own account's cookies into the browser (login CSRF), or end the session of the cookies there.
        """
        return sign_in.log_in(visit_of(self.name), subject, cookies=cookies, **options)

    def refresh(self) -> TokenPair:
        """Rotate the refresh token of the request and return the new pair, which is sent the way the old one came."""
        return sign_in.refresh(visit_of(self.name))

    def logout_user(self) -> Revocation:
        """End the session of the request, by any token that it brings, even an expired one, and unset the cookies.

        Sessions that the request itself has made, by `login_user` or `impersonate`, end, too, and their tokens are not
        handed out. It is not an error if nobody is signed in. Raises CSRFFailed if another site sent the cookie, and
        StoreUnavailable, with the cookies kept: the user must not seem signed out while the session is live.
        """
        return sign_in.log_out(visit_of(self.name))

    def confirm_login(self) -> TokenPair:
        """Note that the user has proved their credentials again, and return the new tokens of the session.

        They are sent the way the old ones came. With them, and for the rest of this request, the session is fresh, and
        bound to this address and agent. The old access token stays good until the new one has been in use for a while,
        but is never fresh, so a stolen copy does not become fresh, either.
        """
        return sign_in.confirm(visit_of(self.name))

    def login_fresh(self) -> bool:
        """Return whether the session of the request is fresh; False for a guest."""
        session = session_of(self.name)
        return session is not None and session.fresh

    def authenticate_token(self, token: str, *, device: Device | None = None) -> CurrentSession:
        """Return the session of an access token that did not come in a request, but in a WebSocket message, say.

        Raises what `login_required` raises. Works outside a request, too; if sessions are bound (``BINDING``),
        *device* must then say where the token came from.
        """
        return message_tokens.authenticate_token(state_of(self.name), token, device)

    def safe_next(self, default: str = "/") -> str:
        """Return where the request's ``next`` parameter leads, if that is on this host."""
        return safe_next(query_value(request, "next") or request.form.get("next"), default)
