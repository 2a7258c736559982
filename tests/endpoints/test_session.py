"""GET /session: when it ends, by the server's clock."""

from __future__ import annotations

from sites import error_of

COOKIES = {"TOKEN_LOCATIONS": ("cookie",)}


def test_times(make):
    """The ends of token and session are those that the pair had, beside the server's own time."""
    shop = make()
    pair = shop.pair()
    answer = shop.send("GET", "/auth/session", pair.access_token)
    body, now = answer.get_json(), int(shop.clock())
    assert answer.headers["Cache-Control"] == "no-store"
    assert body == {"exp": now + pair.expires_in, "session_expires_at": pair.session_expires_at, "now": now}


def test_an_opaque_token_ends_with_its_session(make):
    """An opaque token says no time itself: what it is good for is the session's idle end."""
    shop = make(TOKEN_MODE="opaque", IDLE_TIMEOUT=600)
    pair = shop.pair()
    body = shop.send("GET", "/auth/session", pair.access_token).get_json()
    assert body["exp"] == int(shop.clock() + 600)
    assert body["session_expires_at"] == pair.session_expires_at


def test_the_renewed_token_is_told(make):
    """A cookie renewed by this very request is the one whose end is told, and both come in one answer."""
    shop = make(**COOKIES, ACCESS_LIFETIME=4000)
    browser = shop.browser()
    browser.sign_in()
    shop.clock.advance(3960)
    answer = browser.get("/auth/session")
    body = answer.get_json()
    assert body["exp"] > shop.clock() + 3900
    assert browser.cookie("gosession_state") == f"{body['exp']}.{body['session_expires_at']}.{body['now']}"


def test_signed_in_only(make_any):
    """Whoever is not signed in is told so, and why a session has ended."""
    shop = make_any()
    assert error_of(shop.send("GET", "/auth/session")) == (401, "token_missing")
    pair = shop.pair()
    shop.manager.revoke("ada", pair.sid, "kicked", message="Closing time.")
    body = shop.send("GET", "/auth/session", pair.access_token).get_json()
    assert (body["error"], body["reason"], body["message"]) == ("session_ended", "kicked", "Closing time.")


def test_by_cookie_without_a_csrf_value(make):
    """Reading changes nothing and needs no proof."""
    browser = make(**COOKIES).browser()
    browser.sign_in()
    answer = browser.get("/auth/session")
    assert answer.status_code == 200
    assert "Cookie" in answer.headers["Vary"]


def test_store_down(make_any):
    """While the store is down nothing is known."""
    shop = make_any()
    pair = shop.pair()
    shop.store.fail("load")
    assert error_of(shop.send("GET", "/auth/session", pair.access_token)) == (503, "store_unavailable")
