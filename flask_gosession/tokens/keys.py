"""One signing key: what it may do, and how it is read from configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib import import_module
from typing import Any, Literal, cast, get_args

import msgspec

from flask_gosession.discreet import Discreet
from flask_gosession.errors import ConfigError
from flask_gosession.tokens.weak_secrets import weakness

Status = Literal["next", "active", "retired"]
STATUSES: tuple[Status, ...] = get_args(Status)

SYMMETRIC: Mapping[str, int] = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The HMAC algorithms, each with the fewest bytes its secret may have (RFC 7518 section 3.2)."""
ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
ALGORITHMS = (*SYMMETRIC, *ASYMMETRIC)
MATERIALS = ("secret", "private_key", "public_key")
FIELDS = ("kid", "alg", "status", *MATERIALS, "created")
_LONGEST_KID = 128


class Key(Discreet, msgspec.Struct, frozen=True, eq=False):
    """A key with its one algorithm. ``use`` binds it to ``"access"`` or ``"refresh"`` tokens; None: it signs both."""

    _shown = ("kid", "alg", "status")

    kid: str
    alg: str
    status: Status
    verifying: object
    """The secret as bytes, or the public key."""
    signing: object = None
    """The secret as bytes, or the private key; None: it only verifies."""
    use: str | None = None
    jwk: Mapping[str, str] | None = None
    """The public key as published; None for a secret."""
    created: date | None = None
    """The day on which it was made, if its entry says so."""

    @property
    def symmetric(self) -> bool:
        """Whether anybody who can verify can also sign."""
        return self.alg in SYMMETRIC


def read_key(entry: object, index: int, *, allow_typed: bool = False) -> Key:
    """Return the key that ``KEYS[index]`` describes; raises ConfigError with everything that is wrong with it.

    With *allow_typed*, which is for tests, a secret may be one that a person has made up.
    """
    if not isinstance(entry, Mapping):
        raise ConfigError(f"GOSESSION_KEYS[{index}] must be a dict with {', '.join(FIELDS)}.")
    name = _name(entry, index)
    problems = [f"{name} {problem}." for problem in _shape_problems(entry)]
    if problems:
        raise ConfigError(*problems)
    try:
        return _read_secret(entry, allow_typed=allow_typed) if entry["alg"] in SYMMETRIC else _read_pair(entry)
    except ValueError as error:
        raise ConfigError(f"{name} {error}.") from None


def _name(entry: Mapping[Any, Any], index: int) -> str:
    kid = entry.get("kid")
    return f"GOSESSION_KEYS[{index}]" + (f" (kid {kid[:_LONGEST_KID]!r})" if isinstance(kid, str) else "")


def _shape_problems(entry: Mapping[Any, Any]) -> list[str]:
    problems = [
        f"has the unknown field {field!r}; known are {', '.join(FIELDS)}" for field in entry if field not in FIELDS
    ]
    kid, alg = entry.get("kid"), entry.get("alg")
    if not _is_kid(kid):
        problems.append(f"needs a kid: a text of 1 to {_LONGEST_KID} printable ASCII characters")
    if alg not in ALGORITHMS:
        problems.append(f"has the alg {alg!r}; choose one of {', '.join(ALGORITHMS)}")
    if entry.get("status") not in STATUSES:
        problems.append(f"has the status {entry.get('status')!r}; choose one of {', '.join(STATUSES)}")
    if not _is_date(entry.get("created")):
        problems.append('has a created that is not a date such as "2026-01-31"')
    return problems + _material_problems(entry)


def _is_kid(kid: object) -> bool:
    return isinstance(kid, str) and 0 < len(kid) <= _LONGEST_KID and kid.isascii() and kid.isprintable()


def _is_date(text: object) -> bool:
    try:
        return text is None or (isinstance(text, str) and bool(date.fromisoformat(text)))
    except ValueError:
        return False


def _created(entry: Mapping[str, Any]) -> date | None:
    text = entry.get("created")
    return None if text is None else date.fromisoformat(text)


def _material_problems(entry: Mapping[Any, Any]) -> list[str]:
    given = [name for name in MATERIALS if entry.get(name) is not None]
    wanted = MATERIALS[1:] if entry.get("alg") in ASYMMETRIC else MATERIALS[:1]
    if len(given) != 1 or given[0] not in wanted:
        return [f"needs exactly one of {' or '.join(wanted)} for its alg, and has {' and '.join(given) or 'none'}"]
    if not isinstance(entry[given[0]], str | bytes):
        return [f"needs its {given[0]} as text or bytes"]
    if entry.get("status") == "active" and given == ["public_key"]:
        return ["is active and so needs its private_key: a public key cannot sign"]
    return []


def _read_secret(entry: Mapping[str, Any], *, allow_typed: bool) -> Key:
    secret, alg = _as_bytes(entry["secret"]), entry["alg"]
    fault = weakness(secret, SYMMETRIC[alg], allow_typed=allow_typed)
    if fault:
        raise ValueError(f"has a secret that {fault}")
    return Key(entry["kid"], alg, entry["status"], verifying=secret, signing=secret, created=_created(entry))


def _read_pair(entry: Mapping[str, Any]) -> Key:
    tools, alg = asymmetric_tools(), cast("str", entry["alg"])
    private = None
    if entry.get("private_key") is not None:
        private = tools.read_private(_as_bytes(entry["private_key"]))
        public = private and private.public_key()
    else:
        public = tools.read_public(_as_bytes(entry["public_key"]))
    if public is None:
        raise ValueError("has a key that cannot be read; give an unencrypted PEM of an RSA, EC or Ed25519 key")
    misfit = tools.misfit(alg, public)
    if misfit:
        raise ValueError(f"has the wrong key: {misfit}")
    known = {"jwk": tools.to_jwk(public), "created": _created(entry)}
    return Key(entry["kid"], alg, entry["status"], verifying=public, signing=private, **known)


def asymmetric_tools() -> Any:
    """Return the module for RSA, EC and Ed25519 keys; raises ValueError naming the extra when it cannot be had."""
    try:
        return import_module("flask_gosession.tokens.asymmetric")
    except ImportError:
        raise ValueError('needs cryptography; install it with `pip install "Flask-GoSession[crypto]"`') from None


def _as_bytes(material: str | bytes) -> bytes:
    return material.encode("utf-8", "surrogatepass") if isinstance(material, str) else bytes(material)
