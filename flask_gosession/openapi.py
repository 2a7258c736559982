"""OpenAPI 3.1: security schemes and requirements from the app's own decorators, and the blueprint's document."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from flask_gosession._version import __version__
from flask_gosession.config import Config
from flask_gosession.context import State
from flask_gosession.cookies import CookieJar
from flask_gosession.decorators import NEEDS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "integer", "description": "Unix seconds"}
_SECONDS: Schema = {"type": "integer", "minimum": 0}


def security_schemes(config: Config) -> dict[str, Any]:
    """Return the ways in which a token may travel, by scheme name."""
    jar = CookieJar(config, secure=True)
    opaque = config.token_mode == "opaque"  # noqa: S105 - a mode, not a password
    schemes: dict[str, Any] = {
        "header": {"type": "http", "scheme": "bearer", **({} if opaque else {"bearerFormat": "JWT"})},
        "query": {"type": "apiKey", "in": "query", "name": config.query_name},
        "cookie": {"type": "apiKey", "in": "cookie", "name": jar.access.name},
    }
    chosen = {name: scheme for name, scheme in schemes.items() if name in config.token_locations}
    if "cookie" in chosen and config.csrf:
        chosen["csrf"] = {"type": "apiKey", "in": "header", "name": config.csrf_header}
    return {_scheme_name(name, config): scheme for name, scheme in chosen.items()}


def security_of(view: Callable[..., Any], config: Config) -> list[dict[str, list[str]]]:
    """Return the alternatives of which one must be met to call *view*; none for a public one."""
    needs = [need for need in getattr(view, NEEDS, ()) if need["realm"] == config.realm]
    if not needs:
        return []
    ways = [_way(name, config) for name in ("header", "query", "cookie") if name in config.token_locations]
    return [{}, *ways] if all(need.get("optional") for need in needs) else ways


def describe(state: State, endpoints: Collection[str]) -> dict[str, Any]:
    """Return the OpenAPI document of the blueprint's *endpoints*."""
    paths: dict[str, dict[str, Any]] = {}
    for name, (rule, method, operation) in _operations(state.config).items():
        if name in endpoints:
            paths.setdefault(rule, {})[method] = {"operationId": name, **operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sessions", "version": __version__},
        "servers": [{"url": state.config.url_prefix}],
        "paths": paths,
        "components": {"securitySchemes": security_schemes(state.config), "schemas": _SCHEMAS},
    }


def _scheme_name(name: str, config: Config) -> str:
    return name if config.realm == "default" else f"{config.realm}_{name}"


def _way(location: str, config: Config) -> dict[str, list[str]]:
    names = [location, "csrf"] if location == "cookie" and config.csrf else [location]
    return {_scheme_name(name, config): [] for name in names}


def _object(properties: Mapping[str, Any], required: Collection[str] | None = None) -> Schema:
    needed = sorted(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": needed}


_SCHEMAS: dict[str, Schema] = {
    "Error": _object(
        {
            "error": _TEXT,
            "message": _TEXT,
            "reason": {"type": ["string", "null"]},
            "at": _TIME,
            "client": _TEXT,
            "until": _TIME,
        },
        ("error", "message", "reason"),
    ),
    "TokenPair": _object(
        {
            "access_token": _TEXT,
            "token_type": {"const": "Bearer"},
            "expires_in": _SECONDS,
            "refresh_after": _SECONDS,
            "refresh_token": _TEXT,
            "refresh_expires_in": _SECONDS,
            "session_expires_at": _TIME,
        },
        ("expires_in", "refresh_after", "session_expires_at"),
    ),
    "Session": _object(
        {
            **dict.fromkeys(("sid", "client", "label", "ip", "agent"), _TEXT),
            **dict.fromkeys(("created", "last_seen", "expires"), _TIME),
            "remember": {"type": "boolean"},
            "actor": {"type": ["string", "null"]},
            "current": {"type": "boolean"},
        }
    ),
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: Schema | None = None, media: str = "application/json") -> dict[str, Any]:
    return {"description": description, **({"content": {media: {"schema": schema}}} if schema else {})}


def _answers(config: Config, status: int, answer: dict[str, Any], *refusals: int) -> dict[str, Any]:
    media = "application/problem+json" if config.error_format == "problem" else "application/json"
    refused = {str(code): _answer("The reason stands in `error`.", _ref("Error"), media) for code in (*refusals, 503)}
    return {str(status): answer, **refused}


def _form(*fields: str) -> dict[str, Any]:
    schema = _object({**{field: {**_TEXT, "minLength": 1} for field in fields}, "token_type_hint": _TEXT}, fields)
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def _operations(config: Config) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return rule, method and description of every endpoint, by name."""
    ways = [_way(name, config) for name in ("header", "query", "cookie") if name in config.token_locations]
    pair, ended = _answer("The new tokens.", _ref("TokenPair")), _object({"ended": {"type": "integer", "minimum": 0}})
    times = _object({"exp": _TIME, "session_expires_at": _TIME, "now": _TIME})
    listed = _object({"sessions": {"type": "array", "items": _ref("Session")}})
    sid = {"name": "sid", "in": "path", "required": True, "schema": {**_TEXT, "minLength": 1}}

    def operation(
        summary: str, answer: Schema, *refusals: int, status: int = 200, more: Schema | None = None
    ) -> Schema:
        return {"summary": summary, "responses": _answers(config, status, answer, *refusals), **(more or {})}

    signed_in: Schema = {"security": ways}
    return {
        "login": ("/login", "post", operation("Sign in", pair, 400, 401, 403, 409, more={"requestBody": _LOGIN_BODY})),
        "refresh": ("/refresh", "post", operation("Rotate the refresh token", pair, 401, 403, more=signed_in)),
        "logout": (
            "/logout",
            "post",
            operation("Sign out", _answer("Signed out."), 403, status=204, more={"security": [{}, *ways]}),
        ),
        "logout_all": (
            "/logout-all",
            "post",
            operation("Sign out everywhere", _answer("How many sessions were ended.", ended), 401, 403, more=signed_in),
        ),
        "logout_others": (
            "/logout-others",
            "post",
            operation("Sign out elsewhere", _answer("How many sessions were ended.", ended), 401, 403, more=signed_in),
        ),
        "session": ("/session", "get", operation("When it ends", _answer("Times.", times), 401, more=signed_in)),
        "sessions": ("/sessions", "get", operation("List sessions", _answer("Sessions.", listed), 401, more=signed_in)),
        "revoke_session": (
            "/sessions/{sid}",
            "delete",
            operation(
                "End a session", _answer("Ended."), 401, 403, status=204, more={"parameters": [sid], **signed_in}
            ),
        ),
        "jwks": ("/jwks.json", "get", operation("Public keys (RFC 7517)", _answer("A JWK Set.", {"type": "object"}))),
        "revoke": (
            "/revoke",
            "post",
            operation(
                "Revoke a token (RFC 7009)", _answer("It is revoked."), 400, more={"requestBody": _form("token")}
            ),
        ),
        "introspect": (
            "/introspect",
            "post",
            operation(
                "Ask about a token (RFC 7662)",
                _answer("What it is worth.", _object({"active": {"type": "boolean"}})),
                400,
                401,
                more={"requestBody": _form("token")},
            ),
        ),
        "script": ("/gosession.js", "get", operation("The browser module", _answer("It.", _TEXT, "text/javascript"))),
        "openapi": ("/openapi.json", "get", operation("This document", _answer("It.", {"type": "object"}))),
    }


_LOGIN_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": _object(
                {"username": _TEXT, "password": _TEXT, "client": _TEXT, "remember": {"type": "boolean"}},
                ("username", "password"),
            )
        }
    },
}
