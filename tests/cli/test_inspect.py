"""What a token says, whether it is live, and why not."""

from __future__ import annotations

import pytest

from cli.shop import Shop, make_shop
from flask_gosession.testing.clock import FakeClock


def test_a_live_token_is_live(shop: Shop):
    """Claims, type and session are those of the login."""
    pair = shop.manager.login("ada")
    view = shop.json("inspect", pair.access_token)
    assert (view["verified"], view["live"], view["type"]) == (True, True, "access")
    assert (view["claims"]["sub"], view["claims"]["sid"]) == ("ada", pair.sid)
    assert view["session"]["sid"] == pair.sid
    assert shop.json("inspect", pair.refresh_token)["type"] == "refresh"


def test_looking_uses_nothing_up(shop: Shop):
    """A refresh token that was looked at is still good for its one refresh, and no use is noted."""
    pair = shop.manager.login("ada")
    before = shop.json("show", "ada")
    for token in (pair.access_token, pair.refresh_token):
        shop.run("inspect", token)
    assert shop.json("show", "ada") == before
    shop.manager.refresh(pair.refresh_token)


def test_it_says_why_a_token_is_dead(shop: Shop):
    """The answer is that of a request: error, reason, when, by which client."""
    pair = shop.manager.login("ada")
    shop.manager.revoke("ada", pair.sid, "evicted", client="ios")
    view = shop.json("inspect", pair.access_token, code=1)
    assert (view["verified"], view["live"], view["error"]) == (True, False, "session_ended")
    assert (view["reason"], view["by_client"]) == ("evicted", "ios")
    assert "elsewhere" in shop.run("inspect", pair.access_token).stdout


def test_an_expired_token_still_says_whose_it_was(small_shop: Shop):
    """The claims of an expired token are verified, and its session is shown while that lives."""
    pair = small_shop.manager.login("ada")
    small_shop.clock.advance(3600)
    view = small_shop.json("inspect", pair.access_token, code=1)
    assert (view["verified"], view["error"]) == (True, "token_expired")
    assert view["session"]["sid"] == pair.sid


def test_a_stolen_refresh_token_is_told_apart(small_shop: Shop):
    """A refresh token that would end the session as a theft says so, and the session goes on."""
    pair = small_shop.manager.login("ada")
    newer = small_shop.manager.refresh(pair.refresh_token)
    small_shop.manager.check(newer.access_token)
    small_shop.clock.advance(3600)
    view = small_shop.json("inspect", pair.refresh_token, code=1)
    assert view["error"] == "token_reused"
    assert len(small_shop.manager.sessions("ada")) == 1


def test_a_forged_token_proves_nothing(small_shop: Shop):
    """What is said by a token with a wrong signature is shown as unverified."""
    token = small_shop.manager.login("ada").access_token
    forged = token.rpartition(".")[0] + "." + "A" * 43
    view = small_shop.json("inspect", forged, code=1)
    assert (view["verified"], view["error"], view["claims"]["sub"]) == (False, "token_invalid", "ada")
    assert "not verified" in small_shop.run("inspect", forged).stdout


@pytest.mark.parametrize("garbage", ["", "x", "a.b.c", "v1.YWRh.x.y.z", "é" * 9000])
def test_garbage_is_a_no(small_shop: Shop, garbage: str):
    """Whatever was pasted is answered with a sentence and exit code 1."""
    result = small_shop.run("inspect", stdin=garbage)
    assert result.exit_code == 1
    assert "not live" in result.stdout


def test_a_token_comes_by_stdin(small_shop: Shop):
    """Without an argument, or with a dash, the token is read from stdin, with or without ``Bearer``."""
    token = small_shop.manager.login("ada").access_token
    assert small_shop.json("inspect", stdin=f"{token}\n")["live"]
    assert small_shop.json("inspect", "-", stdin=f"Bearer {token}\n")["live"]


def test_an_opaque_token_says_who_and_which(clock: FakeClock):
    """An opaque token names subject and session; its jti is the hash that the record holds."""
    shop = make_shop("memory://", clock, TOKEN_MODE="opaque")
    pair = shop.manager.login("ada")
    view = shop.json("inspect", pair.access_token)
    assert (view["live"], view["claims"]["sub"]) == (True, "ada")
    assert view["claims"]["jti"] == view["session"]["jti"]
    assert shop.json("find", view["claims"]["jti"])["subject"] == "ada"
