"""Signed tokens: JWTs in one canonical form, verified strictly and remembered once verified."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from typing import Any

import jwt
import msgspec

from flask_gosession import ids
from flask_gosession.errors import TokenInvalid
from flask_gosession.tokens.claims import LONGEST_LIFETIME, TYP, ClaimRules, Verified
from flask_gosession.tokens.jws import JWS, checked_text, parse
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.keys import ALGORITHMS, Key
from flask_gosession.tokens.types import RESERVED_CLAIMS, Claims, Minted, TokenType

__all__ = ["RESERVED_CLAIMS", "JWTCodec", "UnknownKey"]

logger = logging.getLogger("flask_gosession")

# Only the signature is PyJWT's part, so its algorithms are called directly: its decode would parse a second time,
# more leniently than `jws.parse`, and warn or fail about times that are ours to judge.
_ALGORITHMS = jwt.PyJWS(algorithms=ALGORITHMS)
_LONGEST_LOGGED = 40


class UnknownKey(TokenInvalid):
    """The token names a key that is not in the keyring: forged, or signed with a newer key than we know."""


class JWTCodec:
    """Turns claims into JWTs and back. Durations are seconds, sizes bytes.

    A token may be at most *max_bytes* long and live at most *longest_lifetime*. *issuer* must match exactly (None:
    there must be no ``iss``), *audience* must be one of the token's. *leeway* applies to ``exp``, ``iat`` and
    ``nbf``. The last *cache_size* tokens verified are remembered, so that seeing one again costs no cryptography;
    its type and times are checked each time.
    """

    refreshable = True

    def __init__(
        self,
        keyring: Keyring,
        *,
        issuer: str | None = None,
        audience: str = "default",
        leeway: float = 10.0,
        longest_lifetime: float = LONGEST_LIFETIME,
        max_bytes: int = 8192,
        cache_size: int = 4096,
    ) -> None:
        self.keyring = keyring
        self._rules = ClaimRules(issuer, audience, longest_lifetime, leeway)
        self._max_bytes = max_bytes
        self._verified = lru_cache(maxsize=cache_size)(self._verify)

    def mint(self) -> Minted:
        """Draw the jti of a token to come."""
        identifier = ids.new_id()
        return Minted(identifier, identifier)

    def encode(self, claims: Claims, secret: bytes) -> str:
        """Return the signed token.

        Raises ValueError where the app's own claims have a reserved name or are not plain JSON, where the token
        would live too long, and where it would be too long a text for `decode`.
        """
        key = self.keyring.signer(claims.type.value)
        text = f"{_header(key.alg, key.kid, TYP[claims.type])}.{ids.to_text(self._payload(claims, secret))}"
        signature = _ALGORITHMS.get_algorithm_by_name(key.alg).sign(text.encode(), key.signing)
        token = f"{text}.{ids.to_text(signature)}"
        if len(token) > self._max_bytes:
            raise ValueError(f"The token would have {len(token)} bytes, at most {self._max_bytes} are allowed.")
        return token

    def decode(self, token: str, expected: TokenType, now: float, *, allow_expired: bool = False) -> Claims:
        """Verify *token* and return what it says.

        Raises TokenMalformed when it does not have the shape of our tokens, TokenTypeError and TokenExpired when
        it is one of ours but not for this, and TokenInvalid for everything else; never anything but these four.
        With *allow_expired* the times are not looked at, everything else is.
        """
        verified = self._verified(checked_text(token, self._max_bytes))
        self._rules.check(verified, expected, now, allow_expired=allow_expired)
        return _own_copy(verified.claims) if verified.claims.extra else verified.claims

    def _payload(self, claims: Claims, secret: bytes) -> bytes:
        try:
            return self._rules.write(claims, secret)
        except (TypeError, RecursionError, UnicodeEncodeError):
            raise ValueError("The subject and the app's own claims must be plain JSON.") from None

    def _verify(self, token: str) -> Verified:
        jws = parse(token, self._max_bytes)
        _check_signature(jws, self._key_of(jws))
        verified = self._rules.read(jws.payload, jws.typ)
        if verified is None:
            raise TokenInvalid
        return verified

    def _key_of(self, jws: JWS) -> Key:
        key = self.keyring.get(jws.kid)
        if key is None:
            logger.debug("token refused: unknown kid %s", ascii(jws.kid[:_LONGEST_LOGGED]))
            raise UnknownKey
        if key.use is not None and jws.typ != TYP[TokenType(key.use)]:
            raise TokenInvalid
        return key


@lru_cache(maxsize=64)
def _header(alg: str, kid: str, typ: str) -> str:
    header = {"alg": alg, "kid": kid, "typ": typ}
    return ids.to_text(json.dumps(header, separators=(",", ":")).encode())


def _check_signature(jws: JWS, key: Key) -> None:
    if jws.alg != key.alg:
        raise TokenInvalid
    algorithm = _ALGORITHMS.get_algorithm_by_name(key.alg)
    if not algorithm.verify(jws.signing_input, key.verifying, jws.signature):
        raise TokenInvalid


def _own_copy(claims: Claims) -> Claims:
    """Keep what a caller does to the app's claims out of the remembered ones."""
    return msgspec.structs.replace(claims, extra=_copied(claims.extra))


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_copied(each) for each in value]
    return value
