"""The claims of a JWT, as a JSON object and as `Claims`: which are required, their types, and when they hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec

from flask_gosession import ids
from flask_gosession.errors import TokenExpired, TokenInvalid, TokenTypeError
from flask_gosession.tokens.jws import strict_json
from flask_gosession.tokens.types import RESERVED_CLAIMS, Claims, TokenType, refuse_reserved

__all__ = ["LONGEST_LIFETIME", "RESERVED_CLAIMS", "TYP", "ClaimRules", "Verified"]

TYP = {TokenType.ACCESS: "at+jwt", TokenType.REFRESH: "rt+jwt", TokenType.REMEMBER: "rm+jwt"}
"""The header's ``typ`` (RFC 9068 section 2.1, and its like for the others)."""
_TYPE_OF = {typ: kind for kind, typ in TYP.items()}

_OURS = RESERVED_CLAIMS - {"act"}


_LARGEST = 2**53
"""Up to here, every JSON reader keeps an integer exact."""

_encode = msgspec.json.Encoder().encode

LONGEST_LIFETIME = 180 * 86_400.0
"""How long a token may live by default, in seconds."""


class Verified(NamedTuple):
    """The unchanging part of a verified token; whether it holds now is checked each time."""

    claims: Claims
    starts: int
    """The later of ``iat`` and ``nbf``."""


class ClaimRules(msgspec.Struct, frozen=True):
    """What a token must claim. ``longest_lifetime`` and ``leeway`` are seconds."""

    issuer: str | None
    audience: str
    longest_lifetime: float
    leeway: float

    def write(self, claims: Claims) -> bytes:
        """Return *claims* as the JSON payload; raises ValueError for what `read` would refuse."""
        _refuse_reserved(claims.extra)
        body = {**claims.extra, **self._own(claims)}
        if self._is_sound(claims):
            return _encode(body)
        payload = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        verified = self.read(payload, TYP[claims.type])
        if verified is None:
            raise ValueError(
                "These claims cannot be put into a token: the subject must be a text, the lifetime at most "
                f"{self.longest_lifetime:.0f} s, and the app's own claims plain JSON, not deeply nested."
            )
        return payload

    def read(self, payload: bytes, typ: str) -> Verified | None:
        """Return the claims of a verified payload, or None if one is missing, of a wrong type or not ours."""
        body, kind = strict_json(payload), _TYPE_OF.get(typ)
        if body is None or kind is None or not self._is_for_us(body):
            return None
        sid, jti = ids.from_text(body.get("sid")), ids.from_text(body.get("jti"))
        if sid is None or jti is None or not self._times_fit(body) or not _details_fit(body):
            return None
        extra = {name: value for name, value in body.items() if name not in _OURS}
        # Only a refresh token names its parent: in an access token the app may use that name.
        named = extra.pop("par", None) if kind is TokenType.REFRESH else None
        parent = ids.from_text(named)
        if named is not None and parent is None:
            return None
        claims = Claims(
            subject=body["sub"],
            sid=sid,
            jti=jti,
            type=kind,
            gen=body["gen"],
            issued_at=body["iat"],
            expires_at=body["exp"],
            auth_time=body.get("auth_time", 0),
            client=body.get("client", ""),
            extra=extra,
            parent=parent,
            issuer=body.get("iss"),
            audience=_texts(body["aud"]),
        )
        return Verified(claims, max(body["iat"], body.get("nbf", 0)))

    def check(
        self, token: Verified, expected: TokenType, now: float, *, allow_expired: bool, allow_early: bool
    ) -> None:
        """Raise unless *token* is of the *expected* type and holds at *now*.

        The leeway is for clocks that differ: a token is not yet valid before ``iat - leeway`` (or ``nbf - leeway``)
        and has expired from ``exp + leeway`` on, that instant included. With *allow_expired* the end does not count,
        with *allow_early* the beginning: a sign-out must work even if the clock was set back.
        """
        if token.claims.type is not expected:
            raise TokenTypeError
        if token.starts > now + self.leeway and not allow_early:
            raise TokenInvalid
        if now >= token.claims.expires_at + self.leeway and not allow_expired:
            raise TokenExpired

    def _own(self, claims: Claims) -> dict[str, Any]:
        own: dict[str, Any] = {} if self.issuer is None else {"iss": self.issuer}
        own |= {"aud": self.audience, "sub": claims.subject, "sid": claims.sid_text, "jti": claims.jti_text}
        own |= {"gen": claims.gen, "iat": claims.issued_at, "exp": claims.expires_at}
        if claims.auth_time:
            own["auth_time"] = claims.auth_time
        if claims.client:
            own["client"] = claims.client
        if claims.parent is not None and claims.type is TokenType.REFRESH:
            own["par"] = claims.parent_text
        return own

    def _is_sound(self, claims: Claims) -> bool:
        """Whether *claims* are of the exact types that `read` brings back, so the round trip can be skipped.

        Dumping and parsing takes four fifths of what an HMAC token costs. Claims that this cannot vouch for, such as
        nested or non-ASCII ones, are not wrong: they are written and read.
        """
        counts = (claims.gen, claims.issued_at, claims.expires_at, claims.auth_time)
        raw, texts = _ids_of(claims), (claims.subject, claims.client, *claims.extra)
        # Types are compared, not asked for by `isinstance`: a subclass may lie about all else.
        return (
            {*map(type, raw)} == {bytes}
            and {*map(len, raw)} == {ids.ID_BYTES}
            and {*map(type, counts)} == {int}
            and 0 <= min(counts) <= max(counts) <= _LARGEST
            and 0 <= claims.expires_at - claims.issued_at <= math.ceil(self.longest_lifetime)
            and claims.subject != ""
            and {*map(type, texts)} == {str}
            and all(map(str.isascii, texts))
            and all(map(_is_flat, claims.extra.values()))
        )

    def _is_for_us(self, body: Mapping[str, Any]) -> bool:
        issuers = () if self.issuer is None else (self.issuer,)
        if tuple(body[name] for name in ("iss",) if name in body) != issuers:
            return False
        audiences = _texts(body.get("aud"))
        return all(isinstance(each, str) for each in audiences) and self.audience in audiences

    def _times_fit(self, body: Mapping[str, Any]) -> bool:
        if not all(_is_count(each) for each in (body.get("iat"), body.get("exp"), body.get("nbf", 0))):
            return False
        lifetime: int = body["exp"] - body["iat"]
        return 0 <= lifetime <= math.ceil(self.longest_lifetime)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _ids_of(claims: Claims) -> tuple[bytes, ...]:
    if claims.parent is None or claims.type is not TokenType.REFRESH:
        return claims.sid, claims.jti
    return claims.sid, claims.jti, claims.parent


def _is_flat(value: object) -> bool:
    """Whether *value* is a scalar that JSON and `strict_json` leave unchanged, or a list of these."""
    kind = type(value)
    if kind is list:
        return all(type(each) is not list and _is_flat(each) for each in cast("list[object]", value))
    if kind is str:
        return cast("str", value).isascii()
    return value is None or kind is bool or (kind is int and abs(cast("int", value)) <= _LARGEST)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0  # a bool is an int to isinstance


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _details_fit(body: Mapping[str, Any]) -> bool:
    counts = _is_count(body.get("gen")) and _is_count(body.get("auth_time", 0))
    texts = _is_text(body.get("sub")) and isinstance(body.get("client", ""), str)
    return counts and texts and _is_actor(body.get("act", {"sub": "nobody"}))


def _is_actor(act: object) -> bool:
    """Return whether *act* names the actor of the subject (RFC 8693 section 4.1)."""
    return isinstance(act, dict) and _is_text(act.get("sub")) and ("sid" not in act or _is_text(act["sid"]))


def _refuse_reserved(extra: Mapping[str, Any]) -> None:
    refuse_reserved(extra, _OURS)
    if "act" in extra and not _is_actor(extra["act"]):
        raise ValueError("The claim act is reserved for impersonation, and needs a dict with the actor's sub.")
