"""OpenAPI 3.1: how tokens travel, and what a view asks for, from the app's own decorators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_gosession.config import Config
from flask_gosession.web.cookies import CookieJar
from flask_gosession.web.decorators import NEEDS, Guards
from flask_gosession.web.state import State

Security = list[dict[str, list[str]]]

_SHOWN = ("header", "query", "cookie")
"""The token locations that OpenAPI can describe; a JSON body is not among them."""


def security_schemes(state: State) -> dict[str, Any]:
    """Return the ways in which an access token may travel, by scheme name: those of the configuration and of routes."""
    config, views = state.config, state.app.view_functions.values()
    named = {name for view in views for need in _needs(view, config) for name in need.get("locations") or ()}
    return schemes_for(config, {*config.token_locations, *named})


def security_of(view: Callable[..., Any], state: State) -> Security:
    """Return the alternatives of which one must be met to call *view*; none for a public one.

    ``{}`` among them stands for a guest. Pass a view without a decorator as it is registered, since `protect` may guard
    it.
    """
    config, needs = state.config, _needs(view, state.config)
    protected = _is_protected(view, state)
    if not needs and not protected:
        return []
    allowed = [need.get("locations") or config.token_locations for need in needs] or [config.token_locations]
    ways = ways_of(config, set(allowed[0]).intersection(*allowed))
    guests_pass = not protected and all(need.get("optional") for need in needs)
    return [{}, *ways] if guests_pass else ways


def schemes_for(config: Config, locations: Iterable[str]) -> dict[str, Any]:
    """Return the security schemes of *locations*."""
    jar, used = CookieJar(config, secure=True), set(locations)
    opaque = config.token_mode == "opaque"
    schemes: dict[str, Any] = {
        "header": {"type": "http", "scheme": "bearer", **({} if opaque else {"bearerFormat": "JWT"})},
        "query": {"type": "apiKey", "in": "query", "name": config.query_name},
        "cookie": {"type": "apiKey", "in": "cookie", "name": jar.access.name},
        "refresh_cookie": {"type": "apiKey", "in": "cookie", "name": jar.refresh.name},
        "csrf": {"type": "apiKey", "in": "header", "name": config.csrf_header},
    }
    if config.csrf is True and used & {"cookie", "refresh_cookie"}:
        used.add("csrf")
    return {_scheme_name(name, config): scheme for name, scheme in schemes.items() if name in used}


def ways_of(config: Config, locations: Iterable[str], *, safe: bool = False) -> Security:
    """Return an alternative for each of *locations*; a cookie needs its CSRF value unless the method is *safe*."""
    allowed = set(locations)
    return [_way(name, config, safe=safe) for name in (*_SHOWN, "refresh_cookie") if name in allowed]


def _way(location: str, config: Config, *, safe: bool) -> dict[str, list[str]]:
    meant = [] if safe or config.csrf is not True or not location.endswith("cookie") else ["csrf"]
    return {_scheme_name(name, config): [] for name in (location, *meant)}


def _scheme_name(name: str, config: Config) -> str:
    return name if config.realm == "default" else f"{config.realm}_{name}"


def _needs(view: Callable[..., Any], config: Config) -> list[Mapping[str, Any]]:
    return [need for need in getattr(view, NEEDS, ()) if need["realm"] == config.realm]


def _is_protected(view: Callable[..., Any], state: State) -> bool:
    guards = Guards(state.config.realm)
    return any(guards.protects(name, state.app) for name, each in state.app.view_functions.items() if each is view)
