"""Endpoints that were told to require a fresh login: for seeing and ending the other sessions of an account."""

from __future__ import annotations

import pytest
from sites import error_of

GUARDED = [("GET", "/auth/sessions"), ("POST", "/auth/logout-others"), ("POST", "/auth/logout-all")]


@pytest.fixture
def shop(make_any):
    return make_any(blueprint={"require_fresh": True}, **LASTING)


LASTING = {"ACCESS_LIFETIME": 7200}
"""Tokens that outlive a fresh login."""


def ended(shop, pair):
    return ("DELETE", f"/auth/sessions/{pair.sid}")


def test_an_old_login_neither_sees_nor_ends_other_sessions(shop):
    """Once a login is older than FRESH_LIFETIME, listing sessions and ending others is 401 fresh_login_required."""
    pair, other = shop.pair(), shop.pair()
    shop.clock.advance(899)
    assert shop.send("GET", "/auth/sessions", pair.access_token).status_code == 200
    shop.clock.advance(2)
    for method, path in (*GUARDED, ended(shop, other)):
        answer = shop.send(method, path, pair.access_token)
        assert error_of(answer) == (401, "fresh_login_required"), path
        assert "max_age=900" in answer.headers["WWW-Authenticate"]
    assert shop.lives(other)


def test_a_fresh_login_may(shop):
    """Within FRESH_LIFETIME all of it works."""
    pair, first, second = shop.pair(), shop.pair(), shop.pair()
    assert shop.send(*ended(shop, first), pair.access_token).status_code == 204
    assert not shop.lives(first)
    assert shop.send("POST", "/auth/logout-others", pair.access_token).json == {"ended": 1}
    assert not shop.lives(second)
    assert shop.send("POST", "/auth/logout-all", pair.access_token).json == {"ended": 1}


def test_the_own_session_can_always_be_ended(shop):
    """Nobody has to sign in to sign out."""
    pair, again = shop.pair(), shop.pair()
    shop.clock.advance(901)
    assert shop.send("GET", "/auth/session", pair.access_token).status_code == 200
    assert shop.send(*ended(shop, pair), pair.access_token).status_code == 204
    assert shop.send("POST", "/auth/logout", again.access_token).status_code == 204
    assert not shop.lives(pair)
    assert not shop.lives(again)


def test_not_by_default(make_any):
    """It is a choice: without it an old login sees and ends the other sessions."""
    shop = make_any(**LASTING)
    pair, other = shop.pair(), shop.pair()
    shop.clock.advance(901)
    assert shop.send("GET", "/auth/sessions", pair.access_token).status_code == 200
    assert shop.send(*ended(shop, other), pair.access_token).status_code == 204


def test_whoever_acts_for_somebody_may_not(shop):
    """An impersonated session is never fresh: support staff do not see or end the sessions of the account."""
    actor = shop.manager.authenticate(shop.pair("root").access_token)
    acting = shop.manager.impersonate(actor, "ada")
    for method, path in GUARDED:
        assert error_of(shop.send(method, path, acting.access_token)) == (401, "fresh_login_required")


def test_lists_of_routes_say_so(shop):
    """The OpenAPI document and the list of routes tell which calls ask for a fresh login."""
    paths = shop.send("GET", "/auth/openapi.json").json["paths"]
    told = {path: one.get("description", "") for path, methods in paths.items() for one in methods.values()}
    assert {path for path, text in told.items() if "fresh_login_required" in text} == {
        "/sessions",
        "/sessions/{sid}",
        "/logout-others",
        "/logout-all",
    }
    assert "session of the request itself" in told["/sessions/{sid}"]
    with shop.app.app_context():
        fresh = {view.rule for view in shop.gosession.routes() if view.protection == "fresh"}
    assert fresh == {"/auth/sessions", "/auth/logout-others", "/auth/logout-all"}


def test_the_document_without_it(make):
    """By default no operation speaks of it."""
    assert "fresh login" not in make().send("GET", "/auth/openapi.json").text
