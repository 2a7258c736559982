"""Which secrets are refused: short, well known, repeating, or made of key material that others can read."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode

from flask_gosession.tokens.typed_secrets import is_typed
from flask_gosession.tokens.word_hashes import is_hash_of_a_word

WELL_KNOWN = frozenset(
    {
        # printed in the documentation of Flask, FastAPI, jwt.io, RFC 7515 and in tutorials that many people copied
        b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        b"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        b"5791628bb0b13ce0c676dfde280ba245",
        b"a-string-secret-at-least-256-bits-long",
        b"a-valid-string-secret-that-is-at-least-384-bits-long",
        b"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
        b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        b"abcdefghijklmnopqrstuvwxyz012345",
        b"abcdefghijklmnopqrstuvwxyz123456",
    }
)
_PLACEHOLDER = (
    rb"change[-_ ]?(me|this)|your[-_ ]?(secret|\d+[-_ ]?bit)|super[-_ ]?secret|django-insecure"
    rb"|(my|the|top|jwt|flask)[-_ ]?secret[-_ ]?key|never[-_ ]?guess|replace[-_ ]?(me|this)|placeholder"
)
_FEWEST_DIFFERENT_BYTES = 6
_SSH_TEXT = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-", b"---- BEGIN")
_SSH_WIRE = rb"\0\0\0.(ssh-|ecdsa-sha2-|sk-)"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_LAYERS_OF_BASE64 = 3


def weakness(secret: bytes, least: int, *, allow_typed: bool = False) -> str | None:
    """Return what is wrong with *secret* as an HMAC key of at least *least* bytes and what to do, or None.

    With *allow_typed*, which is for tests, a person may have made it up.
    """
    if is_key_material(secret):
        return (
            "is key material that others can read, not a secret; draw one with `python -c 'import secrets; "
            "print(secrets.token_urlsafe(64))'`, or use an RS, ES or EdDSA algorithm with that key"
        )
    if len(secret) < least:
        return f"has {len(secret)} bytes, at least {least} are needed; {_draw(least)}"
    if secret.strip() in WELL_KNOWN or re.search(_PLACEHOLDER, secret, re.IGNORECASE):
        return f"is a well-known example or a placeholder; {_draw(least)}"
    if repeats(secret):
        return f"repeats itself; {_draw(least)}"
    if is_hash_of_a_word(secret):
        return f"is the hash of a well-known word; {_draw(least)}"
    if not allow_typed and is_typed(secret):
        return f"reads like something that a person has typed; {_draw(least)}"
    return None


def repeats(secret: bytes) -> bool:
    """Return whether *secret* is a shorter one over and over, or is made of very few different bytes."""
    if len(set(secret)) < _FEWEST_DIFFERENT_BYTES:
        return True
    return any(secret[period:] == secret[:-period] for period in range(1, len(secret) // 2 + 1))


def is_key_material(secret: bytes) -> bool:
    """Return whether *secret* is a key or certificate as PEM, DER, SSH or JSON (JWK, JWKS), or base64 of one."""
    for _ in range(_LAYERS_OF_BASE64):
        secret = _without_bom(secret).lstrip()
        if _is_text_form(secret.rstrip()) or _is_der(secret) or re.match(_SSH_WIRE, secret, re.DOTALL):
            return True
        inner = _unwrapped(secret)
        if inner is None:
            return False
        secret = inner
    return False


def _draw(least: int) -> str:
    return f"draw one with `python -c 'import secrets; print(secrets.token_hex({max(least, 32)}))'`"


def _without_bom(secret: bytes) -> bytes:
    if secret.startswith(_UTF16_BOMS):
        return secret.decode("utf-16", "ignore").encode()
    return secret.removeprefix(b"\xef\xbb\xbf")


def _is_text_form(secret: bytes) -> bool:
    is_json = secret[:1] == b"{" and secret[-1:] == b"}" and (b'"kty"' in secret or b'"keys"' in secret)
    return is_json or b"-----BEGIN " in secret or secret.startswith(_SSH_TEXT)


def _is_der(secret: bytes) -> bool:
    """Recognise SubjectPublicKeyInfo, a PKCS #1 or #8 key and a certificate by their first bytes and exact length."""
    body = _der_sequence(secret)
    if body is None:
        return False
    inner = _der_sequence(body, exact=False)
    return (
        body[:2] == b"\x02\x82"
        or body[:4] == b"\x02\x01\x00\x30"
        or (inner is not None and (inner[:1] == b"\x06" or body[:2] == b"\x30\x82"))
    )


def _der_sequence(data: bytes, *, exact: bool = True) -> bytes | None:
    if len(data) < 2 or data[0] != 0x30:
        return None
    size = data[1] & 0x7F if data[1] & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + size], "big") if size else data[1]
    body = data[2 + size :]
    fits = len(body) >= length and not (exact and body[length:].strip())
    return body if fits else None


def _unwrapped(secret: bytes) -> bytes | None:
    text = b"".join(secret.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None
