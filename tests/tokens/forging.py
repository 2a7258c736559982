"""Hand-made tokens, signed with the real key but saying whatever a test wants."""

from __future__ import annotations

import hmac
import json

from drawn import drawn
from msgspec.structs import replace

from flask_gosession import ids
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.tokens.types import Claims, TokenType

SECRET = drawn("tokens").encode()
NOW = 1_800_000_000
SID = bytes(range(16))
JTI = bytes(range(16, 32))


def claims(**changes: object) -> Claims:
    """Return the claims of an ordinary access token, with *changes*."""
    ordinary = {
        "subject": "u1",
        "sid": SID,
        "jti": JTI,
        "type": TokenType.ACCESS,
        "gen": 3,
        "issued_at": NOW,
        "expires_at": NOW + 900,
        "auth_time": NOW - 5,
        "client": "web",
    }
    return Claims(**{**ordinary, **changes})  # type: ignore[arg-type]  # the tests give what the field takes


def opaque_claims(codec: OpaqueCodec, **changes: object) -> Claims:
    """Return the claims of an opaque access token, with *changes*: the jti is that of the pair they lead to."""
    told = Claims(**{"subject": "u1", "sid": SID, "jti": b"", "type": TokenType.ACCESS, "salt": bytes(16), **changes})  # type: ignore[arg-type]
    pair = codec.pair_ids(told.sid, told.parent, told.salt)
    return replace(told, jti=pair.access if told.type is TokenType.ACCESS else pair.refresh)


def body(**changes: object) -> dict[str, object]:
    """Return the payload of an ordinary access token, with *changes*; ``...`` leaves a claim out."""
    ordinary = {
        "aud": "default",
        "sub": "u1",
        "sid": ids.to_text(SID),
        "jti": ids.to_text(JTI),
        "gen": 3,
        "iat": NOW,
        "exp": NOW + 900,
    }
    return {name: value for name, value in {**ordinary, **changes}.items() if value is not ...}


def as_json(value: object) -> bytes:
    """Return *value* as JSON; bytes are taken as they are."""
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


class Forge:
    """Signs anything at all with the real key of a keyring of secrets."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def header(self, use: str = "access", **changes: object) -> dict[str, object]:
        """Return the right header for tokens of that use, with *changes*; ``...`` leaves a name out."""
        key = self.keyring.signer(use)
        right = {"alg": key.alg, "kid": key.kid, "typ": "at+jwt" if use == "access" else "rt+jwt", **changes}
        return {name: value for name, value in right.items() if value is not ...}

    def sign(self, payload: object, header: object = None, use: str = "access") -> str:
        """Return a validly signed token of that payload and header, each JSON or raw bytes."""
        first = as_json(self.header(use) if header is None else header)
        text = f"{ids.to_text(first)}.{ids.to_text(as_json(payload))}"
        return f"{text}.{self.mac(text, use)}"

    def mac(self, text: str, use: str = "access") -> str:
        """Return the signature of *text*."""
        key = self.keyring.signer(use)
        assert isinstance(key.signing, bytes)
        return ids.to_text(hmac.digest(key.signing, text.encode("utf-8", "surrogatepass"), "sha" + key.alg[2:]))
