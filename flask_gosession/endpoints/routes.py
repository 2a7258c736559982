"""All endpoints in one table, the source of the blueprint, the OpenAPI document and the table in the documentation."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from flask_gosession.endpoints import bodies

SCRIPT, EVENTS_SCRIPT = "gosession.js", "gosession-events.js"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

TokenKind = Literal["access", "refresh", "either"]


class RequestBody(NamedTuple):
    """The body that an endpoint takes: its type, and how it is written."""

    type: type
    media: str = JSON


class Route(NamedTuple):
    """One endpoint.

    *rule* is as Flask writes it, *summary* what a call does, *brings* what the answer is, *refusals* the statuses of
    refusals, apart from the 503 that any endpoint may answer with. *token* is what the endpoint asks for: an access
    token of a live session, a refresh token, either of them or none (`either`), or nothing at all (None). *fresh* says
    for which calls it can be told to ask for a fresh login: all, those about other sessions than the caller's, or none.
    *is_use*: a call is use of the session whose token it brings.
    """

    name: str
    method: str
    rule: str
    summary: str
    brings: str
    answer: Any = None
    """The type of the answer's body; None for an empty one."""
    takes: RequestBody | None = None
    token: TokenKind | None = None
    fresh: Literal["all", "others"] | None = None
    is_use: bool = True
    refusals: tuple[int, ...] = ()
    status: int = 200
    media: str = JSON


ROUTES = (
    Route(
        name="login",
        method="POST",
        rule="/login",
        summary="Sign in",
        brings="the tokens",
        answer=bodies.Tokens,
        takes=RequestBody(bodies.Credentials),
        refusals=(400, 401, 403, 409, 413),
    ),
    Route(
        name="refresh",
        method="POST",
        rule="/refresh",
        summary="Rotate the refresh token",
        brings="the new tokens",
        answer=bodies.Tokens,
        token="refresh",
        refusals=(401, 403, 413),
    ),
    Route(
        name="logout",
        method="POST",
        rule="/logout",
        summary="Sign out",
        brings="nothing",
        token="either",
        refusals=(403, 413),
        status=204,
    ),
    Route(
        name="logout_all",
        method="POST",
        rule="/logout-all",
        summary="Sign out everywhere",
        brings="how many sessions were ended",
        answer=bodies.EndedCount,
        token="access",
        fresh="all",
        refusals=(401, 403),
    ),
    Route(
        name="logout_others",
        method="POST",
        rule="/logout-others",
        summary="Sign out everywhere else",
        brings="how many sessions were ended",
        answer=bodies.EndedCount,
        token="access",
        fresh="all",
        refusals=(401, 403),
    ),
    Route(
        name="session",
        method="GET",
        rule="/session",
        summary="When the access token and the session end",
        brings="the times",
        answer=bodies.SessionTimes,
        token="access",
        refusals=(401,),
    ),
    Route(
        name="events",
        method="GET",
        rule="/events",
        summary="Wait for the end of the session, or ask whether it lives; neither is use of it",
        brings="that it lives, or a stream of events that ends with it",
        answer=bodies.Liveness,
        token="access",
        is_use=False,
        refusals=(401,),
    ),
    Route(
        name="sessions",
        method="GET",
        rule="/sessions",
        summary="List the sessions",
        brings="the live sessions",
        answer=bodies.SessionList,
        token="access",
        fresh="all",
        refusals=(401,),
    ),
    Route(
        name="revoke_session",
        method="DELETE",
        rule="/sessions/<sid>",
        summary="End a session",
        brings="nothing",
        token="access",
        fresh="others",
        refusals=(401, 403),
        status=204,
    ),
    Route(
        name="jwks",
        method="GET",
        rule="/jwks.json",
        summary="Public keys (RFC 7517)",
        brings="a JWK Set",
        answer=bodies.KeySet,
    ),
    Route(
        name="revoke",
        method="POST",
        rule="/revoke",
        summary="Revoke a token (RFC 7009)",
        brings="nothing",
        takes=RequestBody(bodies.TokenForm, FORM),
        refusals=(400, 413),
    ),
    Route(
        name="introspect",
        method="POST",
        rule="/introspect",
        summary="Ask about a token (RFC 7662); the app decides which services may",
        brings="whether the token is active, and its claims",
        answer=bodies.Introspection,
        takes=RequestBody(bodies.IntrospectionForm, FORM),
        refusals=(400, 401, 413),
    ),
    Route(
        name="script",
        method="GET",
        rule=f"/{SCRIPT}",
        summary="The browser module",
        brings="the module",
        answer=str,
        media="text/javascript",
    ),
    Route(
        name="events_script",
        method="GET",
        rule=f"/{EVENTS_SCRIPT}",
        summary="The module that tells a page when its session ends",
        brings="the module",
        answer=str,
        media="text/javascript",
    ),
    Route(
        name="openapi",
        method="GET",
        rule="/openapi.json",
        summary="This document",
        brings="the OpenAPI 3.1 document",
        answer=dict[str, Any],
    ),
)
