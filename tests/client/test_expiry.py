"""A client reads from a token when it ends, without a key and without this being a verification."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokens.forging import NOW, SECRET, as_json, body, claims, opaque_claims

from flask_gosession import ids
from flask_gosession.client import expiry
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.opaque import OpaqueCodec


def token_of(payload: object) -> str:
    return f"e30.{ids.to_text(as_json(payload))}.AAAA"


def lasting(lifetime: float) -> str:
    return token_of({"iat": NOW, "exp": NOW + lifetime})


def test_the_claims_of_our_tokens_are_read():
    """Claims and end of a token of ours are read without its key."""
    token = JWTCodec(Keyring.from_secret(SECRET)).encode(claims(extra={"name": "é"}))
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
    ("lifetime", "chance", "due"),
    [(900, 0.0, 450), (900, 0.5, 630), (900, 1.0, 810), (10, 0.5, 7), (0, 1.0, 0), (-5, 1.0, 0)],
)
def test_refresh_is_due_at_a_share_of_the_life(lifetime, chance, due):
    """A refresh is due at 50 to 90 % of the life."""
    assert expiry.refresh_at(lasting(lifetime), rng=lambda: chance) == NOW + due


def test_the_moment_of_a_refresh_is_random():
    """The moment is drawn anew each time, within its bounds: nobody else knows it."""
    token = lasting(900)
    drawn = {expiry.refresh_at(token) for _ in range(50)}
    assert len(drawn) > 20
    assert NOW + 450 <= min(drawn) <= max(drawn) <= NOW + 810
    assert expiry.refresh_due(token, now=NOW + 810)
    assert not expiry.refresh_due(token, now=NOW + 449)


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
        expiry.expires_at(codec.encode(opaque_claims(codec)))


@given(st.text() | st.from_regex(r"[\w.=-]*\.[\w=-]*\.[\w=-]*"))
def test_garbage_is_a_value_error(garbage):
    """Any text that is not a JWT is a ValueError and nothing else."""
    with pytest.raises(ValueError, match="not a JWT"):
        expiry.claims_of(garbage)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
TIMES = JSON | st.integers(min_value=10**300) | st.integers(max_value=-(10**300))
ANYTHING = st.none() | st.binary() | st.text() | JSON | st.builds(object)
NUMBERS = st.none() | st.floats() | st.integers() | st.integers(min_value=10**400) | ANYTHING


@pytest.mark.parametrize(
    "call", [expiry.claims_of, expiry.expires_at, expiry.seconds_left, expiry.is_expired, expiry.refresh_at]
)
@given(token=ANYTHING | st.fixed_dictionaries({}, optional={"exp": TIMES, "iat": TIMES}).map(token_of))
def test_whatever_it_is_only_value_errors_are_raised(call, token):
    """None, bytes, objects, and tokens with any end and start: an answer or a ValueError."""
    with suppress(ValueError):
        call(token)


@given(now=NUMBERS, skew=NUMBERS, leeway=NUMBERS)
def test_whatever_the_time_only_value_errors_are_raised(now, skew, leeway):
    """The same for the other arguments."""
    token = lasting(900)
    for call in (
        lambda: expiry.seconds_left(token, now=now, skew=skew),
        lambda: expiry.is_expired(token, leeway, now=now),
        lambda: expiry.refresh_due(token, now=now),
    ):
        with suppress(ValueError):
            call()


def test_nothing_is_verified():
    """The claims of a token that nobody signed are read all the same: this is no verification."""
    assert expiry.claims_of(token_of(body(sub="anybody")))["sub"] == "anybody"


def test_it_needs_no_other_module():
    """The module runs as a file of its own: a client needs nothing but the standard library."""
    done = subprocess.run([sys.executable, "-S", "-I", expiry.__file__], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
