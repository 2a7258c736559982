"""Opaque tokens: a random secret whose hash is in the record, under a MAC that keeps garbage from the store."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from flask_gosession import ids
from flask_gosession.errors import TokenInvalid, TokenMalformed, TokenTypeError
from flask_gosession.tokens.jws import base64url, checked_text
from flask_gosession.tokens.types import Claims, Minted, TokenType

VERSION = "v1"
SECRET_BYTES = 32
"""As long as its hash: who reads the records cannot search for the secrets, however many records there are."""
_PARTS = 5
_MAC_BYTES = 32


class OpaqueCodec:
    """Turns claims into tokens ``v1.<subject>.<sid>.<secret>.<mac>`` and back; there is no refresh token.

    The subject can be read in the token (it is base64url), everything else a token means stands in the record: its
    end, too. *mac_key* (32 bytes) is derived for this purpose and realm; *older_keys* are those of the fallbacks,
    honoured but not used.
    """

    refreshable = False

    def __init__(
        self, mac_key: bytes, *, older_keys: Sequence[bytes] = (), realm: str = "default", max_bytes: int = 8192
    ) -> None:
        self._keys = (mac_key, *older_keys)
        self._context = f"flask-gosession opaque access\0{realm}\0".encode()
        self._max_bytes = max_bytes

    def mint(self) -> Minted:
        """Draw the secret of a token to come; its id is the SHA-256 of it."""
        secret = secrets.token_bytes(SECRET_BYTES)
        return Minted(hashlib.sha256(secret).digest(), secret)

    def encode(self, claims: Claims, secret: bytes) -> str:
        """Return the token, which holds subject and sid of *claims*; raises ValueError for what `decode` refuses."""
        subject = ids.to_text(claims.subject.encode())
        text = ".".join((VERSION, subject, claims.sid_text, ids.to_text(secret)))
        token = f"{text}.{ids.to_text(self._mac(self._keys[0], text))}"
        sizes = len(secret) == SECRET_BYTES and len(claims.sid) == ids.ID_BYTES and len(token) <= self._max_bytes
        if not (subject and sizes and claims.type is TokenType.ACCESS):
            raise ValueError("An opaque token is an access token with a subject, a sid of 16 and a secret of 32 bytes.")
        return token

    def decode(self, token: str, expected: TokenType, now: float, *, allow_expired: bool = False) -> Claims:  # noqa: ARG002
        """Verify the MAC of *token* and return what it says: subject, sid, and the hash of its secret as ``jti``.

        Raises TokenMalformed, TokenInvalid, or TokenTypeError where a refresh token is *expected*, and nothing else.
        The times are not looked at: the record knows them.
        """
        text, subject, sid, secret, mac = self._parts(token)
        if not any(hmac.compare_digest(self._mac(key, text), mac) for key in self._keys):
            raise TokenInvalid
        if expected is not TokenType.ACCESS:
            raise TokenTypeError
        return Claims(subject, sid, hashlib.sha256(secret).digest(), TokenType.ACCESS)

    def _mac(self, key: bytes, text: str) -> bytes:
        return hmac.digest(key, self._context + text.encode(), "sha256")

    def _parts(self, token: object) -> tuple[str, str, bytes, bytes, bytes]:
        text = checked_text(token, self._max_bytes)
        parts = text.split(".", _PARTS)
        if len(parts) != _PARTS or parts[0] != VERSION:
            raise TokenMalformed
        subject = _utf8(base64url(parts[1]))
        sid, secret, mac = (ids.from_text(part, size) for part, size in zip(parts[2:], _SIZES, strict=True))
        if not subject or sid is None or secret is None or mac is None:
            raise TokenMalformed
        return text.rpartition(".")[0], subject, sid, secret, mac


_SIZES = (ids.ID_BYTES, SECRET_BYTES, _MAC_BYTES)


def _utf8(raw: bytes | None) -> str | None:
    try:
        return raw.decode() if raw else None
    except UnicodeDecodeError:
        return None
