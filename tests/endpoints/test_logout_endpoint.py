"""POST /logout: signed out, always, unless nobody can know."""

from __future__ import annotations

import pytest
from sites import cookies_of, error_of

COOKIES = {"TOKEN_LOCATIONS": ("cookie",)}
BOTH = {"TOKEN_LOCATIONS": ("header", "cookie")}
ALL = {"gosession_access", "gosession_refresh", "gosession_csrf", "gosession_state"}


def test_by_header(make_any):
    """The session of the token has ended when 204 is answered (REV-01)."""
    shop = make_any()
    pair, other = shop.pair(), shop.pair()
    answer = shop.send("POST", "/auth/logout", pair.access_token)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert not shop.lives(pair)
    assert shop.lives(other)


def test_by_the_refresh_token(make):
    """Either token signs out."""
    shop = make()
    pair = shop.pair()
    assert shop.send("POST", "/auth/logout", pair.refresh_token).status_code == 204
    assert not shop.lives(pair)


def test_by_an_expired_token(make):
    """A token past its end still says whose session is to end."""
    shop = make(ACCESS_LIFETIME=60)
    pair = shop.pair()
    shop.clock.advance(3600)
    assert shop.send("POST", "/auth/logout", pair.access_token).status_code == 204
    assert shop.manager.sessions("ada") == []


def test_twice(make_any):
    """Signing out again is no error (REV-07)."""
    shop = make_any()
    pair = shop.pair()
    assert [shop.send("POST", "/auth/logout", pair.access_token).status_code for _ in range(3)] == [204] * 3


@pytest.mark.parametrize("token", [None, "garbage", "a.b.c"])
def test_nobody_is_signed_in(make_any, token):
    """Without a token that is any good there is nothing to end, and garbage costs no store trip."""
    shop = make_any()
    assert shop.send("POST", "/auth/logout", token).status_code == 204
    assert shop.store.calls == []


def test_by_cookie(make_any):
    """The browser loses all its cookies, the refresh cookie on its own path too (COO-04)."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    answer = browser.post("/auth/logout")
    assert answer.status_code == 204
    assert cookies_of(answer) == ALL
    assert [browser.cookie(name) for name in ("gosession_access", "gosession_csrf", "gosession_state")] == [None] * 3
    assert browser.cookie("gosession_refresh", "/auth") is None
    assert shop.manager.sessions("ada") == []


def test_by_cookie_needs_the_csrf_value(make_any):
    """A sign-out by cookie that the page did not mean is refused, the session lives, the cookies stay (CSR-01)."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    answer = browser.post("/auth/logout", csrf=False)
    assert error_of(answer) == (403, "csrf_failed")
    assert cookies_of(answer) == set()
    assert len(shop.manager.sessions("ada")) == 1


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_site_cannot_take_the_cookies(make, headers):
    """A form of another site, with which a browser sends no SameSite cookies, does not make it drop them (CSR-03)."""
    answer = make(**COOKIES).browser().post("/auth/logout", headers=headers, csrf=False)
    assert answer.status_code == 204
    assert cookies_of(answer) == set()


def test_left_overs_are_taken(make_any):
    """Cookies that are good for nothing any more go when their own page asks."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.client.set_cookie("gosession_access", "garbage")
    answer = browser.post("/auth/logout", headers={"Origin": "http://localhost"})
    assert answer.status_code == 204
    assert cookies_of(answer) == ALL


def test_another_ones_cookies_stay(make_any):
    """A token sent on purpose ends its own session; the cookies beside it, of another person, are left alone."""
    shop = make_any(**BOTH)
    browser = shop.browser()
    browser.sign_in("bob")
    pair = shop.pair("ada")
    answer = browser.post("/auth/logout", csrf=False, headers={"Authorization": f"Bearer {pair.access_token}"})
    assert answer.status_code == 204
    assert cookies_of(answer) == set()
    assert not shop.manager.sessions("ada")
    assert len(shop.manager.sessions("bob")) == 1


def test_a_junk_header_does_not_switch_csrf_off(make_any):
    """Junk in Authorization beside the cookie leaves the CSRF value needed (CSR-04)."""
    shop = make_any(**BOTH)
    browser = shop.browser()
    browser.sign_in()
    junk = {"Authorization": "Bearer junk"}
    assert error_of(browser.post("/auth/logout", csrf=False, headers=junk)) == (403, "csrf_failed")
    assert len(shop.manager.sessions("ada")) == 1


@pytest.mark.parametrize(("verb", "times"), [("load", 1), ("swap", 2)])
def test_store_down(make_any, verb, times):
    """While the store is down nobody is told that they are signed out, and the cookies stay (REV-07)."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    shop.store.fail(verb, times)
    answer = browser.post("/auth/logout")
    assert error_of(answer) == (503, "store_unavailable")
    assert cookies_of(answer) == set()
    assert browser.get("/auth/session").status_code == 200
    assert browser.post("/auth/logout").status_code == 204
