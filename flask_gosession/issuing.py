"""From a session in the record to the pair of tokens that point to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from flask_gosession.session.record import Session
from flask_gosession.tokens.types import Claims, Codec, TokenPair, TokenType

JITTER = 0.05
"""Access tokens expire up to this share earlier, so that what signed in together does not refresh together."""


@dataclass(frozen=True)
class Issuer:
    """Issues token pairs; *rng* returns a random float in [0, 1)."""

    codec: Codec
    rng: Callable[[], float]

    def pair(self, subject: str, session: Session, now: float, secret: bytes | None = None) -> TokenPair:
        """Return the current tokens of *session*, newly dated; *secret* is the access token's where it is not its id.

        Nothing outlives the session. Raises ValueError for claims that are reserved or too large.
        """
        pair = self.access_only(subject, session, now, secret)
        refresh = self._refresh(subject, session, now)
        if refresh is None:
            return pair
        token = self.codec.encode(refresh, refresh.jti)
        return replace(pair, refresh_token=token, refresh_expires_in=max(0, refresh.expires_at - int(now)))

    def access_only(self, subject: str, session: Session, now: float, secret: bytes | None = None) -> TokenPair:
        """Return the current access token of *session* alone, newly dated: the same jti, a later end."""
        access = self._access(subject, session, now)
        expires_in = max(0, access.expires_at - int(now))
        return TokenPair(
            access_token=self.codec.encode(access, secret or session.access),
            expires_in=expires_in,
            refresh_after=max(expires_in - max(30, expires_in // 10), expires_in // 2),
            session_expires_at=int(session.expires),
            sid=session.sid,
            remember=session.remember,
        )

    def _access(self, subject: str, session: Session, now: float) -> Claims:
        lifetime = session.lifetime * (1 - JITTER * self.rng()) if self.codec.refreshable else session.ends - now
        expires_at = int(min(now + lifetime, session.expires))
        return self._claims(subject, session, TokenType.ACCESS, session.access, now, expires_at)

    def _refresh(self, subject: str, session: Session, now: float) -> Claims | None:
        if session.refresh is None:
            return None
        return self._claims(subject, session, TokenType.REFRESH, session.refresh, now, int(session.expires))

    @staticmethod
    def _claims(subject: str, session: Session, kind: TokenType, jti: bytes, now: float, expires_at: int) -> Claims:
        extra: dict[str, Any] = dict(session.claims or {}) if kind is TokenType.ACCESS else {}
        if session.act is not None:
            extra["act"] = {"sub": session.act.subject}
        return Claims(
            subject=subject,
            sid=session.id,
            jti=jti,
            type=kind,
            gen=session.gen,
            issued_at=int(now),
            expires_at=expires_at,
            auth_time=int(session.authenticated),
            client=session.client,
            extra=extra,
        )
