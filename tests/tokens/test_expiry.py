"""A client reads from a token when it ends, without a key and without this being a verification."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_gosession import ids
from flask_gosession.client import expiry
from flask_gosession.tokens.opaque import OpaqueCodec

from .forging import JTI, NOW, as_json, body, claims


def token_of(payload: object) -> str:
    return f"e30.{ids.to_text(as_json(payload))}.AAAA"


def lasting(lifetime: float) -> str:
    return token_of({"iat": NOW, "exp": NOW + lifetime})


def test_the_claims_of_our_tokens_are_read(codec):
    """Claims and end of a token of ours are read without its key."""
    token = codec.encode(claims(extra={"name": "é"}), JTI)
    assert expiry.claims_of(token)["name"] == "é"
    assert expiry.expires_at(token) == NOW + 900


def test_seconds_left():
    """The seconds left count down, go below zero, and are corrected by how far the issuer's clock is ahead."""
    token = lasting(900)
    assert expiry.seconds_left(token, now=NOW + 100.5) == 799.5
    assert expiry.seconds_left(token, now=NOW + 1000) == -100
    assert expiry.seconds_left(token, now=NOW, skew=60) == 840


def test_a_token_without_an_end():
    """A token that names no end never ends, and is never due."""
    token = token_of({"iat": NOW})
    assert expiry.expires_at(token) is None
    assert expiry.seconds_left(token, now=NOW) == float("inf")
    assert not expiry.is_expired(token, now=10**12)
    assert expiry.refresh_at(token) is None
    assert not expiry.refresh_due(token, now=10**12)


@pytest.mark.parametrize(
    ("leeway", "at", "expired"), [(0, 899, False), (0, 900, True), (10, 909, False), (10, 910, True)]
)
def test_the_end_is_exp_plus_leeway(leeway, at, expired):
    """A token has expired from exp + leeway on, that instant included, as for the server."""
    assert expiry.is_expired(lasting(900), leeway, now=NOW + at) is expired


@pytest.mark.parametrize(
    ("lifetime", "due"), [(900, 810), (300, 270), (200, 170), (60, 30), (40, 20), (2, 1), (0, 0), (-5, -5)]
)
def test_refresh_is_due_before_the_end(lifetime, due):
    """A refresh is due 30 s or a tenth of the lifetime before the end, and not in the first half of a short life."""
    token = lasting(lifetime)
    assert expiry.refresh_at(token) == NOW + due
    assert expiry.refresh_due(token, now=NOW + due)
    assert not expiry.refresh_due(token, now=NOW + due - 0.5)


def test_refresh_without_a_start():
    """A token without iat is due 30 s before its end."""
    assert expiry.refresh_at(token_of({"exp": NOW})) == NOW - 30


def test_the_clock_is_ours_by_default():
    """Without a time given, the time of this machine counts."""
    assert expiry.is_expired(token_of({"iat": 0, "exp": 1}))
    assert expiry.refresh_due(token_of({"iat": 0, "exp": 1}))
    assert not expiry.is_expired(token_of({"exp": 10**11}))


@pytest.mark.parametrize("exp", ["1", True, [], {}, b'{"exp":1e400}', b'{"exp":NaN}'], ids=repr)
def test_odd_ends_are_value_errors(exp):
    """An end that is not a number is a ValueError, not a guess."""
    with pytest.raises(ValueError, match="exp is not a"):
        expiry.expires_at(token_of(exp if isinstance(exp, bytes) else {"exp": exp}))


def test_a_fraction_is_cut():
    """A foreign token's fractional end is read as the second it is in."""
    assert expiry.expires_at(token_of({"exp": 10.9})) == 10


@pytest.mark.parametrize(
    "payload", [[], "text", 1, None, b"", b"{", b"\xff", b"[" * 100_000], ids=lambda it: repr(it)[:9]
)
def test_what_is_no_object_is_a_value_error(payload):
    """Claims that are not a JSON object are a ValueError."""
    with pytest.raises(ValueError, match="not a JWT"):
        expiry.claims_of(token_of(payload))


def test_opaque_tokens_have_no_claims():
    """An opaque token is a ValueError: its end is in the answer that brought it."""
    codec = OpaqueCodec(bytes(32))
    with pytest.raises(ValueError, match="not a JWT"):
        expiry.expires_at(codec.encode(claims(), codec.mint().secret))


@given(st.text() | st.from_regex(r"[\w.=-]*\.[\w=-]*\.[\w=-]*"))
def test_garbage_is_a_value_error(garbage):
    """Any text that is not a JWT is a ValueError and nothing else."""
    with pytest.raises(ValueError, match="not a JWT"):
        expiry.claims_of(garbage)


def test_nothing_is_verified():
    """The claims of a token that nobody signed are read all the same: this is no verification."""
    assert expiry.claims_of(token_of(body(sub="anybody")))["sub"] == "anybody"


def test_it_needs_no_other_module():
    """The module runs as a file of its own: a client needs nothing but the standard library."""
    done = subprocess.run([sys.executable, "-S", "-I", expiry.__file__], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
