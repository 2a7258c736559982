"""Verifies access tokens by the issuer's published keys, in a service without access to the sessions."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from flask_gosession import at_fork
from flask_gosession.client import jwks
from flask_gosession.client.jwks import KeysUnavailable
from flask_gosession.durations import Duration, seconds_of
from flask_gosession.errors import ConfigError
from flask_gosession.tokens.claim_rules import LONGEST_LIFETIME
from flask_gosession.tokens.jwt import JWTCodec, UnknownKey
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.keys import ASYMMETRIC, asymmetric_tools
from flask_gosession.tokens.types import Claims, TokenType

LEAST_INTERVAL = 30.0
"""Between two fetches of the keys, in seconds: tokens with invented kids cannot cause more."""

JWKSet = Mapping[str, Any]
"""A JWK Set (RFC 7517 section 5) as read from its JSON."""

logger: logging.Logger = logging.getLogger("flask_gosession")

# PyJWT's PyJWKClient pins the address, follows no redirect and keeps a cooldown, too, and is not used because: it
# reads an answer of any size; a failed fetch starts no cooldown, so that invented kids reach an issuer that is down
# with every request; it holds its lock while fetching, also for tokens whose key is there; it raises errors of its
# own; and its clock and its transport cannot be given.


class Verifier:
    """Verifies access tokens by the JWK Set at *jwks_url* (https, or http to this host); may be shared by threads.

    A revocation is not seen here before the token expires: if that matters, ask the issuer. *algorithms* are those
    accepted, none of them HMAC. The keys are fetched with the first token, then again every *keys_lifetime* seconds and
    for an unknown kid, at most every 30 s. An issuer that does not answer signs nobody out: the known keys stay in use,
    and only a token whose key is unknown waits for it. Instead of an address, *keys* is the JWK Set itself, or a
    function that returns it and is called when an address would be fetched. *fetch* takes the URL and returns the body,
    and may raise anything. Durations are seconds, a timedelta, or text such as ``"10m"``.
    """

    _lock: threading.Lock
    _flight: threading.Event | None

    def __init__(
        self,
        jwks_url: str | None = None,
        *,
        keys: JWKSet | Callable[[], JWKSet] | None = None,
        issuer: str | None,
        audience: str,
        algorithms: Collection[str] = ("RS256", "ES256", "EdDSA"),
        leeway: Duration = 10.0,
        longest_lifetime: Duration = LONGEST_LIFETIME,
        keys_lifetime: Duration = 600.0,
        clock: Callable[[], float] = time.time,
        fetch: Callable[[str], bytes] = jwks.fetch,
    ) -> None:
        _check_algorithms(algorithms)
        self._url = _checked_source(jwks_url, keys)
        self._algorithms = frozenset(algorithms)
        self._codec_of: Callable[[Keyring], JWTCodec] = partial(
            JWTCodec,
            issuer=issuer,
            audience=audience,
            leeway=seconds_of(leeway),
            longest_lifetime=seconds_of(longest_lifetime),
        )
        self._keys_lifetime = seconds_of(keys_lifetime)
        self._clock = clock
        self._fetch = fetch if keys is None else _telling(keys)
        self._codec: JWTCodec = self._codec_of(Keyring(()))  # replaced as a whole, with its cache, for each key set
        self._tried_at = float("-inf")
        self._fetched_at: float | None = None
        self._begin_anew()
        at_fork.in_child(self._begin_anew)

    def verify(self, token: str) -> Claims:
        """Return the claims of *token*.

        Raises TokenMalformed, TokenInvalid, TokenTypeError or TokenExpired; and KeysUnavailable when its key is
        unknown and the issuer could not be asked, so that nothing is known about the token.
        """
        now = self._clock()
        self._renew(now)
        codec = self._codec
        try:
            return codec.decode(token, TokenType.ACCESS, now)
        except UnknownKey:
            self._ask_for_newer_than(codec, now)
        return self._codec.decode(token, TokenType.ACCESS, now)

    def _renew(self, now: float) -> None:
        fresh = self._fetched_at is None or now - self._fetched_at <= self._keys_lifetime
        flight = None if fresh else self._take_off(self._codec, now)
        if flight is None:  # one thread asks, the others use the known keys
            return
        try:
            self._fly(flight, now)
        except KeysUnavailable as error:
            logger.warning("the keys could not be renewed; the known ones stay in use: %r", error.__cause__)

    def _ask_for_newer_than(self, codec: JWTCodec, now: float) -> None:
        """Ask the issuer, or wait for the thread that does, unless the keys were fetched after *codec* was checked."""
        flight = self._take_off(codec, now)
        if flight is not None:
            self._fly(flight, now)
            return
        under_way = self._flight
        landed = under_way is None or under_way.wait(jwks.TIMEOUT)
        if self._codec is codec and not (landed and self._tried_at == self._fetched_at):
            raise KeysUnavailable

    def _take_off(self, codec: JWTCodec, now: float) -> threading.Event | None:
        """Return the event that ends a fetch, if one should happen now, in this thread.

        Another thread may have asked since *codec* was checked, perhaps at a time later than ours.
        """
        with self._lock:
            waits = (
                0 <= now - self._tried_at < LEAST_INTERVAL
            )  # a clock that was set back does not stop fetches for long
            if self._flight is not None or waits or self._codec is not codec:
                return None
            self._tried_at = now
            self._flight = threading.Event()
            return self._flight

    def _fly(self, flight: threading.Event, now: float) -> None:
        try:
            keyring = jwks.read_keys(self._fetch(self._url), self._algorithms)
            self._codec, self._fetched_at = self._codec_of(keyring), now
        except Exception as error:
            raise KeysUnavailable from error
        finally:
            self._flight = None
            flight.set()

    def _begin_anew(self) -> None:
        """Forget a fetch begun by a thread of the parent process; the lock is only ever held for a moment."""
        self._lock = threading.Lock()
        self._flight = None


def _checked_source(jwks_url: str | None, keys: object) -> str:
    """Return the address of the keys, empty if they come from *keys*. Raises ConfigError unless one is given."""
    if (jwks_url is None) == (keys is None):
        raise ConfigError("A Verifier takes its keys from one place: give it jwks_url or keys.")
    return "" if jwks_url is None else jwks.checked_url(jwks_url)


def _telling(keys: JWKSet | Callable[[], JWKSet]) -> Callable[[str], bytes]:
    return lambda _url: json.dumps(keys() if callable(keys) else keys).encode()


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
