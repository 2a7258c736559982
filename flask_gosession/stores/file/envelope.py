"""The format of a record in a file: a checksum over the rest, a header line that names the subject, the value."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from flask_gosession.stores.base import Record

CHECKSUM_CHARS = 64


class Header(msgspec.Struct, frozen=True):
    """What a file says about its value. *expires_at* is in Unix seconds."""

    subject: str
    etag: bytes
    expires_at: float


class Envelope(NamedTuple):
    """The whole, undamaged content of a file."""

    header: Header
    record: Record


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Header).decode


def seal(subject: str, record: Record, expires_at: float) -> bytes:
    """Return the content of the file for *record*. JSON keeps the header one line, whatever the subject holds."""
    body = _encode(Header(subject, record.etag, expires_at)) + b"\n" + record.value
    return _checksum(body) + b" " + body


def unseal(content: bytes) -> Envelope | None:
    """Return what *content* holds; None if it was cut off or changed, or is not one of ours."""
    checksum, body = content[:CHECKSUM_CHARS], content[CHECKSUM_CHARS + 1 :]
    if checksum != _checksum(body):
        return None
    line, _, value = body.partition(b"\n")
    try:
        header = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return Envelope(header, Record(value, header.etag))


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode("ascii")
