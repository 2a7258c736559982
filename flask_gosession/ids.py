"""Random identifiers: 128 bits in the record, 22 characters of base64url in a token or an address."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

ID_BYTES = 16
ID_CHARS = 22


def new_id() -> bytes:
    """Draw a new identifier of 128 random bits."""
    return secrets.token_bytes(ID_BYTES)


def new_etag() -> bytes:
    """Draw the 64 random bits that name one write of one record."""
    return secrets.token_bytes(8)


def to_text(identifier: bytes) -> str:
    """Return *identifier* as base64url without padding."""
    return urlsafe_b64encode(identifier).rstrip(b"=").decode("ascii")


def from_text(text: object, length: int = ID_BYTES) -> bytes | None:
    """Return the *length* bytes that *text* stands for, or None when it is not their one canonical spelling."""
    if not isinstance(text, str) or len(text) != -(-length * 8 // 6):
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return raw if len(raw) == length and to_text(raw) == text else None
