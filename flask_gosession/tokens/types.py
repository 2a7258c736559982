"""What a token says, and what a codec does: the words shared by JWTs and opaque tokens."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Any, NamedTuple, Protocol

import msgspec

from flask_gosession import ids

RESERVED_CLAIMS = frozenset(
    {"iss", "aud", "sub", "sid", "jti", "gen", "iat", "exp", "nbf", "auth_time", "client", "act"}
)
"""The names that an app's own claims may not have. Only the session manager puts ``act`` into ``Claims.extra``."""


class TokenType(str, Enum):
    """What a token may be used for."""

    ACCESS = "access"
    REFRESH = "refresh"


class Claims(msgspec.Struct, frozen=True):
    """What a verified token says. Times are Unix seconds; ``sid`` and ``jti`` are raw bytes, see `sid_text`."""

    subject: str
    sid: bytes
    jti: bytes
    type: TokenType
    gen: int = 0
    issued_at: int = 0
    expires_at: int = 0
    auth_time: int = 0
    client: str = ""
    extra: dict[str, Any] = {}

    @property
    def sid_text(self) -> str:
        """The session id as it stands in tokens, lists and addresses."""
        return ids.to_text(self.sid)

    def __repr__(self) -> str:
        return f"Claims(subject={self.subject!r}, sid={self.sid_text!r}, type={self.type.value!r})"


def refuse_reserved(names: Collection[object], reserved: Collection[str] = RESERVED_CLAIMS) -> None:
    """Raise ValueError, naming them, where *names* of an app's own claims are reserved or no texts."""
    if not all(isinstance(name, str) for name in names):
        raise ValueError("The names of claims must be texts.")
    taken = sorted(set(reserved).intersection(names))
    if taken:
        raise ValueError(f"The claims {', '.join(taken)} are reserved; use other names for the app's own.")


class Minted(NamedTuple):
    """A new token's identity: ``id`` goes into the record, ``secret`` only into the token (for JWTs they are equal)."""

    id: bytes
    secret: bytes

    def __repr__(self) -> str:
        return "Minted()"


class Codec(Protocol):
    """Turns claims into token text and back; strict, and without a clock of its own."""

    refreshable: bool
    """Whether a refresh token goes beside the access token; without one the access token is extended by use."""

    def mint(self) -> Minted:
        """Draw the identity of a token to come."""
        ...

    def encode(self, claims: Claims, secret: bytes) -> str:
        """Return the token text for *claims*."""
        ...

    def decode(self, token: str, expected: TokenType, now: float, *, allow_expired: bool = False) -> Claims:
        """Verify *token* and return what it says.

        Raises TokenMalformed, TokenInvalid, TokenTypeError or TokenExpired, and nothing else, whatever *token* is.
        Costs no I/O. With *allow_expired* a token that is right in all but its times is accepted.
        """
        ...


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one login or refresh. Durations are seconds from now, ``session_expires_at`` is a Unix time."""

    access_token: str
    refresh_token: str | None = None
    token_type: str = "Bearer"  # noqa: S105
    expires_in: int
    refresh_after: int
    refresh_expires_in: int | None = None
    session_expires_at: int
    sid: str
    remember: bool = False
    in_cookies: bool = False
    """Whether the tokens go to the browser as cookies: they are then left out of the body."""

    def to_dict(self) -> dict[str, Any]:
        """Return the pair as the JSON body of a login or refresh answer (RFC 6749 section 5.1)."""
        names = ("expires_in", "refresh_after", "session_expires_at")
        body = {name: getattr(self, name) for name in names}
        if self.in_cookies:
            return body
        body |= {"access_token": self.access_token, "token_type": self.token_type}
        if self.refresh_token is not None:
            body |= {"refresh_token": self.refresh_token, "refresh_expires_in": self.refresh_expires_in}
        return body

    def __repr__(self) -> str:
        return f"TokenPair(sid={self.sid!r}, expires_in={self.expires_in})"
