"""One secret, many keys: a separate key for each realm and purpose by HKDF (RFC 5869)."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from flask_gosession.errors import ConfigError
from flask_gosession.tokens.weak_secrets import is_key_material, weakness

LEAST_BYTES = 32
_SALT = b"flask-gosession/1"


def hkdf_sha256(secret: bytes, *, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """Return *length* bytes (at most 8,160) derived from *secret*: extract, then expand (RFC 5869 section 2)."""
    key = hmac.digest(salt or bytes(32), secret, "sha256")
    block = output = b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


class DerivedKeys:
    """The keys of one realm, derived from ``SECRET_KEY`` and, to accept older tokens, ``SECRET_KEY_FALLBACKS``.

    Two purposes, or two realms, never share a key, and none of them reveals the secret or another one.
    Raises ConfigError for a secret that is under 32 bytes, well known, repeating or key material; with
    *allow_short*, which is for tests, only for an empty one or key material.
    """

    def __init__(
        self,
        secret: str | bytes,
        fallbacks: Sequence[str | bytes] = (),
        *,
        realm: str = "default",
        allow_short: bool = False,
    ) -> None:
        secrets = [_as_bytes(each) for each in (secret, *fallbacks)]
        names = ["SECRET_KEY", *(f"SECRET_KEY_FALLBACKS[{index}]" for index in range(len(fallbacks)))]
        _refuse_weak(names, secrets, allow_short=allow_short)
        self.realm = realm
        self._secrets = tuple(dict.fromkeys(secrets))

    def derive_all(self, purpose: str, length: int = 32) -> tuple[bytes, ...]:
        """Return every key of *purpose* (such as ``"csrf"``) that is honoured: the one in use comes first."""
        return tuple(self._derive(secret, purpose, length) for secret in self._secrets)

    def _derive(self, secret: bytes, purpose: str, length: int) -> bytes:
        realm = self.realm.encode()
        info = b"%d:%s/%s" % (len(realm), realm, purpose.encode())  # the length keeps "a/b" + "c" from "a" + "b/c"
        return hkdf_sha256(secret, salt=_SALT, info=info, length=length)

    def __repr__(self) -> str:
        return f"DerivedKeys(realm={self.realm!r}, secrets={len(self._secrets)})"


def _as_bytes(secret: str | bytes) -> bytes:
    return secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else bytes(secret)


def _refuse_weak(names: Sequence[str], secrets: Sequence[bytes], *, allow_short: bool) -> None:
    faults = [_fault(secret, allow_short=allow_short) for secret in secrets]
    problems = [f"{name} {fault}." for name, fault in zip(names, faults, strict=True) if fault]
    if problems:
        raise ConfigError(*problems)


def _fault(secret: bytes, *, allow_short: bool) -> str | None:
    if allow_short and secret and not is_key_material(secret):
        return None
    return weakness(secret, LEAST_BYTES)
