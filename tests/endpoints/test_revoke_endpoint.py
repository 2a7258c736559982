"""POST /revoke: RFC 7009."""

from __future__ import annotations

import pytest
from sites import error_of


def revoke(shop, token, **more):
    return shop.send("POST", "/auth/revoke", data={"token": token, **more})


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_either_token(make, kind):
    """Either token of a session ends it, with both tokens (RFC 7009 section 2.1)."""
    shop = make()
    pair = shop.pair()
    answer = revoke(shop, getattr(pair, kind))
    assert (answer.status_code, answer.data) == (200, b"")
    assert error_of(shop.send("GET", "/auth/session", pair.access_token)) == (401, "session_ended")
    assert error_of(shop.send("POST", "/auth/refresh", pair.refresh_token)) == (401, "session_ended")


def test_an_opaque_token(make):
    """A reference token is revoked the same way."""
    shop = make(TOKEN_MODE="opaque")
    pair = shop.pair()
    assert revoke(shop, pair.access_token).status_code == 200
    assert not shop.lives(pair)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "something_else"])
def test_the_hint_is_only_a_hint(make, hint):
    """A wrong or unknown token_type_hint changes nothing (RFC 7009 section 2.1)."""
    shop = make()
    pair = shop.pair()
    assert revoke(shop, pair.refresh_token, token_type_hint=hint).status_code == 200
    assert not shop.lives(pair)


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "é\0", "x" * 20_000])
def test_garbage(make_any, token):
    """What is no token of ours needs no revoking: 200, and no store trip (RFC 7009 section 2.2)."""
    shop = make_any()
    assert revoke(shop, token).status_code == 200
    assert shop.store.calls == []


def test_twice(make_any):
    """A token that was revoked is no error (REV-07)."""
    shop = make_any()
    pair = shop.pair()
    assert [revoke(shop, pair.access_token).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("form", [{}, {"token": ""}, {"tokens": "x"}])
def test_without_a_token(make, form):
    """A form without a token is 400 invalid_request (RFC 6749 section 5.2)."""
    assert error_of(make().send("POST", "/auth/revoke", data=form)) == (400, "invalid_request")


def test_a_json_body_is_no_form(make):
    """RFC 7009 asks for a form; a token that comes otherwise is not looked at."""
    shop = make()
    pair = shop.pair()
    assert error_of(shop.send("POST", "/auth/revoke", json={"token": pair.access_token})) == (400, "invalid_request")
    assert shop.lives(pair)


@pytest.mark.parametrize(("verb", "times"), [("load", 1), ("swap", 2)])
def test_store_down(make_any, verb, times):
    """While the store is down the token is not said to be revoked (REV-07, RFC 7009 section 2.2.1)."""
    shop = make_any()
    pair = shop.pair()
    shop.store.fail(verb, times)
    answer = revoke(shop, pair.access_token)
    assert error_of(answer) == (503, "store_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert shop.lives(pair)


def test_one_session_only(make_any):
    """Other sessions of the person go on."""
    shop = make_any()
    pair, other = shop.pair(), shop.pair()
    revoke(shop, pair.access_token)
    assert shop.lives(other)
