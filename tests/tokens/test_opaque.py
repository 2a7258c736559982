"""Opaque tokens: what is in them, what the record keeps of them, and what never reaches the store."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_gosession import ids
from flask_gosession.errors import TokenInvalid, TokenMalformed, TokenRotated, TokenTypeError
from flask_gosession.tokens.derive import DerivedKeys
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.tokens.types import Claims, Codec, TokenType

from .forging import NOW, SECRET, SID, opaque_claims

KEY = DerivedKeys(SECRET).derive_all("opaque-mac")[0]
CODEC = OpaqueCodec(KEY)
TOLD = opaque_claims(CODEC)
GOOD = CODEC.encode(TOLD)
PARENT = bytes(range(32))


def decode(token: object, codec: OpaqueCodec = CODEC) -> Claims:
    return codec.decode(token, TokenType.ACCESS, NOW)  # type: ignore[arg-type]  # wrong on purpose


def signed(text: str) -> str:
    """Return *text* with the right MAC, whatever its shape."""
    purpose = b"access" if text.startswith("v1.") else b"token"
    mac = hmac.digest(KEY, b"flask-gosession opaque " + purpose + b"\0default\0" + text.encode(), "sha256")
    return f"{text}.{ids.to_text(mac)}"


def test_it_is_a_codec():
    """The codec fits the protocol of the session manager, and says that its tokens do not end by themselves."""
    fitting: Codec = CODEC
    assert not fitting.dated


@given(
    subject=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255),
    sid=st.binary(min_size=16, max_size=16),
    kind=st.sampled_from([TokenType.ACCESS, TokenType.REFRESH]),
    gen=st.integers(0, 10**9),
    parent=st.none() | st.binary(min_size=32, max_size=32),
    salt=st.binary(min_size=16, max_size=16),
)
def test_round_trip(subject, sid, kind, gen, parent, salt):
    """All that a token says comes back as it was, and the jti is the hash of the secret."""
    told = opaque_claims(CODEC, subject=subject, sid=sid, type=kind, gen=gen, parent=parent, salt=salt)
    assert CODEC.decode(CODEC.encode(told), kind, NOW) == told


def test_a_second_credential():
    """TOK-17: it is derived from its salt, of a type of its own, and other sessions and keys have others."""
    jti, salt = CODEC.second_ids(SID, TOLD.salt)
    told = Claims("ada", SID, jti, TokenType.REMEMBER, salt=salt)
    token = CODEC.encode(told)
    assert CODEC.decode(token, TokenType.REMEMBER, NOW) == told
    with pytest.raises(TokenTypeError):
        CODEC.decode(token, TokenType.REFRESH, NOW)
    others = [CODEC.second_ids(SID[::-1], salt), OpaqueCodec(bytes(32)).second_ids(SID, salt)]
    assert jti not in {TOLD.jti, *(other for other, _ in others)}


def test_the_record_holds_only_a_hash():
    """The id of a token is the SHA-256 of a secret that only the key can tell again (REF-05)."""
    secret = ids.from_text(GOOD.split(".")[7], 32)
    assert secret is not None
    assert hashlib.sha256(secret).digest() == TOLD.jti
    assert OpaqueCodec(bytes(32)).pair_ids(SID, None, TOLD.salt).access != TOLD.jti


def test_a_pair_can_be_given_again():
    """The same place and salt bring the same pair; type, session, parent, salt and realm each bring another."""
    pair = CODEC.pair_ids(SID, PARENT, TOLD.salt)
    assert (pair.salt, CODEC.pair_ids(SID, PARENT, TOLD.salt)) == (TOLD.salt, pair)
    others = [
        CODEC.pair_ids(SID[::-1], PARENT, TOLD.salt),
        CODEC.pair_ids(SID, None, TOLD.salt),
        CODEC.pair_ids(SID, PARENT, CODEC.seed()),
        OpaqueCodec(KEY, realm="admin").pair_ids(SID, PARENT, TOLD.salt),
    ]
    drawn = {jti for each in (pair, *others) for jti in (each.access, each.refresh)}
    assert (len(drawn), len(CODEC.seed())) == (10, 16)


def test_a_pair_whose_key_is_gone_is_not_given_again():
    """Where no key leads to the id in the record, the token is superseded as far as anybody can tell."""
    with pytest.raises(TokenRotated):
        OpaqueCodec(bytes(32)).encode(TOLD)


def test_the_form_is_the_documented_one():
    """The token is v2, type, subject, sid, number, parent, salt, secret and MAC, the bytes in base64url."""
    told = opaque_claims(CODEC, type=TokenType.REFRESH, gen=12, parent=PARENT)
    version, kind, subject, sid, gen, parent, salt, secret, mac = CODEC.encode(told).split(".")
    assert (version, kind, subject, gen) == ("v2", "refresh", ids.to_text(b"u1"), "12")
    assert (ids.from_text(sid), ids.from_text(parent, 32), ids.from_text(salt)) == (SID, PARENT, told.salt)
    assert ids.from_text(secret, 32) is not None
    assert ids.from_text(mac, 32) is not None
    assert signed(GOOD.rpartition(".")[0]) == GOOD
    assert GOOD.split(".")[5] == ""


def test_a_token_of_the_first_kind_is_read_as_either():
    """A token that was made before there were two says subject, sid and secret, and stands for both."""
    secret = bytes(range(32))
    old = signed(f"v1.{ids.to_text(b'u1')}.{ids.to_text(SID)}.{ids.to_text(secret)}")
    expected = Claims("u1", SID, hashlib.sha256(secret).digest(), TokenType.ACCESS)
    for kind in TokenType:
        assert CODEC.decode(old, kind, NOW) == expected
    with pytest.raises(TokenInvalid):
        decode(old[:-43] + ids.to_text(bytes(32)))


def test_it_does_not_expire_by_itself():
    """The record knows the end: the token is read at any time, and says nothing of times."""
    for now in (0, NOW, 10**12):
        assert CODEC.decode(GOOD, TokenType.ACCESS, now).expires_at == 0


def test_one_kind_does_not_stand_for_the_other():
    """Each of the two is refused where the other is expected, and a forged one is forged (TOK-17)."""
    with pytest.raises(TokenTypeError):
        CODEC.decode(GOOD, TokenType.REFRESH, NOW)
    with pytest.raises(TokenTypeError):
        decode(CODEC.encode(opaque_claims(CODEC, type=TokenType.REFRESH)))
    with pytest.raises(TokenInvalid):
        CODEC.decode(GOOD[:-43] + ids.to_text(bytes(32)), TokenType.REFRESH, NOW)


@pytest.mark.parametrize(
    "other",
    [
        OpaqueCodec(DerivedKeys(SECRET, realm="admin").derive_all("opaque-mac")[0]),
        OpaqueCodec(KEY, realm="admin"),
        OpaqueCodec(DerivedKeys(SECRET).derive_all("csrf")[0]),
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
    assert decode(rotated.encode(TOLD), OpaqueCodec(used)) == TOLD
    assert rotated.pair_ids(SID, None, TOLD.salt) == OpaqueCodec(used).pair_ids(SID, None, TOLD.salt)
    with pytest.raises(TokenInvalid):
        decode(GOOD, OpaqueCodec(used))


FIRST = GOOD.rpartition(".")[0]
PARTS = FIRST.split(".")


def changed(place: int, part: str) -> str:
    """Return the good token with another part in one place, under the right MAC."""
    return signed(".".join([*PARTS[:place], part, *PARTS[place + 1 :]]))


MALFORMED = {
    "None": None,
    "bytes": GOOD.encode(),
    "empty": "",
    "dots": "........",
    "no version": signed("v3." + FIRST[3:]),
    "other type": changed(1, "id"),
    "eight parts": signed(FIRST.rpartition(".")[0]),
    "ten parts": signed(f"{FIRST}.AAAA"),
    "no subject": changed(2, ""),
    "subject padded": changed(2, PARTS[2] + "="),
    "subject with spare bits": changed(2, PARTS[2][:-1] + "F"),
    "subject not UTF-8": changed(2, ids.to_text(bytes([0xFF]))),
    "subject of surrogates": changed(2, ids.to_text(bytes([0xED, 0xA0, 0x80]))),
    "short sid": changed(3, PARTS[3][:-1]),
    "sid with spare bits": changed(3, PARTS[3][:-1] + "x"),
    "number with a zero": changed(4, "01"),
    "number with a sign": changed(4, "-1"),
    "number of other digits": changed(4, "\u0661"),
    "endless number": changed(4, "1" * 5000),
    "short parent": changed(5, PARTS[3]),
    "no salt": changed(6, ""),
    "short secret": changed(7, PARTS[3]),
    "first kind, four parts": signed(f"v1.{PARTS[2]}.{PARTS[3]}"),
    "first kind, six parts": signed(f"v1.{PARTS[2]}.{PARTS[3]}.{PARTS[7]}.AAAA"),
    "first kind, short secret": signed(f"v1.{PARTS[2]}.{PARTS[3]}.{PARTS[3]}"),
    "MAC padded": GOOD + "=",
    "MAC cut": GOOD[:-1],
    "space": GOOD + " ",
    "NUL": GOOD + "\0",
    "surrogate": GOOD[:-1] + "\ud800",
    "large": changed(2, "A" * 8_000_000),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_other_shapes_are_malformed(name):
    """What does not have exactly the canonical parts is malformed, though its MAC is right (TOK-06, TOK-10, TOK-20)."""
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
    "changes",
    [
        {"subject": ""},
        {"subject": "\ud800"},
        {"subject": "x" * 8000},
        {"sid": b"short"},
        {"salt": b"short"},
        {"parent": b"short"},
        {"gen": -1},
        {"gen": 10**15},
    ],
    ids=str,
)
def test_what_would_never_verify_is_not_issued(changes):
    """A token that decode would refuse is a ValueError at issue."""
    with pytest.raises(ValueError, match=r"opaque token|utf-8"):
        CODEC.encode(opaque_claims(CODEC, **changes))
