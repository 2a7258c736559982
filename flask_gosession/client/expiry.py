"""When a token ends, read from the token alone: good for planning ahead, not for trusting the token."""

from __future__ import annotations

import json
import random
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

MARGIN = 30.0
"""A token that does not say when its life began is refreshed so many seconds before its end."""
EARLIEST, LATEST = 0.5, 0.9
"""The shares of its life between which a token is refreshed."""
NEVER = 1e15
"""No real time is as late; infinity and NaN are not below it."""


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a JWT *without verifying them*: anybody may have written them.

    Raises ValueError for anything that is not a JWT, including None; an opaque token has no readable claims.
    """
    parts = token.split(".") if isinstance(token, str) else ()
    if len(parts) != 3:
        raise ValueError("not a JWT: it does not have three parts")
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):  # not base64, UTF-8 or JSON, or nested too deeply
        raise ValueError("not a JWT: its claims cannot be read") from None
    if not isinstance(claims, dict):
        raise ValueError("not a JWT: its claims are not an object")  # noqa: TRY004 - one error for whatever is wrong
    return claims


def expires_at(token: str) -> int | None:
    """Return when *token* says it ends, in Unix seconds; None if it does not say. Not a verification.

    Raises ValueError for anything that is not a JWT, or one whose ``exp`` is not a number.
    """
    return _time(claims_of(token), "exp")


def seconds_left(token: str, *, now: float | None = None, skew: float = 0) -> float:
    """Return the seconds until *token* ends: negative if it has ended, infinite if it does not say. Not a verification.

    *skew* is how many seconds the issuer's clock is ahead of ours. Raises ValueError as `expires_at` does, and for
    a *now* or *skew* that is not a number.
    """
    end, ahead = expires_at(token), _seconds(skew)
    return float("inf") if end is None else end - _now(now) - ahead


def is_expired(token: str, leeway: float = 0, *, now: float | None = None) -> bool:
    """Return whether *token* ended at least *leeway* seconds ago. Not a verification: False does not make it valid.

    Raises ValueError as `seconds_left` does.
    """
    return seconds_left(token, now=now) <= -_seconds(leeway)


def refresh_at(token: str, *, rng: Callable[[], float] = random.random) -> float | None:
    """Return when to refresh *token*, in Unix seconds; None if it does not end. Not a verification.

    That is at a random 50 to 90 % of its life, drawn by *rng* at each call, so a thief cannot predict the refresh.
    Raises ValueError as `expires_at` does.
    """
    claims = claims_of(token)
    end, start = _time(claims, "exp"), _time(claims, "iat")
    if end is None:
        return None
    if start is None:
        return end - MARGIN
    return start + max(end - start, 0) * (EARLIEST + (LATEST - EARLIEST) * rng())


def refresh_due(token: str, *, now: float | None = None) -> bool:
    """Return whether it is time to refresh *token*, by a moment drawn at each call (`refresh_at`). Not a verification.

    Raises ValueError as `seconds_left` does.
    """
    due, moment = refresh_at(token), _now(now)
    return due is not None and moment >= due


def _now(now: float | None) -> float:
    return time.time() if now is None else _seconds(now)


def _seconds(value: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("not a number of seconds") from None


def _time(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < NEVER:
        raise ValueError(f"not a JWT: its {name} is not a time")
    return int(value)
