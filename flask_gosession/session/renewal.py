"""The rules of a renewal: which access tokens are signed again, with the same jti and a later end, and when."""

from __future__ import annotations

from flask_gosession.session.record import Session
from flask_gosession.tokens.types import Claims


def may_renew(session: Session, *, expired: bool) -> bool:
    """Whether an access token of *session* from a cookie may be renewed, or accepted although it has *expired*.

    Only if the tokens went out as cookies. Older records do not say: there, a token is renewed until it has expired.
    """
    return bool(session.in_cookies) or (session.in_cookies is None and not expired)


def may_be_due(claims: Claims, now: float) -> bool:
    """Whether `is_due` may be true for the session of *claims*, which do not give its access lifetime to the second."""
    lifetime = claims.expires_at - claims.issued_at
    # A token lives up to a quarter shorter than its session's access lifetime.
    return claims.expires_at - now < max(30.0, lifetime / 7)


def is_due(session: Session, claims: Claims, now: float) -> bool:
    """Whether the token of *claims* has expired or soon will, and the session outlives it."""
    left = claims.expires_at - now
    return left < max(30.0, session.access_lifetime / 10) and session.expires - now > left + 1
