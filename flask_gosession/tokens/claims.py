"""The claims of a JWT, as a JSON object and as `Claims`: which there must be, of which type, and when they hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask_gosession import ids
from flask_gosession.errors import TokenExpired, TokenInvalid, TokenTypeError
from flask_gosession.tokens.jws import strict_json
from flask_gosession.tokens.types import RESERVED_CLAIMS, Claims, TokenType, refuse_reserved

__all__ = ["LONGEST_LIFETIME", "RESERVED_CLAIMS", "TYP", "ClaimRules", "Verified"]

TYP = {TokenType.ACCESS: "at+jwt", TokenType.REFRESH: "rt+jwt"}
"""The header's ``typ`` (RFC 9068 section 2.1, and its like for refresh tokens)."""
_TYPE_OF = {typ: kind for kind, typ in TYP.items()}

_OURS = RESERVED_CLAIMS - {"act"}


LONGEST_LIFETIME = 180 * 86_400.0
"""How long a token may live where nobody says otherwise, in seconds."""


class Verified(NamedTuple):
    """What does not change about a verified token; whether it holds now is asked each time."""

    claims: Claims
    starts: int
    """The later of ``iat`` and ``nbf``."""


@dataclass(frozen=True)
class ClaimRules:
    """What a token must say. ``longest_lifetime`` and ``leeway`` are seconds."""

    issuer: str | None
    audience: str
    longest_lifetime: float
    leeway: float

    def write(self, claims: Claims, jti: bytes) -> bytes:
        """Return *claims* as the JSON payload; raises ValueError for what `read` would refuse."""
        _refuse_reserved(claims.extra)
        body = {**claims.extra, **self._own(claims, jti)}
        payload = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        verified = self.read(payload, TYP[claims.type])
        if verified is None:
            raise ValueError(
                "These claims cannot be put into a token: the subject must be a text, the lifetime at most "
                f"{self.longest_lifetime:.0f} s, and the app's own claims plain JSON, not deeply nested."
            )
        return payload

    def read(self, payload: bytes, typ: str) -> Verified | None:
        """Return what a verified payload says, or None when a claim is missing, of an odd type or not ours."""
        body, kind = strict_json(payload), _TYPE_OF.get(typ)
        if body is None or kind is None or not self._is_for_us(body):
            return None
        sid, jti = ids.from_text(body.get("sid")), ids.from_text(body.get("jti"))
        if sid is None or jti is None or not self._times_fit(body) or not _details_fit(body):
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
            extra={name: value for name, value in body.items() if name not in _OURS},
        )
        return Verified(claims, max(body["iat"], body.get("nbf", 0)))

    def check(self, token: Verified, expected: TokenType, now: float, *, allow_expired: bool) -> None:
        """Raise unless *token* is of the *expected* type and holds at *now*.

        The leeway is for clocks that differ: a token is not yet valid before ``iat - leeway`` (or ``nbf - leeway``)
        and has expired from ``exp + leeway`` on, that instant included. With *allow_expired* neither counts: a sign-out
        must not come to nothing at a clock that was set back.
        """
        if token.claims.type is not expected:
            raise TokenTypeError
        if allow_expired:
            return
        if token.starts > now + self.leeway:
            raise TokenInvalid
        if now >= token.claims.expires_at + self.leeway:
            raise TokenExpired

    def _own(self, claims: Claims, jti: bytes) -> dict[str, Any]:
        own: dict[str, Any] = {} if self.issuer is None else {"iss": self.issuer}
        own |= {"aud": self.audience, "sub": claims.subject, "sid": claims.sid_text, "jti": ids.to_text(jti)}
        own |= {"gen": claims.gen, "iat": claims.issued_at, "exp": claims.expires_at}
        if claims.auth_time:
            own["auth_time"] = claims.auth_time
        if claims.client:
            own["client"] = claims.client
        return own

    def _is_for_us(self, body: Mapping[str, Any]) -> bool:
        issuers = () if self.issuer is None else (self.issuer,)
        if tuple(body[name] for name in ("iss",) if name in body) != issuers:
            return False
        audience = body.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        return all(isinstance(each, str) for each in audiences) and self.audience in audiences

    def _times_fit(self, body: Mapping[str, Any]) -> bool:
        if not all(_is_count(each) for each in (body.get("iat"), body.get("exp"), body.get("nbf", 0))):
            return False
        lifetime: int = body["exp"] - body["iat"]
        return 0 <= lifetime <= math.ceil(self.longest_lifetime)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0  # a bool is an int to isinstance


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _details_fit(body: Mapping[str, Any]) -> bool:
    counts = _is_count(body.get("gen")) and _is_count(body.get("auth_time", 0))
    texts = _is_text(body.get("sub")) and isinstance(body.get("client", ""), str)
    return counts and texts and _is_actor(body.get("act", {"sub": "nobody"}))


def _is_actor(act: object) -> bool:
    """Return whether *act* names who acts for the subject (RFC 8693 section 4.1)."""
    return isinstance(act, dict) and _is_text(act.get("sub")) and ("sid" not in act or _is_text(act["sid"]))


def _refuse_reserved(extra: Mapping[str, Any]) -> None:
    refuse_reserved(extra, _OURS)
    if "act" in extra and not _is_actor(extra["act"]):
        raise ValueError("The claim act is reserved for impersonation, and needs a dict with the actor's sub.")
