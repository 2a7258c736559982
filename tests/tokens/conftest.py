"""A keyring, its codec, and the forge that signs anything with the same keys."""

from __future__ import annotations

import pytest

from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

from .forging import SECRET, Forge


@pytest.fixture
def keyring() -> Keyring:
    return Keyring.from_secret(SECRET)


@pytest.fixture
def codec(keyring: Keyring) -> JWTCodec:
    return JWTCodec(keyring)


@pytest.fixture
def forge(keyring: Keyring) -> Forge:
    return Forge(keyring)
