"""POST /logout-all and /logout-others: how many, and which one stays."""

from __future__ import annotations

import pytest
from sites import cookies_of, error_of

COOKIES = {"TOKEN_LOCATIONS": ("cookie",)}


def test_all(make_any):
    """All sessions of the person end, this one too, nobody else's, and the count is true (REV-02)."""
    shop = make_any()
    pairs, other = [shop.pair() for _ in range(3)], shop.pair("bob")
    answer = shop.send("POST", "/auth/logout-all", pairs[1].access_token)
    assert (answer.status_code, answer.get_json()) == (200, {"ended": 3})
    assert answer.headers["Cache-Control"] == "no-store"
    assert not any(shop.lives(pair) for pair in pairs)
    assert shop.lives(other)


def test_others(make_any):
    """All sessions of the person but this one end, and the count is true (REV-02)."""
    shop = make_any()
    pairs = [shop.pair() for _ in range(3)]
    answer = shop.send("POST", "/auth/logout-others", pairs[1].access_token)
    assert (answer.status_code, answer.get_json()) == (200, {"ended": 2})
    assert [shop.lives(pair) for pair in pairs] == [False, True, False]
    assert shop.send("POST", "/auth/logout-others", pairs[1].access_token).get_json() == {"ended": 0}


def test_the_expired_are_not_counted(make_any):
    """A session that had ended by itself is not among those that were ended."""
    shop = make_any()
    shop.pair(lifetime=60)
    pair = shop.pair()
    shop.clock.advance(120)
    assert shop.send("POST", "/auth/logout-others", pair.access_token).get_json() == {"ended": 0}
    assert shop.send("POST", "/auth/logout-all", pair.access_token).get_json() == {"ended": 1}


def test_the_ended_learn_why(make_any):
    """Who was signed out elsewhere learns it, and by which client."""
    shop = make_any()
    phone, pair = shop.pair(client="ios"), shop.pair(client="web")
    shop.send("POST", "/auth/logout-others", pair.access_token)
    body = shop.send("GET", "/auth/session", phone.access_token).get_json()
    assert (body["error"], body["reason"], body["client"]) == ("session_ended", "revoked_all", "web")


def test_all_takes_the_cookies(make_any):
    """Signing out everywhere signs this browser out."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    shop.pair()
    answer = browser.post("/auth/logout-all")
    assert answer.get_json() == {"ended": 2}
    assert browser.cookie("gosession_access") is None
    assert "gosession_refresh" in cookies_of(answer)


def test_others_leaves_the_cookies(make_any):
    """Signing out elsewhere leaves this browser as it is."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    shop.pair()
    answer = browser.post("/auth/logout-others")
    assert answer.get_json() == {"ended": 1}
    assert cookies_of(answer) == set()
    assert browser.get("/auth/session").status_code == 200


@pytest.mark.parametrize("path", ["/auth/logout-all", "/auth/logout-others"])
class TestBoth:
    def test_signed_in_only(self, make_any, path):
        """Whoever is not signed in is refused."""
        assert error_of(make_any().send("POST", path)) == (401, "token_missing")

    def test_needs_the_csrf_value(self, make_any, path):
        """By cookie the page must have meant it (CSR-01)."""
        shop = make_any(**COOKIES)
        browser = shop.browser()
        browser.sign_in()
        other = shop.pair()
        assert error_of(browser.post(path, csrf=False)) == (403, "csrf_failed")
        assert {session.sid for session in shop.manager.sessions("ada")} >= {other.sid}
        assert len(shop.manager.sessions("ada")) == 2

    def test_store_down(self, make_any, path):
        """While the store cannot write, nothing is said to have ended, and the cookies stay (REV-07)."""
        shop = make_any(**COOKIES)
        browser = shop.browser()
        browser.sign_in()
        shop.pair()
        shop.store.fail("swap", 2)
        answer = browser.post(path)
        assert error_of(answer) == (503, "store_unavailable")
        assert cookies_of(answer) == set()
        assert len(shop.manager.sessions("ada")) == 2
