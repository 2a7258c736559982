"""What a view asks for: a session, a fresh one, a role, a permission, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Literal, ParamSpec, TypeVar, overload

from flask import Blueprint, Flask, current_app, request

from flask_gosession import settings
from flask_gosession.config import LOCATIONS
from flask_gosession.context import Identity, state_of, visit_of
from flask_gosession.errors import AuthError, ConfigError, FreshLoginRequired, InsufficientScope, TokenMissing
from flask_gosession.scopes import covers, granted

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
View = Callable[P, R]
Optional = Literal["lenient"] | bool

PUBLIC = "_gosession_public"
NEEDS = "_gosession_needs"
"""What a view asks for, for those who list routes and describe them."""

LEVELS = ("strict",)

_within = settings.duration(1)


class Guards:
    """The decorators of one realm."""

    def __init__(self, realm: str) -> None:
        self.realm = realm

    @overload
    def login_required(self, view: View[P, R], /) -> View[P, R]: ...

    @overload
    def login_required(
        self,
        view: None = None,
        /,
        *,
        optional: Optional = False,
        fresh: bool = False,
        level: str | None = None,
        locations: Collection[str] | None = None,
    ) -> Callable[[View[P, R]], View[P, R]]: ...

    def login_required(
        self,
        view: View[P, R] | None = None,
        /,
        *,
        optional: Optional = False,
        fresh: bool = False,
        level: str | None = None,
        locations: Collection[str] | None = None,
    ) -> Any:
        """Let a view run for signed-in users only.

        *optional*: guests may pass, but a token that is wrong is refused; ``"lenient"``: then they pass as guests.
        *fresh*: the credentials were seen within ``FRESH_LIFETIME``. *level*: ``"strict"``. *locations*: where the
        token may come from, instead of ``TOKEN_LOCATIONS``. Works on async views and in ``MethodView.decorators``;
        OPTIONS requests pass. Raises ConfigError when it is used wrongly, and per request what its token deserves.
        """
        _check_level(level)
        _check_locations(locations)
        where = None if locations is None else tuple(locations)

        def admit() -> None:
            identity = visit_of(self.realm).authenticate(where)
            if optional and _is_guest(identity, optional):
                return
            _require_user(identity)
            if fresh:
                self.require_fresh()

        decorate = self._decorator(admit, "login", optional=bool(optional), fresh=fresh, locations=where)
        return decorate if view is None else decorate(view)

    def fresh_login_required(
        self, view: View[P, R] | None = None, /, *, within: timedelta | float | str | None = None
    ) -> Any:
        """Let a view run only if the credentials were seen *within* that time (RFC 9470), or ``FRESH_LIFETIME``."""
        seconds = None if within is None else _seconds_of(within)

        def admit() -> None:
            _require_user(visit_of(self.realm).authenticate())
            self.require_fresh(seconds)

        decorate = self._decorator(admit, "login", fresh=True)
        return decorate if view is None else decorate(view)

    def roles_required(self, *roles: str, match: Literal["all", "any"] = "all") -> Callable[[View[P, R]], View[P, R]]:
        """Let a view run for users who have all, or any, of *roles* in their ``roles`` or ``role``."""
        return self._scope_decorator("roles", roles, match)

    def permissions_required(
        self, *permissions: str, match: Literal["all", "any"] = "all"
    ) -> Callable[[View[P, R]], View[P, R]]:
        """Let a view run for users whose ``permissions`` cover all, or any, of these."""
        return self._scope_decorator("permissions", permissions, match)

    def protect(self, target: Flask | Blueprint) -> None:
        """Ask for a login on every route of an app or blueprint, but those marked `public`, static files and 404s.

        A view whose own decorator asks for a login is left to it, and so to the locations that it names.
        """

        def guard() -> None:
            if (
                request.endpoint is None
                or request.method == "OPTIONS"
                or self._is_public(request.endpoint, current_app)
            ):
                return
            if self._guards_itself(request.endpoint):
                return
            _require_user(visit_of(self.realm).authenticate())

        vars(guard)[NEEDS] = self.realm
        target.before_request(guard)

    def protects(self, endpoint: str, app: Flask) -> bool:
        """Whether `protect`, called for *app* or for a blueprint around *endpoint*, asks for a login there."""
        parts = endpoint.split(".")[:-1]
        names = (None, *(".".join(parts[: length + 1]) for length in range(len(parts))))
        guards = (guard for name in names for guard in app.before_request_funcs.get(name, ()))
        return any(getattr(each, NEEDS, None) == self.realm for each in guards) and not self._is_public(endpoint, app)

    def require_fresh(self, within: float | None = None) -> None:
        """Raise FreshLoginRequired unless the credentials were seen within so many seconds, from this place."""
        visit = visit_of(self.realm)
        identity, config = visit.authenticate(), visit.state.config
        age = config.fresh_lifetime if within is None else within
        now = visit.state.manager.clock()
        stale = now - identity.session.authenticated > age
        moved = identity.moved and config.binding_action == "step_up"
        # An impersonator has not shown the credentials of the person whose session it is.
        if stale or moved or identity.session.actor is not None:
            raise FreshLoginRequired(max_age=int(age))

    def _guards_itself(self, endpoint: str) -> bool:
        needs = getattr(current_app.view_functions.get(endpoint), NEEDS, ())
        return any(need["realm"] == self.realm and not need.get("optional") for need in needs)

    def _is_public(self, endpoint: str, app: Flask) -> bool:
        view = app.view_functions.get(endpoint)
        state = state_of(self.realm, app)
        named = endpoint in state.public or endpoint == state.config.login_view
        return named or is_public(view) or _is_static(endpoint, app)

    def _scope_decorator(
        self, kind: str, wanted: tuple[str, ...], match: Literal["all", "any"]
    ) -> Callable[[View[P, R]], View[P, R]]:
        if not wanted or not all(isinstance(one, str) for one in wanted) or match not in ("all", "any"):
            raise ConfigError(f'{kind}_required takes the names of {kind}, and match="all" or match="any".')

        def admit() -> None:
            identity = visit_of(self.realm).authenticate()
            held = granted(_require_user(identity), kind)
            enough = all if match == "all" else any
            if not enough(covers(held, one) for one in wanted):
                raise InsufficientScope

        return self._decorator(admit, "login", **{kind: wanted})

    def _decorator(self, admit: Callable[[], None], *needs: str, **more: Any) -> Callable[[View[P, R]], View[P, R]]:
        def decorate(view: View[P, R]) -> View[P, R]:
            run = _as_flask_runs(view)

            @wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                if request.method != "OPTIONS":
                    admit()
                return run(*args, **kwargs)

            stated = {"realm": self.realm, "needs": needs, **more}
            vars(guarded)[NEEDS] = [*getattr(view, NEEDS, ()), stated]
            return guarded

        return decorate


def public(view: F) -> F:
    """Leave a view, or a `MethodView` but not its subclasses, open where `protect` asks for a login on all others."""
    setattr(view, PUBLIC, True)
    return view


def is_public(view: Any) -> bool:
    """Whether a view, or the class of a `MethodView`, is marked `public`."""
    of_class = getattr(view, "view_class", None)
    return bool(getattr(view, PUBLIC, False)) or (of_class is not None and PUBLIC in vars(of_class))


def _is_static(endpoint: str, app: Flask) -> bool:
    """Whether Flask itself serves files there; a view may have that name where there is no static folder."""
    home, _, name = endpoint.rpartition(".")
    owner = app.blueprints.get(home) if home else app
    return name == "static" and owner is not None and owner.has_static_folder


def _as_flask_runs(view: View[P, R]) -> View[P, R]:
    """Return *view*, which only as a coroutine function has to wait for the app that will run it."""
    if not iscoroutinefunction(view):
        return view

    def waited_for(*args: P.args, **kwargs: P.kwargs) -> R:
        answer: R = current_app.ensure_sync(view)(*args, **kwargs)
        return answer

    return waited_for


def _require_user(identity: Identity) -> Any:
    return identity.user


def _is_guest(identity: Identity, optional: Optional) -> bool:
    """Whether nobody is signed in, and that is no reason to refuse."""
    try:
        _require_user(identity)
    except AuthError as error:
        return optional == "lenient" or isinstance(error, TokenMissing)
    return False


def _seconds_of(within: timedelta | float | str) -> float:
    try:
        seconds: float = _within(within)
    except ValueError as error:
        raise ConfigError(f"within={within!r} {error}.") from None
    return seconds


def _check_level(level: str | None) -> None:
    if level is not None and level not in LEVELS:
        raise ConfigError(f'level={level!r} is not a check level; use level="strict", or leave it out.')


def _check_locations(locations: Collection[str] | None) -> None:
    if locations is not None and (isinstance(locations, str) or not locations or set(locations) - set(LOCATIONS)):
        raise ConfigError(f"locations={locations!r} is not a list of {', '.join(LOCATIONS)}.")


_default = Guards("default")
login_required = _default.login_required
fresh_login_required = _default.fresh_login_required
roles_required = _default.roles_required
permissions_required = _default.permissions_required
protect = _default.protect
