"""Every route of an app, and what it asks for: read from the decorators, never from a request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal

import msgspec
from flask import Flask
from werkzeug.routing import Rule

from flask_gosession.web.csrf import SAFE_METHODS
from flask_gosession.web.decorators import NEEDS, Guards, functions_before
from flask_gosession.web.state import EXTENSION, State

Protection = Literal["open", "public", "optional", "login", "fresh"]
Need = Mapping[str, Any]


class RouteView(msgspec.Struct, frozen=True, kw_only=True):
    """One route, or those of its methods that need the same."""

    rule: str
    endpoint: str
    methods: tuple[str, ...]
    """Without the methods that Flask answers by itself."""
    protection: Protection
    """``open``: nothing is required, and nothing says that this is meant; ``public``: nothing is required on purpose;
    ``optional``: guests may pass; ``login``; ``fresh``: a login seen recently."""
    changes_state: bool
    """Whether one of the methods may change something."""
    realms: tuple[str, ...] = ()
    level: str | None = None
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    """Where the token may come from."""
    csrf: bool = False
    """Whether a cookie needs its CSRF value here."""

    @property
    def unprotected(self) -> bool:
        """Whether anybody may change something here, and nothing says that this is meant."""
        return self.protection == "open" and self.changes_state


def routes(app: Flask) -> list[RouteView]:
    """Return what every route of *app* asks for, in all realms, sorted by rule.

    Guards that are not ours cannot be seen: such a route is ``open`` unless it is marked `public`.
    """
    states: Mapping[str, State] = app.extensions.get(EXTENSION, {})
    found = [view for rule in app.url_map.iter_rules() for view in _views(rule, app, states)]
    return sorted(found, key=lambda view: (view.rule, view.methods))


def _views(rule: Rule, app: Flask, states: Mapping[str, State]) -> Iterator[RouteView]:
    """Yield one view for each group of methods with the same needs."""
    automatic = {"HEAD", "OPTIONS"} if getattr(rule, "provide_automatic_options", False) else {"HEAD"}
    methods = sorted((rule.methods or set()) - automatic)
    before = _needs_before(rule.endpoint, app)
    needs = {method: [*before, *_needs(app.view_functions.get(rule.endpoint), method)] for method in methods}
    while methods:
        same = [method for method in methods if needs[method] == needs[methods[0]]]
        yield _view(rule, tuple(same), needs[same[0]], app, states)
        methods = [method for method in methods if method not in same]


def _needs_before(endpoint: str, app: Flask) -> list[Need]:
    """Return what decorated functions that run before the view require; `protect` is handled separately."""
    found = (getattr(each, NEEDS, None) for each in functions_before(endpoint, app))
    return [need for needs in found if isinstance(needs, list) for need in needs]


def _needs(view: Callable[..., Any] | None, method: str) -> list[Need]:
    """Return what a view asks for; a `MethodView` may ask at each of its methods."""
    of_method = getattr(getattr(view, "view_class", None), method.lower(), None)
    return [*getattr(view, NEEDS, ()), *getattr(of_method, NEEDS, ())]


def _view(
    rule: Rule, methods: tuple[str, ...], needs: Collection[Need], app: Flask, states: Mapping[str, State]
) -> RouteView:
    guards = {realm for realm in states if Guards(realm).protects(rule.endpoint, app)}
    changes = any(method not in SAFE_METHODS for method in methods)
    known: dict[str, Any] = {
        "rule": rule.rule,
        "endpoint": rule.endpoint,
        "methods": methods,
        "changes_state": changes,
    }
    if not needs and not guards:
        meant = any(Guards(realm).leaves_open(rule.endpoint, app) for realm in states)
        return RouteView(**known, protection="public" if meant else "open")
    realms = tuple(sorted({*guards, *(need["realm"] for need in needs)} & states.keys()))
    state = states[realms[0]]
    locations = _locations(needs, state)
    return RouteView(
        **known,
        protection=_protection(needs, guarded=bool(guards)),
        realms=realms,
        level=next((need["level"] for need in needs if need.get("level")), state.config.level),
        roles=_named(needs, "roles"),
        permissions=_named(needs, "permissions"),
        locations=locations,
        csrf=changes and bool(state.config.csrf) and "cookie" in locations,
    )


def _protection(needs: Collection[Need], *, guarded: bool) -> Protection:
    if any(need.get("fresh") for need in needs):
        return "fresh"
    return "login" if guarded or not all(need.get("optional") for need in needs) else "optional"


def _locations(needs: Collection[Need], state: State) -> tuple[str, ...]:
    allowed = [need.get("locations") or state.config.token_locations for need in needs]
    first = allowed[0] if allowed else state.config.token_locations
    return tuple(name for name in first if all(name in others for others in allowed))


def _named(needs: Collection[Need], kind: str) -> tuple[str, ...]:
    return tuple(name for need in needs for name in need.get(kind, ()))
