"""The rule for the app's own claims: what the login gave, and what the claims loader says now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask_gosession.session.record import Session


def merge_claims(session: Session, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app's claims for an access token of *session*; *drawn* is what the claims loader says now.

    What was given at the login wins. Older records mix it with the loader's answer of that day, and cannot tell
    one from the other: there, the loader wins for the names that it gives, so its old answers do not stay for good.
    """
    given = session.extra_claims or {}
    return {**drawn, **given} if session.claims_own else {**given, **drawn}


def is_json(value: object) -> bool:
    """Whether *value* can be written as JSON, so that a token or an answer can carry it."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
