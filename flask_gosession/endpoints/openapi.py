"""The OpenAPI document of the ready-made endpoints, made from the route table."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from flask_gosession._version import __version__
from flask_gosession.config import Config
from flask_gosession.endpoints import bodies
from flask_gosession.endpoints.routes import JSON, ROUTES, RequestBody, Route
from flask_gosession.endpoints.security import Security, schemes_for, ways_of
from flask_gosession.ids import ID_CHARS
from flask_gosession.web.state import State

Schema = dict[str, Any]

_PARAMETERS: dict[str, Schema] = {"sid": {"type": "string", "pattern": f"^[A-Za-z0-9_-]{{{ID_CHARS}}}$"}}


FRESH = {
    "all": "Asks for a fresh login: 401 fresh_login_required otherwise.",
    "others": "Asks for a fresh login, but for the session of the request itself: 401 fresh_login_required otherwise.",
}
"""Added to the description of an operation if the endpoints require fresh logins."""


def describe(state: State, endpoints: Collection[str], *, url: str, require_fresh: bool) -> dict[str, Any]:
    """Return the OpenAPI document of the blueprint's *endpoints*, which are below *url*."""
    config = state.config
    described = [route for route in ROUTES if route.name in endpoints]
    document = _Document(config, described, require_fresh=require_fresh)
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        path = re.sub(r"<(\w+)>", r"{\1}", route.rule)
        paths.setdefault(path, {})[route.method.lower()] = document.operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sessions", "version": __version__},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "securitySchemes": schemes_for(config, {*config.token_locations, *_refresh_locations(config)}),
            "schemas": document.components,
        },
    }


class _Document:
    """Describes routes as *config* lets them be called; msgspec makes the schemas from the types of the bodies."""

    def __init__(self, config: Config, routes: Iterable[Route], *, require_fresh: bool) -> None:
        self._config = config
        self._requires_fresh = require_fresh
        types: dict[Any, None] = dict.fromkeys((bodies.Error, bodies.RefreshToken))
        for route in routes:
            types |= dict.fromkeys(one for one in (route.answer, route.takes and route.takes.type) if one is not None)
        schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
        self._schemas: dict[Any, Schema] = dict(zip(types, schemas, strict=True))
        self.components: dict[str, Schema] = components

    def operation(self, route: Route) -> Schema:
        """Return what the document says about one route."""
        media = "application/problem+json" if self._config.error_format == "problem" else JSON
        refusal = self._answer("The reason is in `error`.", bodies.Error, media)
        operation: Schema = {
            "operationId": route.name,
            "summary": route.summary,
            "responses": {
                str(route.status): self._answer(_sentence(route.brings), route.answer, route.media),
                **{str(code): refusal for code in (*route.refusals, 503)},
            },
        }
        if self._requires_fresh and route.fresh is not None:
            operation["description"] = FRESH[route.fresh]
        if route.token is not None:
            operation["security"] = self._security(route)
        parameters = [_parameter(name) for name in re.findall(r"<(\w+)>", route.rule)]
        return operation | ({"parameters": parameters} if parameters else {}) | self._request(route)

    def _answer(self, description: str, body: Any, media: str) -> Schema:
        content = {} if body is None else {"content": {media: {"schema": self._schemas[body]}}}
        return {"description": description, **content}

    def _request(self, route: Route) -> Schema:
        """Return the body that a route accepts: its own, or the refresh token if that may come in JSON."""
        in_json = route.token in ("refresh", "either") and "json" in self._config.token_locations
        takes = route.takes or (RequestBody(bodies.RefreshToken) if in_json else None)
        if takes is None:
            return {}
        content = {takes.media: {"schema": self._schemas[takes.type]}}
        return {"requestBody": {"required": route.takes is not None, "content": content}}

    def _security(self, route: Route) -> Security:
        """Return the alternatives, one of which must be met."""
        config, safe = self._config, route.method == "GET"
        access = ways_of(config, config.token_locations, safe=safe)
        if route.token == "access":
            return access
        refresh = ways_of(config, _refresh_locations(config), safe=safe)
        return refresh if route.token == "refresh" else [{}, *access, *(way for way in refresh if way not in access)]


def _parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": _PARAMETERS[name]}


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _refresh_locations(config: Config) -> set[str]:
    """Return where a refresh token may be: not in a query, and in a cookie of its own."""
    if config.token_mode == "opaque":
        return set(config.token_locations)
    own = {"cookie": "refresh_cookie", "query": ""}
    return {own.get(name, name) for name in config.token_locations} - {""}
