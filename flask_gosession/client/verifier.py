"""Verifies access tokens in a service that has no access to the sessions, by the keys that the issuer publishes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from functools import partial

from flask_gosession.client import jwks
from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.tokens.claims import LONGEST_LIFETIME
from flask_gosession.tokens.jwt import JWTCodec, UnknownKey
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.keys import ASYMMETRIC, asymmetric_tools
from flask_gosession.tokens.types import Claims, TokenType

LEAST_INTERVAL = 30.0
"""Between two fetches of the keys, in seconds: tokens with invented kids cannot make us ask more often."""

logger = logging.getLogger("flask_gosession")

# PyJWT's PyJWKClient pins the address, follows no redirect and keeps a cooldown, too, and is not used because: it
# reads an answer of any size; a failed fetch starts no cooldown, so that invented kids reach an issuer that is down
# with every request; it holds its lock while fetching, also for tokens whose key is there; it raises errors of its
# own; and its clock and its transport cannot be given.


class Verifier:
    """Verifies access tokens by the JWK Set at *jwks_url* (https, or http to this host); safe to share by threads.

    A revocation is not seen here before the token expires: ask the issuer where that matters. *algorithms* are those
    accepted, none of them HMAC. The keys are fetched with the first token, then again every *keys_lifetime* seconds
    and for an unknown kid, at most every 30 s. An issuer that does not answer signs nobody out: the keys known go
    on being used. *fetch* takes the URL and returns the body, raising what it likes. Durations are seconds.
    """

    def __init__(
        self,
        jwks_url: str,
        *,
        issuer: str | None,
        audience: str,
        algorithms: Collection[str] = ("RS256", "ES256", "EdDSA"),
        leeway: float = 10.0,
        longest_lifetime: float = LONGEST_LIFETIME,
        keys_lifetime: float = 600.0,
        clock: Callable[[], float] = time.time,
        fetch: Callable[[str], bytes] = jwks.fetch,
    ) -> None:
        _check_algorithms(algorithms)
        self._url = jwks.checked_url(jwks_url)
        self._algorithms = frozenset(algorithms)
        self._codec_of: Callable[[Keyring], JWTCodec] = partial(
            JWTCodec, issuer=issuer, audience=audience, leeway=leeway, longest_lifetime=longest_lifetime
        )
        self._keys_lifetime = keys_lifetime
        self._clock = clock
        self._fetch = fetch
        self._lock = threading.Lock()
        self._codec: JWTCodec = self._codec_of(Keyring(()))  # replaced whole with each key set, and so its cache
        self._tried_at = float("-inf")
        self._fetched_at: float | None = None

    def verify(self, token: str) -> Claims:
        """Return what *token* says.

        Raises TokenMalformed, TokenInvalid, TokenTypeError or TokenExpired; and StoreUnavailable when its key is
        unknown and the issuer could not be asked, so that nothing is known about the token.
        """
        now = self._clock()
        self._renew(now)
        codec = self._codec
        try:
            return codec.decode(token, TokenType.ACCESS, now)
        except UnknownKey:
            with self._lock:
                self._ask_for_newer_than(codec, now)
        return self._codec.decode(token, TokenType.ACCESS, now)

    def _renew(self, now: float) -> None:
        fresh = self._fetched_at is None or now - self._fetched_at <= self._keys_lifetime
        if fresh or not self._lock.acquire(blocking=False):  # one thread asks, the others go on with what we have
            return
        try:
            if self._may_ask(now):
                self._ask(now)
        except StoreUnavailable as error:
            logger.warning("the keys could not be renewed, those known stay in use: %r", error.__cause__)
        finally:
            self._lock.release()

    def _ask_for_newer_than(self, codec: JWTCodec, now: float) -> None:
        if self._codec is not codec:  # another thread has asked, perhaps at a time that is later than ours
            return
        if self._may_ask(now):
            self._ask(now)
        elif self._tried_at != self._fetched_at:
            raise StoreUnavailable(_UNAVAILABLE)

    def _may_ask(self, now: float) -> bool:
        return not 0 <= now - self._tried_at < LEAST_INTERVAL  # a clock set back does not stop us for long

    def _ask(self, now: float) -> None:
        self._tried_at = now
        try:
            keyring = jwks.read_keys(self._fetch(self._url), self._algorithms)
        except Exception as error:
            raise StoreUnavailable(_UNAVAILABLE) from error
        self._codec, self._fetched_at = self._codec_of(keyring), now


_UNAVAILABLE = "The keys to verify the token by are not available; please try again."


def _check_algorithms(algorithms: Collection[str]) -> None:
    odd = [alg for alg in algorithms if alg not in ASYMMETRIC]
    if isinstance(algorithms, str) or odd or not algorithms:
        raise ConfigError(
            f"The algorithms of a Verifier are some of {', '.join(ASYMMETRIC)}: published keys are public."
        )
    try:
        asymmetric_tools()
    except ValueError as error:
        raise ConfigError(f"Verifier {error}.") from None
