"""From a session in the record to the pair of tokens that point to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec.structs import replace

from flask_gosession.errors import SessionEnded
from flask_gosession.session.claims import merge_claims
from flask_gosession.session.record import Session
from flask_gosession.tokens.types import Claims, Codec, TokenPair, TokenType, refuse_reserved

ClaimsLoader = Callable[[str], Mapping[str, Any] | None]
"""Maps a subject to the claims that the app adds to its access tokens."""

JITTER = 0.25
"""Access tokens expire earlier by up to this share: who knew the time of the next refresh could race for it."""
LONGEST_JITTERED = 3600.0
"""Lifetimes longer than this, in seconds, are an app's promise, and are kept exactly."""


class Issuer(msgspec.Struct, eq=False):
    """Issues token pairs; *rng* returns a random float in [0, 1), *loader* adds the app's claims to access tokens.

    No token lives longer than *longest_lifetime* seconds, the codec's limit.
    """

    codec: Codec
    rng: Callable[[], float]
    longest_lifetime: float
    loader: ClaimsLoader | None = None

    def draw(self, subject: str) -> Mapping[str, Any]:
        """Return what the claims loader returns for *subject* now.

        What the loader raises passes to the caller. Raises ValueError for reserved names, and TypeError for an
        answer that is neither a mapping nor None.
        """
        drawn = self.loader(subject) if self.loader else None
        if drawn is None:
            return {}
        if not isinstance(drawn, Mapping):
            raise TypeError(f"The claims loader returned {type(drawn).__name__}; it returns a dict of claims, or None.")
        refuse_reserved(drawn)
        return drawn

    def pair(self, subject: str, session: Session, now: float, drawn: Mapping[str, Any]) -> TokenPair:
        """Return the current tokens of *session*, newly dated.

        *drawn* is what `draw` returned. Nothing outlives the session. Raises ValueError for claims that are too large.
        """
        pair = self._signed(session, self.access(subject, session, now, drawn), now)
        jti, end = session.refresh or b"", int(session.expires)
        token = self.codec.encode(self._claims(subject, session, TokenType.REFRESH, jti, now, end, {}))
        return replace(pair, refresh_token=token, refresh_expires_in=max(0, end - int(now)))

    def pair_again(self, subject: str, session: Session, now: float, drawn: Mapping[str, Any]) -> TokenPair:
        """Like `pair`, for a stored session. Raises SessionEnded if no token can be made of what is stored."""
        with self._judging(subject, session, now):
            return self.pair(subject, session, now, drawn)

    def signed(self, session: Session, access: Claims, now: float) -> TokenPair:
        """Return the access token of a stored session with the claims *access*. Raises what `pair_again` raises."""
        with self._judging(access.subject, session, now):
            return self._signed(session, access, now)

    @contextmanager
    def _judging(self, subject: str, session: Session, now: float) -> Iterator[None]:
        """Raise SessionEnded if a token could not be made, and cannot be made without the loaded claims, either."""
        try:
            yield
        except (TypeError, ValueError):
            try:
                self.pair(subject, session, now, {})
            except (TypeError, ValueError) as error:
                raise SessionEnded from error
            raise

    def _signed(self, session: Session, access: Claims, now: float) -> TokenPair:
        expires_in = max(0, access.expires_at - int(now))
        return TokenPair(
            access_token=self.codec.encode(access),
            expires_in=expires_in,
            refresh_after=self._refresh_after(min(expires_in, session.access_lifetime)),
            session_expires_at=int(session.expires),
            sid=session.sid,
            remember=session.remember,
        )

    def access(self, subject: str, session: Session, now: float, drawn: Mapping[str, Any]) -> Claims:
        """Return the claims of a new access token of *session*; *drawn* is what `draw` returned."""
        ends = session.ends
        if self.codec.dated:
            jitter = JITTER * self.rng() if session.access_lifetime <= LONGEST_JITTERED else 0.0
            ends = min(now + session.access_lifetime * (1 - jitter), session.expires)
        claims = merge_claims(session, drawn)
        return self._claims(subject, session, TokenType.ACCESS, session.access, now, ends, claims)

    def _refresh_after(self, lifetime: float) -> int:
        """Return a random moment between 50 and 90 % of a lifetime, which others cannot predict."""
        return int(lifetime * (0.5 + 0.4 * self.rng()))

    def _claims(
        self,
        subject: str,
        session: Session,
        kind: TokenType,
        jti: bytes,
        now: float,
        ends: float,
        extra: dict[str, Any],
    ) -> Claims:
        if session.actor is not None:
            extra = {**extra, "act": {"sub": session.actor.subject}}
        issued_at = int(now)
        # The session may have been made by a clock that is ahead of this one.
        longest = issued_at + math.ceil(self.longest_lifetime)
        return Claims(
            subject=subject,
            sid=session.id,
            jti=jti,
            type=kind,
            gen=session.gen,
            issued_at=issued_at,
            expires_at=max(issued_at, min(int(ends), longest)),
            # The actor has not shown the credentials of the user whose session it is.
            auth_time=0 if session.actor else int(session.authenticated),
            client=session.client,
            extra=extra,
            parent=session.parent_refresh,
            salt=session.salt,
        )
