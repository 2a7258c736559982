"""Entries of the setting ``KEYS``: made, moved on through next, active and retired, and taken out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask_gosession.tokens.keys import ALGORITHMS, SYMMETRIC, Status, asymmetric_tools

Entry = Mapping[str, Any]


def new_entry(alg: str, today: date, *, kid: str | None = None, status: Status = "next") -> dict[str, str]:
    """Return an entry with a newly drawn key, including its private part.

    The kid of a key pair is its thumbprint (RFC 7638). Raises ValueError for an unknown algorithm, and if
    ``cryptography`` is missing.
    """
    if alg not in ALGORITHMS:
        raise ValueError(f"there is no algorithm {alg!r}; choose one of {', '.join(ALGORITHMS)}")
    if alg in SYMMETRIC:
        material = {"secret": secrets.token_urlsafe(2 * SYMMETRIC[alg])}
        own_kid = secrets.token_urlsafe(9)
    else:
        tools = asymmetric_tools()
        pem, public = tools.make_private(alg)
        material, own_kid = {"private_key": pem.decode()}, tools.thumbprint(tools.to_jwk(public))
    return {"kid": kid or own_kid, "alg": alg, "status": status, "created": today.isoformat(), **material}


def rotated(entries: Sequence[Entry], today: date) -> list[dict[str, Any]]:
    """Return *entries* one step on.

    Without a ``next`` key a new one of the active key's algorithm is added, to be published before it signs. With one,
    the active key retires and the next one signs. Raises ValueError if no key is active.
    """
    active = next((entry for entry in entries if entry.get("status") == "active"), None)
    if active is None:
        raise ValueError("no key is active, so there is nothing to rotate")
    upcoming = next((entry for entry in entries if entry.get("status") == "next"), None)
    if upcoming is None:
        return [new_entry(str(active["alg"]), today), *map(dict, entries)]
    moves = {active["kid"]: "retired", upcoming["kid"]: "active"}
    return [{**entry, "status": moves.get(entry["kid"], entry["status"])} for entry in entries]


def without_retired(entries: Sequence[Entry], kid: str) -> list[dict[str, Any]]:
    """Return *entries* without the retired key *kid*. Raises ValueError if there is no such key, or it is in use."""
    found = next((entry for entry in entries if entry.get("kid") == kid), None)
    if found is None:
        raise ValueError(f"there is no key {kid!r}")
    if found.get("status") != "retired":
        raise ValueError(f"the key {kid!r} is {found.get('status')}: only a retired key can be taken out")
    return [dict(entry) for entry in entries if entry is not found]
