"""The strength and age of what signs tokens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timezone

from flask_gosession.config import PREFIX
from flask_gosession.findings import Finding, ok
from flask_gosession.tokens.derive import LEAST_BYTES
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.key_sources import path_of
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.weak_secrets import weakness
from flask_gosession.web.state import State

OLD = 365
"""Days after which a key that signs should have a successor."""
DRAW = """python -c 'import secrets; print(secrets.token_hex(32))'"""
ROTATE = "flask gosession keys rotate"


def check_keys(state: State) -> Iterator[Finding]:
    """Look at the secret and at each key."""
    found = list(_secret(state))
    codec = state.manager.codec
    if isinstance(codec, JWTCodec):
        found += _keyring(codec.current_keyring(), datetime.fromtimestamp(state.manager.clock(), timezone.utc).date())
        found += _file(state)
    yield from found or [ok("keys", "The keys are strong, and no signing key is known to be old.")]


def _secret(state: State) -> Iterator[Finding]:
    secret = state.app.secret_key
    if not secret:
        return
    raw = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else bytes(secret)
    fault = weakness(raw, LEAST_BYTES)
    if fault:
        # Only a test gets this far with it: outside tests the app does not start.
        yield Finding(
            "keys.secret",
            "warning",
            f"SECRET_KEY {fault.partition(';')[0]}.",
            "Anybody who guesses it can sign in as anybody. It is accepted because TESTING is on.",
            DRAW,
        )


def _file(state: State) -> Iterator[Finding]:
    """Look at who may read and write the file of the keys."""
    path = path_of(state.config.keys)
    if path is None or not path.exists():
        return
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        others = "write" if mode & 0o022 else "read"
        yield Finding(
            "keys.file",
            "error" if mode & 0o022 else "warning",
            f"Others than the app's user may {others} the file of the keys, {path} ({mode:04o}).",
            "Anybody who has a signing key, or puts one there, can sign in as anybody.",
            f"chmod 600 {path}",
        )


def _keyring(keyring: Keyring, today: date) -> Iterator[Finding]:
    for key in keyring.keys:
        if key.status == "active" and key.created is not None:
            yield from _age(key.kid, key.created, today)
    yield from _alone(keyring)


def _age(kid: str, created: date, today: date) -> Iterator[Finding]:
    days = (today - created).days
    if days > OLD:
        yield Finding(
            "keys.age",
            "warning",
            f"The key {kid!r} was made on {created}, {days} days ago, and still signs.",
            "The longer a key is in use, the more places it has been copied to.",
            ROTATE,
        )


def _alone(keyring: Keyring) -> Iterator[Finding]:
    pairs = [key for key in keyring.keys if not key.symmetric]
    if pairs and all(key.status != "next" for key in pairs):
        yield Finding(
            "keys.next",
            "advice",
            "No next key is published.",
            "If the active key leaks, services that verify by JWKS need to learn of a new one first.",
            f"{ROTATE}  # adds one to {PREFIX}KEYS",
        )
