"""Random identifiers: 128 bits in the record, 22 characters of base64url in a token or an address.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64decode
from binascii import b2a_base64

ID_BYTES = 16
ID_CHARS = 22

_URLSAFE = bytes.maketrans(b"+/", b"-_")


def new_id() -> bytes:
    """Draw a new identifier of 128 random bits."""
    return os.urandom(ID_BYTES)  # what `secrets` draws from, without three calls around it


def derived_id(*evidence: str) -> bytes:
    """Return the one identifier that belongs to *evidence*, such as the issuer and the id of a foreign token."""
    return hashlib.sha256("\0".join(f"{len(each)}:{each}" for each in evidence).encode()).digest()[:ID_BYTES]


def new_etag() -> bytes:
    """Draw the 64 random bits that name one write of one record."""
    return os.urandom(8)


def to_text(identifier: bytes) -> str:
    """Return *identifier* as base64url without padding."""
    return b2a_base64(identifier, newline=False).rstrip(b"=").translate(_URLSAFE).decode("ascii")


def from_text(text: object, length: int = ID_BYTES) -> bytes | None:
    """Return the *length* bytes that *text* stands for, or None when it is not their one canonical spelling."""
    if not isinstance(text, str) or len(text) != -(-length * 8 // 6):
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return raw if len(raw) == length and to_text(raw) == text else None
