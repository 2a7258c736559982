"""The types of the bodies: what they describe is what is sent."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from flask_gosession import TokenPair, errors
from flask_gosession.endpoints import bodies

LEAVES = [one for one in vars(errors).values() if inspect.isclass(one) and "error" in vars(one)]


@pytest.mark.parametrize("in_cookies", [True, False])
@pytest.mark.parametrize("refresh", [{}, {"refresh_token": "r", "refresh_expires_in": 9}], ids=["access", "both"])
def test_tokens(in_cookies, refresh):
    """The body of a login is what `TokenPair.to_dict` returns, with or without tokens in it."""
    times = {"expires_in": 5, "refresh_after": 3, "session_expires_at": 100}
    body = TokenPair(access_token="a", **times, **refresh, sid="s", in_cookies=in_cookies).to_dict()
    assert msgspec.to_builtins(msgspec.convert(body, bodies.Tokens)) == body


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.error)
def test_errors(kind):
    """Every refusal has the one body, with nothing in it that the type does not know."""
    evidence = {"until": 9.5} if kind is errors.Banned else {}
    refusal = kind(**evidence)
    refusal.reason, refusal.at, refusal.client = "evicted", 4.5, "web"
    assert msgspec.to_builtins(msgspec.convert(refusal.data, bodies.Error)) == refusal.data
