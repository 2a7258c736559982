"""Opaque tokens: a secret whose hash is in the record, under a MAC that keeps garbage from the store."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence

from flask_gosession import ids
from flask_gosession.errors import TokenInvalid, TokenMalformed, TokenRotated, TokenTypeError
from flask_gosession.tokens.jws import base64url, checked_text
from flask_gosession.tokens.types import Claims, PairIds, TokenType

SECRET_BYTES = 32
"""As long as its hash: a reader of the records cannot search for the secrets, however many records there are."""
SALT_BYTES = 16
_MAC_BYTES = 32
_GEN = re.compile("0|[1-9][0-9]{0,14}", re.ASCII)
_PAIR = (TokenType.ACCESS, TokenType.REFRESH)
_KINDS = frozenset(kind.value for kind in TokenType)


class OpaqueCodec:
    """Turns claims into ``v2.<type>.<subject>.<sid>.<gen>.<parent>.<salt>.<secret>.<mac>`` and back.

    The secret is derived from the key, the type, sid, parent and salt, so that a pair can be given again; the record
    keeps its SHA-256. The subject can be read in the token (it is base64url); the record says when the token ends.
    Tokens of the first kind, ``v1.<subject>.<sid>.<secret>.<mac>``, are read, as access and as refresh tokens, and no
    longer made. *mac_key* (32 bytes) is derived for this purpose and realm; *older_keys* are those of the fallbacks,
    honoured but not used.
    """

    dated = False

    def __init__(
        self, mac_key: bytes, *, older_keys: Sequence[bytes] = (), realm: str = "default", max_bytes: int = 8192
    ) -> None:
        self._keys = (mac_key, *older_keys)
        self._contexts = {
            name: f"flask-gosession opaque {purpose}\0{realm}\0".encode()
            for name, purpose in (("v1", "access"), ("v2", "token"), ("secret", "secret"))
        }
        self._max_bytes = max_bytes

    def seed(self) -> bytes:
        """Draw the salt of a pair to come."""
        return secrets.token_bytes(SALT_BYTES)

    def pair_ids(self, sid: bytes, parent: bytes | None, seed: bytes) -> PairIds:
        """Return the hashes of the secrets made with this salt."""
        key = self._keys[0]
        access, refresh = (_id_of(self._secret(key, kind, sid, parent, seed)) for kind in _PAIR)
        return PairIds(access, refresh, seed)

    def second_ids(self, sid: bytes, seed: bytes) -> tuple[bytes, bytes]:
        """Return the hash of the secret made with the salt *seed*, and the salt."""
        return _id_of(self._secret(self._keys[0], TokenType.REMEMBER, sid, None, seed)), seed

    def encode(self, claims: Claims) -> str:
        """Return the token of those claims.

        Raises TokenRotated if the key that made it is gone, and ValueError for claims that `decode` would refuse.
        """
        subject = ids.to_text(claims.subject.encode())
        secret = self._secret_again(claims)
        parts = ("v2", claims.type.value, subject, claims.sid_text, str(claims.gen))
        text = ".".join((*parts, *(ids.to_text(raw) for raw in (claims.parent or b"", claims.salt, secret))))
        token = f"{text}.{ids.to_text(self._mac(self._keys[0], text))}"
        sizes = (len(claims.sid), len(claims.salt), len(claims.parent or bytes(SECRET_BYTES)))
        fits = sizes == (ids.ID_BYTES, SALT_BYTES, SECRET_BYTES) and _GEN.fullmatch(str(claims.gen))
        if not (subject and fits and len(token) <= self._max_bytes):
            raise ValueError("An opaque token has a subject, a sid and a salt of 16 bytes, and a parent of 32 or none.")
        return token

    def decode(
        self,
        token: str,
        expected: TokenType,
        now: float,  # noqa: ARG002 - the record knows the times
        *,
        allow_expired: bool = False,  # noqa: ARG002
        allow_early: bool = False,  # noqa: ARG002
    ) -> Claims:
        """Verify the MAC of *token* and return what it says, with the hash of its secret as ``jti``.

        Raises TokenMalformed, TokenInvalid, or TokenTypeError where another type is *expected*, and nothing else. A
        token of the first kind fits either; its claims say that it is an access token. The times are not looked at:
        the record knows them.
        """
        text, _, mac = checked_text(token, self._max_bytes).rpartition(".")
        version, _, rest = text.partition(".")
        claims = {"v1": _first_kind, "v2": _second_kind}.get(version, _unknown)(rest)
        tag = ids.from_text(mac, _MAC_BYTES)
        if tag is None:
            raise TokenMalformed
        if not any(hmac.compare_digest(self._mac(key, text), tag) for key in self._keys):
            raise TokenInvalid
        if version == "v2" and claims.type is not expected:
            raise TokenTypeError
        return claims

    def _secret_again(self, claims: Claims) -> bytes:
        for key in self._keys:
            secret = self._secret(key, claims.type, claims.sid, claims.parent, claims.salt)
            if hmac.compare_digest(_id_of(secret), claims.jti):
                return secret
        raise TokenRotated

    def _secret(self, key: bytes, kind: TokenType, sid: bytes, parent: bytes | None, salt: bytes) -> bytes:
        place = b"\0".join((kind.value.encode(), sid + salt + (parent or b"")))
        return hmac.digest(key, self._contexts["secret"] + place, "sha256")

    def _mac(self, key: bytes, text: str) -> bytes:
        return hmac.digest(key, self._contexts[text[:2]] + text.encode(), "sha256")


def _first_kind(text: str) -> Claims:
    parts = text.split(".", 3)
    if len(parts) != 3:
        raise TokenMalformed
    subject, sid, secret = _utf8(parts[0]), ids.from_text(parts[1]), ids.from_text(parts[2], SECRET_BYTES)
    if not subject or sid is None or secret is None:
        raise TokenMalformed
    return Claims(subject, sid, _id_of(secret), TokenType.ACCESS)


def _second_kind(text: str) -> Claims:
    parts = text.split(".", 7)
    if len(parts) != 7 or parts[0] not in _KINDS or not _GEN.fullmatch(parts[3]):
        raise TokenMalformed
    kind, subject, sid = TokenType(parts[0]), _utf8(parts[1]), ids.from_text(parts[2])
    parent = ids.from_text(parts[4], SECRET_BYTES) if parts[4] else b""
    salt, secret = ids.from_text(parts[5], SALT_BYTES), ids.from_text(parts[6], SECRET_BYTES)
    if not subject or sid is None or parent is None or salt is None or secret is None:
        raise TokenMalformed
    return Claims(subject, sid, _id_of(secret), kind, int(parts[3]), parent=parent or None, salt=salt)


def _unknown(_text: str) -> Claims:
    raise TokenMalformed


def _id_of(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _utf8(text: str) -> str | None:
    raw = base64url(text)
    try:
        return raw.decode() if raw else None
    except UnicodeDecodeError:
        return None
