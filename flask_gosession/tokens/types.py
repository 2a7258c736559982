"""The claims of a token and the interface of a codec, shared by JWTs and opaque tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any, NamedTuple, Protocol

import msgspec

from flask_gosession import ids
from flask_gosession.discreet import Discreet

RESERVED_CLAIMS = frozenset(
    {"iss", "aud", "sub", "sid", "jti", "gen", "iat", "exp", "nbf", "auth_time", "client", "act"}
)
"""The names that an app's own claims may not have. Only the session manager puts ``act`` into ``Claims.extra``."""


class TokenType(str, Enum):
    """What a token may be used for."""

    ACCESS = "access"
    REFRESH = "refresh"
    REMEMBER = "remember"
    """A second credential of a session: it brings the pair back if the browser has lost it."""


class Claims(Discreet, msgspec.Struct, frozen=True):
    """The claims of a verified token; times are Unix seconds.

    ``sid``, ``jti`` and ``parent`` are raw bytes; `sid_text`, `jti_text` and `parent_text` are what people see.
    """

    _shown = ("subject", "sid_text", "type")

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
    parent: bytes | None = None
    """The ``jti`` of the refresh token that this one succeeds; None for a pair from a login."""
    salt: bytes = b""
    """What an opaque token was derived from, along with its session and its parent."""
    issuer: str | None = None
    """The issuer of a signed token (``iss``); None if it names none, and for an opaque token."""
    audience: tuple[str, ...] = ()
    """The audience of a signed token (``aud``), one or several; empty for an opaque token."""
    header: Mapping[str, str] = {}
    """The header of a signed token: ``alg``, ``kid`` and ``typ``; empty for an opaque token."""

    @property
    def sid_text(self) -> str:
        """The session id as it appears in tokens, lists and addresses."""
        return ids.to_text(self.sid)

    @property
    def jti_text(self) -> str:
        """The id of the token as it appears in the token and in lists."""
        return ids.to_text(self.jti)

    @property
    def parent_text(self) -> str | None:
        """The id of the refresh token that this one succeeds, as it appears in the token."""
        return None if self.parent is None else ids.to_text(self.parent)


def refuse_reserved(names: Collection[object], reserved: Collection[str] = RESERVED_CLAIMS) -> None:
    """Raise ValueError, naming them, if any *names* of an app's own claims are reserved or not text."""
    if not names:  # as at most logins
        return
    if not all(isinstance(name, str) for name in names):
        raise ValueError("The names of claims must be text.")
    taken = sorted(set(reserved).intersection(names))
    if taken:
        raise ValueError(f"The claims {', '.join(taken)} are reserved; use other names for the app's own.")


class PairIds(NamedTuple):
    """What the record keeps of a pair of tokens: the id of each, and the salt that opaque ones are derived from."""

    access: bytes
    refresh: bytes
    salt: bytes = b""

    def __repr__(self) -> str:
        return "PairIds()"


class Codec(Protocol):
    """Turns claims into token text and back; strict, and without a clock of its own."""

    dated: bool
    """Whether an access token itself says when it ends; otherwise it is good until it is superseded."""

    def seed(self) -> bytes:
        """Draw the seed that makes the ids of a pair unique; it is their only randomness."""
        ...

    def pair_ids(self, sid: bytes, parent: bytes | None, seed: bytes) -> PairIds:
        """Return the ids of the pair that a session gets after *parent*; the same seed gives the same ids."""
        ...

    def second_ids(self, sid: bytes, seed: bytes) -> tuple[bytes, bytes]:
        """Return the ``jti`` and the salt of the second credential made from *seed*, 16 bytes."""
        ...

    def encode(self, claims: Claims) -> str:
        """Return the token text for *claims*."""
        ...

    def decode(
        self, token: str, expected: TokenType, now: float, *, allow_expired: bool = False, allow_early: bool = False
    ) -> Claims:
        """Verify *token* and return its claims.

        Raises TokenMalformed, TokenInvalid, TokenTypeError or TokenExpired, and nothing else, whatever *token* is.
        Costs no I/O. *allow_expired* accepts a token that has expired but is right otherwise, *allow_early* one that is
        not valid yet.
        """
        ...


class TokenPair(Discreet, msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one login or refresh. Durations are seconds from now, ``session_expires_at`` is a Unix time."""

    _shown = ("sid", "expires_in")

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
