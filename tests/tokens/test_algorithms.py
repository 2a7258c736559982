"""Key pairs: every algorithm signs and verifies, none is taken for another, and only public keys are published."""

from __future__ import annotations

import base64
import hmac
import json

import jwt as pyjwt
import pytest
from drawn import drawn

from flask_gosession import ids
from flask_gosession.errors import TokenInvalid
from flask_gosession.tokens.asymmetric import from_jwk, thumbprint, to_jwk
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.keys import ASYMMETRIC
from flask_gosession.tokens.types import TokenType

from .forging import NOW, as_json, body, claims
from .pairs import PAIR_OF, RSA, pair, public_pem

LENGTH_OF = {"ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def codec_of(*entries: dict[str, str]) -> JWTCodec:
    return JWTCodec(Keyring.from_config(entries))


def decode(codec: JWTCodec, token: str) -> str:
    return codec.decode(token, TokenType.ACCESS, NOW).subject


def parts_of(token: str) -> tuple[str, bytes]:
    text, _, signature = token.rpartition(".")
    return text, base64.urlsafe_b64decode(signature + "==")


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_each_algorithm_signs_and_verifies(alg):
    """A token of each algorithm verifies here, and in PyJWT with the published key."""
    codec = codec_of(pair(alg))
    token = codec.encode(claims())
    assert decode(codec, token) == "u1"
    (published,) = codec.keyring.jwks()["keys"]
    outside = pyjwt.decode_complete(
        token, pyjwt.PyJWK(published), algorithms=[alg], audience="default", options={"verify_iat": False}
    )
    assert outside["payload"]["sub"] == "u1"
    assert outside["header"] == {"alg": alg, "kid": "a", "typ": "at+jwt"}


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_changed_signatures_are_refused(alg):
    """A signature with one bit changed, cut, extended, empty of bits or of ones is refused (TOK-19)."""
    codec = codec_of(pair(alg))
    text, signature = parts_of(codec.encode(claims()))
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    ones = b"\xff" * len(signature)
    for wrong in (flipped, signature[:-1], signature + b"\0", b"\0" + signature, bytes(len(signature)), ones, b"\0"):
        with pytest.raises(TokenInvalid):
            decode(codec, f"{text}.{ids.to_text(wrong)}")


@pytest.mark.parametrize("alg", LENGTH_OF)
def test_signatures_have_their_exact_length(alg):
    """ES* and EdDSA signatures are r and s (or R and S) of fixed width, never DER (TOK-19)."""
    _, signature = parts_of(codec_of(pair(alg)).encode(claims()))
    assert len(signature) == LENGTH_OF[alg]


def test_r_and_s_are_in_range():
    """An ES256 signature whose r or s is zero, the order of the curve, or beyond is refused (TOK-19)."""
    codec = codec_of(pair("ES256"))
    text, signature = parts_of(codec.encode(claims()))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    assert decode(codec, f"{text}.{ids.to_text(signature)}") == "u1"
    for odd_r, odd_s in ((0, s), (r, 0), (P256_ORDER, s), (r, P256_ORDER), (0, 0), (1, 2**256 - 1), (2**256 - 1, 1)):
        wrong = odd_r.to_bytes(32, "big") + odd_s.to_bytes(32, "big")
        with pytest.raises(TokenInvalid):
            decode(codec, f"{text}.{ids.to_text(wrong)}")


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("header_alg", ["HS256", "none", "None", "RS384", "PS256", "ES384", "ES256K", "Ed25519"])
def test_the_header_does_not_choose_the_algorithm(alg, header_alg):
    """A header that names another algorithm is refused, though the key itself made the signature (TOK-01, TOK-02)."""
    codec = codec_of(pair(alg))
    header = {"alg": header_alg, "kid": "a", "typ": "at+jwt"}
    text = f"{ids.to_text(as_json(header))}.{ids.to_text(as_json(body()))}"
    signature = pyjwt.PyJWS().get_algorithm_by_name(alg).sign(text.encode(), PAIR_OF[alg])
    with pytest.raises(TokenInvalid):
        decode(codec, f"{text}.{ids.to_text(signature)}")


def test_rs256_to_rs384_with_the_signature_kept():
    """A token whose header was changed from RS256 to RS384, its signature kept, is refused (TOK-01)."""
    codec = codec_of(pair("RS256"))
    header, payload, signature = codec.encode(claims()).split(".")
    changed = json.loads(base64.urlsafe_b64decode(header + "==")) | {"alg": "RS384"}
    with pytest.raises(TokenInvalid):
        decode(codec, f"{ids.to_text(as_json(changed))}.{payload}.{signature}")


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_is_no_hmac_secret(alg):
    """A MAC made with the server's public key, in any of its forms, is refused (TOK-03)."""
    codec = codec_of(pair(alg))
    pem = public_pem(PAIR_OF[alg])
    jwk = json.dumps(codec.keyring.jwks()["keys"][0])
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    for header_alg in ("HS256", alg):
        header = {"alg": header_alg, "kid": "a", "typ": "at+jwt"}
        text = f"{ids.to_text(as_json(header))}.{ids.to_text(as_json(body()))}"
        for secret in (pem.encode(), pem.strip().encode(), jwk.encode(), der, b""):
            mac = hmac.digest(secret, text.encode(), "sha256")
            with pytest.raises(TokenInvalid):
                decode(codec, f"{text}.{ids.to_text(mac)}")


def test_a_key_signs_only_for_its_kid():
    """A token that names another key of the same keyring than the one that signed it is refused (TOK-05)."""
    codec = codec_of(pair("EdDSA", "a"), pair("ES256", "b", "retired"))
    header, payload, signature = codec.encode(claims()).split(".")
    changed = json.loads(base64.urlsafe_b64decode(header + "==")) | {"kid": "b"}
    with pytest.raises(TokenInvalid):
        decode(codec, f"{ids.to_text(as_json(changed))}.{payload}.{signature}")


def test_rotation_signs_nobody_out():
    """Next, active, retired: at each step of a rotation, tokens of the step before and after are accepted (KEY-03)."""
    steps = [
        codec_of(pair("RS256", "old"), pair("ES256", "new", "next")),
        codec_of(pair("RS256", "old", "retired"), pair("ES256", "new")),
        codec_of(pair("ES256", "new")),
    ]
    tokens = [codec.encode(claims()) for codec in steps]
    accepted = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2)]
    assert [decode(steps[reader], tokens[writer]) for reader, writer in accepted] == ["u1"] * len(accepted)
    with pytest.raises(TokenInvalid):
        decode(steps[2], tokens[0])


def test_only_public_keys_are_published():
    """The JWK Set has next, active and retired keys with kid, alg and use, and not one private member (LOG-01)."""
    public = {"kid": "p", "alg": "RS256", "public_key": public_pem(RSA), "status": "retired"}
    keyring = Keyring.from_config(
        [pair("RS256", "r"), pair("ES512", "e", "next"), pair("EdDSA", "o", "retired"), public]
    )
    published = {key["kid"]: key for key in keyring.jwks()["keys"]}
    assert list(published) == ["e", "r", "o", "p"]
    assert set(published["r"]) == {"kty", "n", "e", "kid", "alg", "use"}
    assert set(published["e"]) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert set(published["o"]) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert {key["use"] for key in published.values()} == {"sig"}


def test_secrets_are_never_published():
    """The JWK Set of a keyring of secrets is empty."""
    assert Keyring.from_secret(drawn("algorithms")).jwks() == {"keys": []}


@pytest.mark.parametrize("alg", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_published_keys_are_those_of_pyjwt(alg):
    """Our JWK is the one that PyJWT writes for the same key, and it is read back as that key."""
    public = PAIR_OF[alg].public_key()
    theirs = pyjwt.PyJWS().get_algorithm_by_name(alg).to_jwk(public, as_dict=True)
    ours = to_jwk(public)
    assert ours == {name: theirs[name] for name in ours}
    assert from_jwk(ours) == public


def test_thumbprint_is_the_one_of_the_rfc():
    """The thumbprint of the example key is the one in RFC 7638 section 3.1."""
    key = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi"
        "FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd"
        "AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8"
        "awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
