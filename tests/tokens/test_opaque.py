"""Opaque tokens: what is in them, what the record keeps of them, and what never reaches the store."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_gosession import ids
from flask_gosession.errors import TokenInvalid, TokenMalformed, TokenTypeError
from flask_gosession.tokens.derive import DerivedKeys
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.tokens.types import Claims, Codec, TokenType

from .forging import NOW, SECRET, SID, claims

KEY = DerivedKeys(SECRET).derive("opaque-mac")
CODEC = OpaqueCodec(KEY)
MINTED = CODEC.mint()
GOOD = CODEC.encode(claims(), MINTED.secret)


def decode(token: object, codec: OpaqueCodec = CODEC) -> Claims:
    return codec.decode(token, TokenType.ACCESS, NOW)  # type: ignore[arg-type]  # wrong on purpose


def signed(text: str) -> str:
    """Return *text* with the right MAC, whatever its shape."""
    mac = hmac.digest(KEY, b"flask-gosession opaque access\0default\0" + text.encode(), "sha256")
    return f"{text}.{ids.to_text(mac)}"


def test_it_is_a_codec():
    """The codec fits the protocol of the session manager, and says that it has no refresh tokens."""
    fitting: Codec = CODEC
    assert not fitting.refreshable


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255), st.binary(min_size=16, max_size=16))
def test_round_trip(subject, sid):
    """Subject and sid come back as they were, and the jti is the hash of the secret."""
    minted = CODEC.mint()
    said = decode(CODEC.encode(claims(subject=subject, sid=sid), minted.secret))
    assert said == Claims(subject, sid, minted.id, TokenType.ACCESS)


def test_the_record_holds_only_a_hash():
    """The id of a token is the SHA-256 of 256 random bits, which are in the token alone (REF-05)."""
    assert MINTED.id == hashlib.sha256(MINTED.secret).digest()
    assert len(MINTED.secret) == 32
    assert CODEC.mint().secret != MINTED.secret


def test_the_form_is_the_documented_one():
    """The token is v1, subject, sid, secret and MAC, each in base64url."""
    version, subject, sid, secret, mac = GOOD.split(".")
    assert (version, subject) == ("v1", ids.to_text(b"u1"))
    assert (ids.from_text(sid), ids.from_text(secret, 32)) == (SID, MINTED.secret)
    assert ids.from_text(mac, 32) is not None
    assert signed(GOOD.rpartition(".")[0]) == GOOD


def test_it_does_not_expire_by_itself():
    """The record knows the end: the token is read at any time, and says nothing of times."""
    for now in (0, NOW, 10**12):
        assert CODEC.decode(GOOD, TokenType.ACCESS, now).expires_at == 0


def test_it_is_no_refresh_token():
    """Where a refresh token is expected an opaque token is of the wrong type, and a forged one is forged (TOK-17)."""
    with pytest.raises(TokenTypeError):
        CODEC.decode(GOOD, TokenType.REFRESH, NOW)
    with pytest.raises(TokenInvalid):
        CODEC.decode(GOOD[:-43] + ids.to_text(bytes(32)), TokenType.REFRESH, NOW)


@pytest.mark.parametrize(
    "other",
    [
        OpaqueCodec(DerivedKeys(SECRET, realm="admin").derive("opaque-mac")),
        OpaqueCodec(KEY, realm="admin"),
        OpaqueCodec(DerivedKeys(SECRET).derive("csrf")),
    ],
    ids=["key of another realm", "another realm", "key of another purpose"],
)
def test_realms_and_purposes_are_separate(other):
    """A token of one realm, or a MAC made with another purpose's key, is refused (KEY-04)."""
    with pytest.raises(TokenInvalid):
        decode(GOOD, other)


def test_keys_of_fallbacks_are_honoured():
    """After SECRET_KEY was changed, tokens of the former one hold as long as it is a fallback (KEY-03)."""
    used, older = DerivedKeys(SECRET[::-1], [SECRET]).derive_all("opaque-mac")
    rotated = OpaqueCodec(used, older_keys=[older])
    assert decode(GOOD, rotated).subject == "u1"
    assert decode(rotated.encode(claims(), MINTED.secret), OpaqueCodec(used)).subject == "u1"
    with pytest.raises(TokenInvalid):
        decode(GOOD, OpaqueCodec(used))


V, SUBJECT, SID_TEXT, SECRET_TEXT, _ = GOOD.split(".")
MALFORMED = {
    "None": None,
    "bytes": GOOD.encode(),
    "empty": "",
    "dots": "....",
    "version": signed(f"v2.{SUBJECT}.{SID_TEXT}.{SECRET_TEXT}"),
    "four parts": signed(f"{V}.{SUBJECT}.{SID_TEXT}"),
    "six parts": signed(f"{V}.{SUBJECT}.{SID_TEXT}.{SECRET_TEXT}.AAAA"),
    "no subject": signed(f"{V}..{SID_TEXT}.{SECRET_TEXT}"),
    "subject padded": signed(f"{V}.{SUBJECT}=.{SID_TEXT}.{SECRET_TEXT}"),
    "subject with spare bits": signed(f"{V}.{SUBJECT[:-1]}F.{SID_TEXT}.{SECRET_TEXT}"),
    "subject not UTF-8": signed(f"{V}.{ids.to_text(bytes([0xFF]))}.{SID_TEXT}.{SECRET_TEXT}"),
    "subject of surrogates": signed(f"{V}.{ids.to_text(bytes([0xED, 0xA0, 0x80]))}.{SID_TEXT}.{SECRET_TEXT}"),
    "short sid": signed(f"{V}.{SUBJECT}.{SID_TEXT[:-1]}.{SECRET_TEXT}"),
    "sid with spare bits": signed(f"{V}.{SUBJECT}.{SID_TEXT[:-1]}x.{SECRET_TEXT}"),
    "short secret": signed(f"{V}.{SUBJECT}.{SID_TEXT}.{SID_TEXT}"),
    "MAC padded": GOOD + "=",
    "MAC cut": GOOD[:-1],
    "space": GOOD + " ",
    "NUL": GOOD + "\0",
    "surrogate": GOOD[:-1] + "\ud800",
    "large": signed(f"{V}.{'A' * 8_000_000}.{SID_TEXT}.{SECRET_TEXT}"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_other_shapes_are_malformed(name):
    """What is not exactly five canonical parts is malformed, though its MAC is right (TOK-06, TOK-10, TOK-20)."""
    with pytest.raises(TokenMalformed):
        decode(MALFORMED[name])


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_no_changed_token_verifies(position, character):
    """Any character of a token replaced by any other is refused, before the store could be asked (TOK-20)."""
    changed = GOOD[:position] + character + GOOD[position + 1 :]
    if changed == GOOD:
        return
    with pytest.raises((TokenMalformed, TokenInvalid)):
        decode(changed)


@pytest.mark.parametrize(
    ("told", "secret"),
    [
        (claims(type=TokenType.REFRESH), MINTED.secret),
        (claims(subject=""), MINTED.secret),
        (claims(subject="\ud800"), MINTED.secret),
        (claims(subject="x" * 8000), MINTED.secret),
        (claims(sid=b"short"), MINTED.secret),
        (claims(), MINTED.secret[:16]),
        (claims(), b""),
    ],
    ids=range(7),
)
def test_what_would_never_verify_is_not_issued(told, secret):
    """A token that decode would refuse is a ValueError at issue."""
    with pytest.raises(ValueError, match=r"opaque token|utf-8"):
        CODEC.encode(told, secret)
