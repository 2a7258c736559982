"""The OpenAPI document of the ready-made endpoints."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from flask_gosession._version import __version__
from flask_gosession.config import Config
from flask_gosession.context import State
from flask_gosession.ids import ID_CHARS
from flask_gosession.openapi import schemes_for, ways_of
from flask_gosession.session.device import CLIENT_PATTERN

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_CLIENT: Schema = {"type": "string", "pattern": f"^{CLIENT_PATTERN}$", "default": "web"}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "integer", "description": "Unix seconds"}
_SECONDS: Schema = {"type": "integer", "minimum": 0}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ANYTHING: Schema = {"type": "object"}


def describe(state: State, endpoints: Collection[str], *, url: str) -> dict[str, Any]:
    """Return the OpenAPI document of the blueprint's *endpoints*, which stand below *url*."""
    config = state.config
    paths: dict[str, dict[str, Any]] = {}
    for name, one in _operations(config).items():
        if name in endpoints:
            paths.setdefault(one.rule, {})[one.method] = {"operationId": name, **one.as_dict(config)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sessions", "version": __version__},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "securitySchemes": schemes_for(config, {*config.token_locations, *_refresh_locations(config)}),
            "schemas": _SCHEMAS,
        },
    }


class _Operation(NamedTuple):
    """One endpoint; *security* None says that it asks for no token."""

    rule: str
    method: str
    summary: str
    answer: Schema
    refusals: tuple[int, ...] = ()
    status: int = 200
    security: list[dict[str, list[str]]] | None = None
    more: Mapping[str, Any] = {}

    def as_dict(self, config: Config) -> Schema:
        media = "application/problem+json" if config.error_format == "problem" else "application/json"
        refusal = _answer("The reason stands in `error`.", _ref("Error"), media)
        refused = {str(code): refusal for code in (*self.refusals, 503)}
        shown = {"summary": self.summary, "responses": {str(self.status): self.answer, **refused}}
        return {**shown, **({} if self.security is None else {"security": self.security}), **self.more}


def _object(properties: Mapping[str, Any], required: Collection[str] | None = None) -> Schema:
    needed = sorted(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": needed}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: Schema | None = None, media: str = "application/json") -> Schema:
    return {"description": description, **({"content": {media: {"schema": schema}}} if schema else {})}


def _body(media: str, schema: Schema, *, required: bool = True) -> Schema:
    return {"requestBody": {"required": required, "content": {media: {"schema": schema}}}}


def _refresh_locations(config: Config) -> set[str]:
    """Return where a refresh token may be: not in a query, and in a cookie of its own."""
    if config.token_mode == "opaque":  # noqa: S105 - a mode, not a password
        return set(config.token_locations)
    own = {"cookie": "refresh_cookie", "query": ""}
    return {own.get(name, name) for name in config.token_locations} - {""}


def _operations(config: Config) -> dict[str, _Operation]:
    """Return every endpoint, by name."""
    ways, read = ways_of(config, config.token_locations), ways_of(config, config.token_locations, safe=True)
    refresh = ways_of(config, _refresh_locations(config))
    either = [{}, *ways, *(way for way in refresh if way not in ways)]
    pair, ended = _answer("The new tokens.", _ref("TokenPair")), _answer("How many were ended.", _ENDED)
    body = _body("application/json", _REFRESH_BODY, required=False) if "json" in config.token_locations else {}
    return {
        "login": _Operation("/login", "post", "Sign in", pair, (400, 401, 403, 409), more=_LOGIN_BODY),
        "refresh": _Operation(
            "/refresh", "post", "Rotate the refresh token", pair, (401, 403), security=refresh, more=body
        ),
        "logout": _Operation("/logout", "post", "Sign out", _answer("Signed out."), (403,), 204, either, body),
        "logout_all": _Operation("/logout-all", "post", "Sign out everywhere", ended, (401, 403), security=ways),
        "logout_others": _Operation("/logout-others", "post", "Sign out elsewhere", ended, (401, 403), security=ways),
        "session": _Operation(
            "/session", "get", "When the access token and the session end", _answer("Times.", _TIMES), (401,), 200, read
        ),
        "sessions": _Operation("/sessions", "get", "List the sessions", _answer("All.", _LIST), (401,), 200, read),
        "revoke_session": _Operation(
            "/sessions/{sid}", "delete", "End a session", _answer("Ended."), (401, 403), 204, ways, _SID
        ),
        "jwks": _Operation("/jwks.json", "get", "Public keys (RFC 7517)", _answer("A JWK Set.", _KEYS)),
        "revoke": _Operation(
            "/revoke", "post", "Revoke a token (RFC 7009)", _answer("Revoked."), (400,), more=_TOKEN_FORM
        ),
        "introspect": _Operation(
            "/introspect",
            "post",
            "Ask about a token (RFC 7662); who may, the app decides",
            _answer("What it is worth.", _WORTH),
            (400, 401),
            more=_TOKEN_FORM,
        ),
        "script": _Operation("/gosession.js", "get", "The browser module", _answer("It.", _TEXT, "text/javascript")),
        "openapi": _Operation("/openapi.json", "get", "This document", _answer("It.", _ANYTHING)),
    }


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
            "remember": _FLAG,
            "actor": {"type": ["string", "null"]},
            "current": _FLAG,
        }
    ),
}
_ENDED = _object({"ended": _COUNT})
_TIMES = _object({"exp": _TIME, "session_expires_at": _TIME, "now": _TIME})
_LIST = _object({"sessions": {"type": "array", "items": _ref("Session")}})
_KEYS = _object({"keys": {"type": "array", "items": _ANYTHING}})
_WORTH = _object(
    {
        "active": _FLAG,
        "token_type": {"enum": ["Bearer", "refresh_token"]},
        **dict.fromkeys(("sub", "sid", "client"), _TEXT),
        **dict.fromkeys(("iat", "exp", "auth_time"), _TIME),
        "act": _object({"sub": _TEXT}),
    },
    ("active",),
)
_SID_FORM: Schema = {"type": "string", "pattern": f"^[A-Za-z0-9_-]{{{ID_CHARS}}}$"}
_SID = {"parameters": [{"name": "sid", "in": "path", "required": True, "schema": _SID_FORM}]}
_TOKEN_FORM = _body(
    "application/x-www-form-urlencoded",
    _object({"token": {**_TEXT, "minLength": 1}, "token_type_hint": _TEXT}, ("token",)),
)
_REFRESH_BODY = _object({"refresh_token": _TEXT}, ())
_LOGIN_BODY = _body(
    "application/json",
    _object(
        {"username": _TEXT, "password": _TEXT, "client": _CLIENT, "remember": {**_FLAG, "default": False}},
        ("username", "password"),
    ),
)
