"""The bodies that the endpoints accept and return; the JSON and the OpenAPI schemas come from their fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from flask_gosession.discreet import Discreet
from flask_gosession.session.names import CLIENT_PATTERN
from flask_gosession.session.record import Session, hour_of

UnixTime = Annotated[int, Meta(description="Unix seconds")]
Seconds = Annotated[int, Meta(ge=0, description="Seconds from now")]
Count = Annotated[int, Meta(ge=0)]


class Error(msgspec.Struct, frozen=True):
    """Why a request was refused: `error` is stable, `message` is for a person, `reason` says why a session ended."""

    error: str
    message: str
    reason: str | None
    at: UnixTime | UnsetType = UNSET
    client: str | UnsetType = UNSET
    until: UnixTime | UnsetType = UNSET


class Credentials(Discreet, msgspec.Struct, frozen=True):
    """A login. `remember` asks for a session that outlives the browser."""

    username: str
    password: str
    client: Annotated[str, Meta(pattern=f"^{CLIENT_PATTERN}$")] = "web"
    remember: bool = False


class RefreshToken(Discreet, msgspec.Struct, frozen=True):
    """The refresh token, if tokens may come in JSON."""

    refresh_token: str | UnsetType = UNSET


class TokenForm(Discreet, msgspec.Struct, frozen=True):
    """The token to revoke or introspect (RFC 7009, RFC 7662); the hint is not needed."""

    token: Annotated[str, Meta(min_length=1)]
    token_type_hint: str | UnsetType = UNSET


class IntrospectionForm(TokenForm, frozen=True):
    """The token to introspect, and where it came from: the address and user agent of the client that sent it.

    These are needed if sessions are bound to them and a session that has moved is refused.
    """

    ip: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET


class Tokens(Discreet, msgspec.Struct, frozen=True):
    """What `TokenPair.to_dict` returns (RFC 6749 section 5.1); without tokens if they travel in cookies."""

    _shown = ("expires_in",)

    expires_in: Seconds
    refresh_after: Seconds
    session_expires_at: UnixTime
    access_token: str | UnsetType = UNSET
    token_type: Literal["Bearer"] | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    refresh_expires_in: Seconds | UnsetType = UNSET


class EndedCount(msgspec.Struct, frozen=True):
    """How many live sessions were ended."""

    ended: Count


class SessionTimes(msgspec.Struct, frozen=True):
    """When the access token and the session end, and the server's time."""

    exp: UnixTime
    session_expires_at: UnixTime
    now: UnixTime


class Liveness(msgspec.Struct, frozen=True):
    """The session is live; if it is not, the refusal says why."""

    live: bool


class SessionEntry(msgspec.Struct, frozen=True):
    """What a person may see of a session; `actor` is the subject who signed in as this person."""

    sid: str
    client: str
    label: str
    ip: str
    agent: str
    created: UnixTime
    last_seen: UnixTime
    expires: UnixTime
    remember: bool
    actor: str | None
    current: bool

    @classmethod
    def of(cls, session: Session, *, current: bool) -> SessionEntry:
        """Return what to show of *session*; *current* says that the request came with it."""
        return cls(
            sid=session.sid,
            client=session.client,
            label=session.label,
            ip=session.ip,
            agent=session.agent,
            created=int(session.created),
            last_seen=hour_of(session.seen),
            expires=int(session.expires),
            remember=session.remember,
            actor=session.actor.subject if session.actor else None,
            current=current,
        )


class SessionList(msgspec.Struct, frozen=True):
    """The live sessions of a person, the most recently used first."""

    sessions: list[SessionEntry]


class KeySet(msgspec.Struct, frozen=True):
    """A JWK Set (RFC 7517 section 5)."""

    keys: list[dict[str, Any]]


class Actor(msgspec.Struct, frozen=True):
    """The subject who signed in as another (RFC 8693 section 4.1)."""

    sub: str


class Introspection(msgspec.Struct, frozen=True):
    """Whether a token is active, and its claims (RFC 7662 section 2.2); the app's own claims come on top."""

    active: bool
    token_type: Literal["Bearer", "refresh_token"] | UnsetType = UNSET
    sub: str | UnsetType = UNSET
    sid: str | UnsetType = UNSET
    client: str | UnsetType = UNSET
    iat: UnixTime | UnsetType = UNSET
    exp: UnixTime | UnsetType = UNSET
    auth_time: UnixTime | UnsetType = UNSET
    act: Actor | UnsetType = UNSET
