"""What a view asks for: a session, a fresh one, a role, a permission, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, overload

from flask import Blueprint, Flask, current_app, request

from flask_gosession import setting_readers as read
from flask_gosession.durations import Duration
from flask_gosession.errors import AuthError, ConfigError, FreshLoginRequired, InsufficientScope, TokenMissing
from flask_gosession.session.policy import LEVELS, Level
from flask_gosession.web.guard_types import (
    FreshGuard,
    LoginGuard,
    Match,
    Optional,
    P,
    Protect,
    R,
    RequireLogin,
    ScopesGuard,
    View,
)
from flask_gosession.web.guest import GUEST
from flask_gosession.web.identity import Identity
from flask_gosession.web.login_view import is_login_view
from flask_gosession.web.scopes import granted, includes
from flask_gosession.web.state import state_of
from flask_gosession.web.visit import visit_of

F = TypeVar("F", bound=Callable[..., Any])

PUBLIC = "_gosession_public"
NEEDS = "_gosession_needs"
"""What a view asks for, as `routes` lists it and OpenAPI describes it."""

_within = read.duration(1)


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
        level: Level | None = None,
        locations: Collection[str] | None = None,
    ) -> Callable[[View[P, R]], View[P, R]]: ...

    def login_required(
        self,
        view: View[P, R] | None = None,
        /,
        *,
        optional: Optional = False,
        fresh: bool = False,
        level: Level | None = None,
        locations: Collection[str] | None = None,
    ) -> Any:
        """Let a view run for signed-in users only.

        *optional*: guests may pass, but a wrong token is refused; with ``"lenient"`` it passes as a guest.
        *fresh*: the credentials were seen within ``FRESH_LIFETIME``. *level*: how thorough the check is, as ``LEVEL``:
        ``"strict"``, ``"cached"`` or ``"signature"``; a fresh login is always strict. *locations*: where the token may
        come from, instead of ``TOKEN_LOCATIONS``: one or more of ``"header"``, ``"cookie"``, ``"query"`` and
        ``"json"``. Works on async views and in ``MethodView.decorators``.
        Flask's automatic answer to OPTIONS runs no view and asks for nothing. Raises ConfigError when it is used
        wrongly, and an AuthError for each request that it refuses.
        """
        _check_level(level)
        where = None if locations is None else _locations(locations)

        level = "strict" if fresh else level
        admit = partial(self._admit, optional=optional, fresh=fresh) if optional or fresh else Identity.require
        decorate = self._decorator(admit, "login", optional=bool(optional), fresh=fresh, level=level, locations=where)
        return decorate if view is None else decorate(view)

    def require_login(
        self, *, optional: Optional = False, fresh: bool = False, locations: Collection[str] | None = None
    ) -> Any:
        """Check inside a view what `login_required` checks before it; return the user, or a guest if one is allowed.

        For a view whose answer to guests depends on what it finds. The arguments are those of `login_required`.
        """
        where = None if locations is None else _locations(locations)
        visit = visit_of(self.realm)
        identity = visit.authenticate(where)
        if self._admit(identity, optional=optional, fresh=fresh) is GUEST:
            return GUEST
        visit.is_private = True
        return identity.user

    def _admit(self, identity: Identity, *, optional: Optional, fresh: bool) -> Any:
        """Return GUEST for a guest who may pass; raise for one who may not."""
        if optional and _is_guest(identity, optional):
            return GUEST
        identity.require()
        if fresh:
            self.require_fresh()
        return None

    def fresh_login_required(self, view: View[P, R] | None = None, /, *, within: Duration | None = None) -> Any:
        """Let a view run only if the credentials were seen *within* that time (RFC 9470), or ``FRESH_LIFETIME``."""
        seconds = None if within is None else _seconds_of(within)

        def admit(identity: Identity) -> None:
            identity.user  # noqa: B018 - raises where there is none
            self.require_fresh(seconds)

        decorate = self._decorator(admit, "login", fresh=True, level="strict")
        return decorate if view is None else decorate(view)

    def roles_required(self, *roles: str, match: Match = "all") -> Callable[[View[P, R]], View[P, R]]:
        """Let a view run for users who have all, or any, of *roles* in their ``roles`` or ``role``.

        A role is a plain name: ``"*"`` among a user's roles matches no other role.
        """
        return self._scope_decorator("roles", roles, match)

    def permissions_required(self, *permissions: str, match: Match = "all") -> Callable[[View[P, R]], View[P, R]]:
        """Let a view run for users whose ``permissions`` cover all, or any, of these.

        A permission that a user has may be a pattern: ``orders:*`` covers ``orders:read``, and ``*`` everything.
        """
        return self._scope_decorator("permissions", permissions, match)

    def protect(self, target: Flask | Blueprint) -> None:
        """Ask for a login on every route of an app or blueprint, except those marked `public`, static files and 404s.

        A view whose own decorator asks for a login is left to it, and so to the locations that it names. Flask's
        automatic answer to OPTIONS, which runs no view, is open to all: a browser's preflight carries no credentials.
        """

        def guard() -> None:
            endpoint = request.endpoint
            if endpoint is None or _is_answered_by_flask() or self.leaves_open(endpoint, current_app):
                return
            if self._guards_itself(endpoint) or is_login_view(state_of(self.realm).config, request):
                return
            visit = visit_of(self.realm)
            visit.authenticate().require()
            visit.is_private = True

        vars(guard)[NEEDS] = self.realm
        target.before_request(guard)

    def protects(self, endpoint: str, app: Flask) -> bool:
        """Whether `protect`, called for *app* or for a blueprint around *endpoint*, asks for a login there."""
        asking = any(getattr(each, NEEDS, None) == self.realm for each in functions_before(endpoint, app))
        return asking and not self.leaves_open(endpoint, app)

    def require_fresh(self, within: float | None = None) -> None:
        """Raise FreshLoginRequired unless the credentials were seen within so many seconds, from the same place."""
        visit = visit_of(self.realm)
        identity, config = visit.authenticate(certain=True), visit.state.config
        age = config.fresh_lifetime if within is None else within
        if not identity.session.is_fresh(age):
            raise FreshLoginRequired(max_age=int(age))

    def _guards_itself(self, endpoint: str) -> bool:
        needs = getattr(current_app.view_functions.get(endpoint), NEEDS, ())
        return any(need["realm"] == self.realm and not need.get("optional") for need in needs)

    def leaves_open(self, endpoint: str, app: Flask) -> bool:
        """Whether *endpoint* is open on purpose: marked `public`, the login view, or Flask's static files."""
        view = app.view_functions.get(endpoint)
        state = state_of(self.realm, app)
        views = {state.config.login_view, *state.config.login_views.values()}
        return endpoint in state.public | views or is_public(view) or _is_static(endpoint, app)

    def _scope_decorator(self, kind: str, wanted: tuple[str, ...], match: Match) -> Callable[[View[P, R]], View[P, R]]:
        if not wanted or not all(one and isinstance(one, str) for one in wanted) or match not in ("all", "any"):
            raise ConfigError(f'{kind}_required takes the names of {kind}, and match="all" or match="any".')

        def admit(identity: Identity) -> None:
            held = granted(identity.user, kind)
            enough = all if match == "all" else any
            if not enough(includes(held, kind, one) for one in wanted):
                raise InsufficientScope

        stated: dict[str, Any] = {kind: wanted, "match": match}
        return self._decorator(admit, "login", **stated)

    def _decorator(
        self,
        admit: Callable[[Identity], Any],
        *needs: str,
        locations: tuple[str, ...] | None = None,
        level: Level | None = None,
        **more: Any,
    ) -> Callable[[View[P, R]], View[P, R]]:
        """Return a decorator that runs a view unless *admit* refuses; *needs* and the rest are for listing routes.

        *admit* returns GUEST for a guest who may pass.
        """

        def decorate(view: View[P, R]) -> View[P, R]:
            run = _as_flask_runs(view)

            @wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                visit = visit_of(self.realm)
                if admit(visit.authenticate(locations, level)) is not GUEST:
                    visit.is_private = True
                return run(*args, **kwargs)

            stated = {"realm": self.realm, "needs": needs, "locations": locations, "level": level, **more}
            vars(guarded)[NEEDS] = [*getattr(view, NEEDS, ()), stated]
            return guarded

        return decorate


def functions_before(endpoint: str, app: Flask) -> list[Callable[..., Any]]:
    """Return what runs before the view of *endpoint*: of the app, and of the blueprints around it."""
    parts = endpoint.split(".")[:-1]
    names = (None, *(".".join(parts[: length + 1]) for length in range(len(parts))))
    return [each for name in names for each in app.before_request_funcs.get(name, ())]


def public(view: F) -> F:
    """Leave a view, or a `MethodView` but not its subclasses, open where `protect` asks for a login on all others."""
    setattr(view, PUBLIC, True)
    return view


def is_public(view: Any) -> bool:
    """Whether a view, or the class of a `MethodView`, is marked `public`."""
    of_class = getattr(view, "view_class", None)
    return bool(getattr(view, PUBLIC, False)) or (of_class is not None and PUBLIC in vars(of_class))


def _is_answered_by_flask() -> bool:
    """Whether Flask answers this OPTIONS request by itself, so that no view runs."""
    return request.method == "OPTIONS" and getattr(request.url_rule, "provide_automatic_options", False)


def _is_static(endpoint: str, app: Flask) -> bool:
    """Whether Flask itself serves files there; without a static folder, a view may have that name."""
    home, _, name = endpoint.rpartition(".")
    owner = app.blueprints.get(home) if home else app
    return name == "static" and owner is not None and owner.has_static_folder


def _as_flask_runs(view: View[P, R]) -> View[P, R]:
    """Return *view*; only a coroutine function has to wait for the app that will run it."""
    if not iscoroutinefunction(view):
        return view

    def waited_for(*args: P.args, **kwargs: P.kwargs) -> R:
        answer: R = current_app.ensure_sync(view)(*args, **kwargs)
        return answer

    return waited_for


def _is_guest(identity: Identity, optional: Optional) -> bool:
    """Whether nobody is signed in, and that is allowed."""
    try:
        identity.require()
    except AuthError as error:
        return optional == "lenient" or isinstance(error, TokenMissing)
    return False


def _seconds_of(within: Duration) -> float:
    try:
        seconds: float = _within(within)
    except ValueError as error:
        raise ConfigError(f"within={within!r} {error}.") from None
    return seconds


def _check_level(level: Level | None) -> None:
    if level is not None and level not in LEVELS:
        raise ConfigError(
            f'level={level!r} is not a check level; use "strict", "cached" or "signature", or leave it out.'
        )


def _locations(locations: Collection[str]) -> tuple[str, ...]:
    try:
        chosen = read.locations(locations if isinstance(locations, str) else tuple(locations))
    except ValueError as error:
        raise ConfigError(f"locations={locations!r} {error}.") from None
    if not chosen:
        raise ConfigError("locations=() leaves nowhere for a token to come from.")
    return chosen


_default = Guards("default")
login_required: LoginGuard = _default.login_required
fresh_login_required: FreshGuard = _default.fresh_login_required
roles_required: ScopesGuard = _default.roles_required
permissions_required: ScopesGuard = _default.permissions_required
protect: Protect = _default.protect
require_login: RequireLogin = _default.require_login
