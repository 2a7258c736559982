"""Signed tokens: JWTs in one canonical form, verified strictly and remembered once verified."""

from __future__ import annotations

import hmac
import json
import logging
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import jwt
import msgspec

from flask_gosession import ids
from flask_gosession.errors import TokenInvalid, TokenMalformed
from flask_gosession.tokens.claim_rules import LONGEST_LIFETIME, TYP, ClaimRules, Verified
from flask_gosession.tokens.jws import JWS, parse
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.keys import ALGORITHMS, Key
from flask_gosession.tokens.types import RESERVED_CLAIMS, Claims, PairIds, TokenType

__all__ = ["RESERVED_CLAIMS", "JWTCodec", "UnknownKey"]

logger: logging.Logger = logging.getLogger("flask_gosession")

# Only the signature is PyJWT's part, so its algorithms are called directly: its decode would parse a second time,
# more leniently than `jws.parse`, and warn or fail about times that we check ourselves.
_ALGORITHMS = jwt.PyJWS(algorithms=ALGORITHMS)
_DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_LONGEST_LOGGED = 40
_USE_OF = {
    TYP[TokenType.ACCESS]: "access",
    TYP[TokenType.REFRESH]: "refresh",
    TYP[TokenType.REMEMBER]: "refresh",
}
"""Which use of a key signs which type of token; both credentials that bring a pair have the same."""


class UnknownKey(TokenInvalid):
    """The token names a key that is not in the keyring: forged, or signed with a newer key than we know."""


class JWTCodec:
    """Turns claims into JWTs and back. Durations are seconds, sizes bytes.

    A token may be at most *max_bytes* long and live at most *longest_lifetime*. *issuer* must match exactly (None:
    there must be no ``iss``), *audience* must be one of the token's. *leeway* applies to ``exp``, ``iat`` and ``nbf``.
    The last *cache_size* tokens verified are remembered: seeing one again costs no cryptography, and its type and times
    are checked each time.
    """

    dated = True

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
        self._rules = ClaimRules(issuer, audience, longest_lifetime, leeway)
        self._max_bytes = max_bytes
        self._cache_size = cache_size
        self.use(keyring)

    def use(self, keyring: Keyring) -> None:
        """Use *keyring* from now on, also for tokens that were verified before."""
        self.keyring: Keyring = keyring
        self._verified = lru_cache(maxsize=self._cache_size)(self._verify)

    def current_keyring(self) -> Keyring:
        """Return the keys of this moment."""
        return self.keyring

    def seed(self) -> bytes:
        """Draw the seed of both jti of a pair to come."""
        return ids.new_id() + ids.new_id()

    def pair_ids(self, sid: bytes, parent: bytes | None, seed: bytes) -> PairIds:  # noqa: ARG002 - a jti is random alone
        """Return the jti of both tokens."""
        return PairIds(seed[: ids.ID_BYTES], seed[ids.ID_BYTES :])

    def second_ids(self, sid: bytes, seed: bytes) -> tuple[bytes, bytes]:  # noqa: ARG002 - a jti is random alone
        """Return the jti of a second credential; a signed token has no salt."""
        return seed, b""

    def encode(self, claims: Claims) -> str:
        """Return the signed token.

        Raises ValueError where the app's own claims have a reserved name or are not plain JSON, where the token
        would live too long, and where it would be too long a text for `decode`.
        """
        key = self.keyring.signer(_USE_OF[TYP[claims.type]])
        text = f"{_header(key.alg, key.kid, TYP[claims.type])}.{ids.to_text(self._payload(claims))}"
        token = f"{text}.{ids.to_text(_signature(text.encode(), key))}"
        if len(token) > self._max_bytes:
            raise ValueError(f"The token would have {len(token)} bytes, at most {self._max_bytes} are allowed.")
        return token

    def decode(
        self, token: str, expected: TokenType, now: float, *, allow_expired: bool = False, allow_early: bool = False
    ) -> Claims:
        """Verify *token* and return its claims.

        Raises TokenMalformed when it does not have the shape of our tokens, TokenTypeError and TokenExpired when
        it is one of ours but not for this, and TokenInvalid for everything else; never anything but these four.
        With *allow_expired* the end is not looked at, with *allow_early* neither ``iat`` nor ``nbf``; all else is.
        """
        if type(token) is not str or len(token) > self._max_bytes:  # as `checked_text` does, without a call to it
            raise TokenMalformed
        verified = self._verified(token)
        self._rules.check(verified, expected, now, allow_expired=allow_expired, allow_early=allow_early)
        return _own_copy(verified.claims) if verified.claims.extra else verified.claims

    def _payload(self, claims: Claims) -> bytes:
        try:
            return self._rules.write(claims)
        except (TypeError, RecursionError, UnicodeEncodeError):
            raise ValueError("The subject and the app's own claims must be plain JSON.") from None

    def _verify(self, token: str) -> Verified:
        jws = parse(token, self._max_bytes)
        _check_signature(jws, self._key_of(jws))
        verified = self._rules.read(jws.payload, jws.typ)
        if verified is None:
            raise TokenInvalid
        header = _known_header(jws.alg, jws.kid, jws.typ)
        return verified._replace(claims=msgspec.structs.replace(verified.claims, header=header))

    def _key_of(self, jws: JWS) -> Key:
        key = self.keyring.get(jws.kid)
        if key is None:
            logger.debug("token refused: unknown kid %s", ascii(jws.kid[:_LONGEST_LOGGED]))
            raise UnknownKey
        if key.use is not None and _USE_OF.get(jws.typ) != key.use:
            raise TokenInvalid
        return key


@lru_cache(maxsize=64)
def _header(alg: str, kid: str, typ: str) -> str:
    header = {"alg": alg, "kid": kid, "typ": typ}
    return ids.to_text(json.dumps(header, separators=(",", ":")).encode())


@lru_cache(maxsize=64)
def _known_header(alg: str, kid: str, typ: str) -> MappingProxyType[str, str]:
    """Return the header of verified tokens: one for all that a key has signed, or each would take 300 bytes more."""
    return MappingProxyType({"alg": alg, "kid": kid, "typ": typ})


def _signature(text: bytes, key: Key) -> bytes:
    if isinstance(key.signing, bytes):
        # What PyJWT does by an object of Python around the same function, in a third of the time.
        return hmac.digest(key.signing, text, _DIGESTS[key.alg])
    return _ALGORITHMS.get_algorithm_by_name(key.alg).sign(text, key.signing)


def _check_signature(jws: JWS, key: Key) -> None:
    if jws.alg != key.alg:
        raise TokenInvalid
    algorithm = _ALGORITHMS.get_algorithm_by_name(key.alg)
    if not algorithm.verify(jws.signing_input, key.verifying, jws.signature):
        raise TokenInvalid


def _own_copy(claims: Claims) -> Claims:
    """Return a copy: a caller's changes to the app's claims must not reach the remembered ones."""
    return msgspec.structs.replace(claims, extra=_copied(claims.extra))


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_copied(each) for each in value]
    return value
