"""When a token ends, read from the token itself without asking anybody: for planning ahead, not for trusting it."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from typing import Any

LEAST_MARGIN = 30.0
"""A token is refreshed at least so many seconds before its end."""
SHARE_OF_LIFETIME = 0.1


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a JWT *without verifying anything*: anybody may have written them.

    Raises ValueError for what is not a JWT; an opaque token has no claims to read.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not a JWT: it has no three parts")
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        raise ValueError("not a JWT: its claims cannot be read") from None
    if not isinstance(claims, dict):
        raise ValueError("not a JWT: its claims are not an object")  # noqa: TRY004 - one error for whatever is wrong
    return claims


def expires_at(token: str) -> int | None:
    """Return when *token* says it ends, in Unix seconds; None when it does not say. Not a verification.

    Raises ValueError for what is not a JWT, or one whose ``exp`` is not a number.
    """
    return _time(claims_of(token), "exp")


def seconds_left(token: str, *, now: float | None = None, skew: float = 0) -> float:
    """Return the seconds until *token* ends: negative when it has, infinite when it does not say. Not a verification.

    *skew* is by how many seconds the issuer's clock is ahead of ours. Raises ValueError as `expires_at` does.
    """
    end = expires_at(token)
    return float("inf") if end is None else end - _now(now) - skew


def is_expired(token: str, leeway: float = 0, *, now: float | None = None) -> bool:
    """Return whether *token* ended at least *leeway* seconds ago. Not a verification: False does not make it valid.

    Raises ValueError as `expires_at` does.
    """
    return seconds_left(token, now=now) <= -leeway


def refresh_at(token: str) -> float | None:
    """Return when to refresh *token*, in Unix seconds; None when it does not end. Not a verification.

    That is 30 seconds or a tenth of its lifetime before its end, whichever is more, but never in the first half of
    a short life. Raises ValueError as `expires_at` does.
    """
    claims = claims_of(token)
    end, start = _time(claims, "exp"), _time(claims, "iat")
    if end is None:
        return None
    if start is None:
        return end - LEAST_MARGIN
    lifetime = max(end - start, 0)
    return end - min(max(LEAST_MARGIN, lifetime * SHARE_OF_LIFETIME), lifetime / 2)


def refresh_due(token: str, *, now: float | None = None) -> bool:
    """Return whether it is time to refresh *token*, see `refresh_at`. Not a verification.

    Raises ValueError as `expires_at` does.
    """
    due = refresh_at(token)
    return due is not None and _now(now) >= due


def _now(now: float | None) -> float:
    return time.time() if now is None else now


def _time(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"not a JWT: its {name} is not a number")  # noqa: TRY004 - as above
    try:
        return int(value)
    except (ValueError, OverflowError):
        raise ValueError(f"not a JWT: its {name} is not a time") from None
