"""A verifier that has its keys from elsewhere than an address."""

from __future__ import annotations

import pytest
from tokens.forging import NOW, claims
from tokens.pairs import pair

from flask_gosession.client import KeysUnavailable
from flask_gosession.client.verifier import Verifier
from flask_gosession.errors import ConfigError, TokenInvalid
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring


def codec_of(*entries: dict[str, str]) -> JWTCodec:
    return JWTCodec(Keyring.from_config(entries), issuer="https://id.example", audience="api")


FIRST = codec_of(pair("ES256", "k1"))
ROTATED = codec_of(pair("ES256", "k1", "retired"), pair("EdDSA", "k2"))


def verifier_of(keys: object, now: list[float] | None = None, **options: object) -> Verifier:
    clock = now or [float(NOW)]
    given = {"issuer": "https://id.example", "audience": "api", "clock": lambda: clock[0], **options}
    return Verifier(keys=keys, **given)  # type: ignore[arg-type]  # some are wrong on purpose


def test_keys_can_be_given_as_they_are():
    """A JWK Set in hand verifies without any connection."""
    token = FIRST.encode(claims())
    assert verifier_of(FIRST.keyring.jwks()).verify(token).jti == claims().jti
    with pytest.raises(TokenInvalid):
        verifier_of(FIRST.keyring.jwks()).verify(ROTATED.encode(claims()))


def test_a_function_is_asked_for_a_key_that_is_new():
    """What returns the keys is asked again for an unknown kid, as an address is."""
    published, now = [FIRST], [float(NOW)]
    verifier = verifier_of(lambda: {**published[0].keyring.jwks()}, now)
    assert verifier.verify(FIRST.encode(claims())).jti == claims().jti
    published[0] = ROTATED
    now[0] += 31
    assert verifier.verify(ROTATED.encode(claims())).jti == claims().jti


@pytest.mark.parametrize("keys", [{}, {"keys": []}, lambda: None, lambda: 1 / 0])
def test_no_keys_are_nothing_known(keys: object):
    """Without a key nothing is known about a token, and nothing is accepted."""
    with pytest.raises(KeysUnavailable):
        verifier_of(keys).verify(FIRST.encode(claims()))


@pytest.mark.parametrize(
    "options", [{}, {"jwks_url": "https://id.example/jwks.json", "keys": {"keys": []}}], ids=["neither", "both"]
)
def test_keys_come_from_one_place(options: dict[str, object]):
    """An address and keys, or neither, is an error."""
    with pytest.raises(ConfigError, match="one place"):
        Verifier(**options, issuer=None, audience="api")  # type: ignore[arg-type]  # wrong on purpose
