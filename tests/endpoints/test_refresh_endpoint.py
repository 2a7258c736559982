"""POST /refresh: a new pair, that leaves as the old one came."""

from __future__ import annotations

import pytest
from sites import cookies_of, error_of

COOKIES = {"TOKEN_LOCATIONS": ("cookie",)}


def held(pair):
    return pair.refresh_token or pair.access_token


def test_by_header(make_any):
    """A refresh by header answers with the new pair in the body, never to be cached (COO-05)."""
    shop = make_any()
    pair = shop.pair()
    answer = shop.send("POST", "/auth/refresh", held(pair))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert cookies_of(answer) == set()
    renewed = answer.get_json()["access_token"]
    assert renewed != pair.access_token
    assert shop.send("GET", "/auth/session", renewed).status_code == 200


def test_by_cookie(make_any):
    """A refresh by cookie sets new cookies, and the body has times only."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    before = browser.cookie("gosession_access")
    answer = browser.post("/auth/refresh")
    assert answer.status_code == 200
    assert answer.get_json().keys() == {"expires_in", "refresh_after", "session_expires_at"}
    assert browser.cookie("gosession_access") != before
    assert browser.get("/auth/session").status_code == 200


def test_by_cookie_needs_the_csrf_value(make_any):
    """A refresh by cookie that the page did not mean is refused, and changes nothing (CSR-01)."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    before = browser.cookie("gosession_access")
    assert error_of(browser.post("/auth/refresh", csrf=False)) == (403, "csrf_failed")
    assert error_of(browser.post("/auth/refresh", headers={"Origin": "https://evil.example"})) == (403, "csrf_failed")
    assert browser.cookie("gosession_access") == before
    assert browser.post("/auth/refresh").status_code == 200


def test_without_a_token(make_any):
    """Nothing to refresh is 401 with the bare challenge (HTT-03)."""
    answer = make_any().send("POST", "/auth/refresh")
    assert error_of(answer) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_with_an_access_token(make):
    """An access token does not refresh (TOK-17)."""
    shop = make()
    assert error_of(shop.send("POST", "/auth/refresh", shop.pair().access_token)) == (401, "token_type")


def test_after_the_end(make_any):
    """A refresh of a session that was signed out says so and brings nothing back (REV-12)."""
    shop = make_any()
    pair = shop.pair()
    shop.manager.logout(pair.access_token)
    answer = shop.send("POST", "/auth/refresh", held(pair))
    assert error_of(answer) == (401, "session_ended")
    assert answer.get_json()["reason"] == "logged_out"
    assert shop.manager.sessions("ada") == []


@pytest.mark.parametrize(("verb", "times"), [("load", 1), ("swap", 2)])
def test_store_down(make_any, verb, times):
    """While the store is down a refresh is 503 with Retry-After, and the cookies stay (REV-07)."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    shop.store.fail(verb, times)
    answer = browser.post("/auth/refresh")
    assert error_of(answer) == (503, "store_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert cookies_of(answer) == set()
    assert browser.post("/auth/refresh").status_code == 200


def test_only_by_post(make):
    """Other methods are 405: a link or an image never rotates anything."""
    answer = make().send("GET", "/auth/refresh")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
