"""Cookie mode renews an access token that is about to expire, and never signs a logged-out browser in again."""

from __future__ import annotations

import jwt
import pytest

COOKIES = {"TOKEN_LOCATIONS": ("cookie",), "ACCESS_LIFETIME": 1000, "IDLE_TIMEOUT": "1d"}


def jti(token):
    return jwt.decode(token, options={"verify_signature": False})["jti"]


def exp(token):
    return jwt.decode(token, options={"verify_signature": False})["exp"]


@pytest.fixture
def site(make):
    site = make(**COOKIES)

    @site.app.post("/act/<what>")
    @site.gosession.login_required
    def act(what):
        session = site.gosession.current_session
        manager = site.gosession.manager
        actions = {
            "logout": site.gosession.logout_user,
            "revoke": lambda: manager.revoke(session.subject, session.sid, "kicked"),
            "revoke_all": lambda: manager.revoke_all(session.subject),
            "ban": lambda: manager.ban(session.subject, until=site.clock() + 100),
            "login": lambda: site.gosession.login_user("ada"),
            "login_by_body": lambda: site.gosession.login_user("ada", cookies=False),
            "nothing": lambda: None,
        }
        actions[what]()
        return ""

    return site


@pytest.fixture
def browser(site):
    browser = site.browser()
    browser.login()
    return browser


def set_cookies(answer):
    return {header.partition("=")[0] for header in answer.headers.getlist("Set-Cookie")}


def test_nothing_is_renewed_early(site, browser):
    """While the token lives long enough, no cookie is set."""
    site.clock.advance(500)
    assert set_cookies(browser.get()) == set()


def test_the_same_jti_is_signed_again_near_expiry(site, browser):
    """The renewed token has the same jti and a later end; nothing is rotated, nothing but the use is written."""
    old = browser.cookie("gosession_access")
    site.clock.advance(920)
    answer = browser.get()
    new = browser.cookie("gosession_access")
    assert set_cookies(answer) == {"gosession_access", "gosession_state"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert (jti(new), exp(new) > exp(old)) == (jti(old), True)
    state = browser.cookie("gosession_state").split(".")
    assert (int(state[0]), int(state[2])) == (exp(new), int(site.clock()))
    assert browser.post("/auth/refresh").status_code == 200


def test_a_browser_in_use_never_has_to_refresh(site, browser):
    """Renewal by renewal the session lives until its absolute end, and no further."""
    for _ in range(20):
        site.clock.advance(920)
        assert browser.get().status_code == 200


def test_nothing_is_renewed_past_the_absolute_end(make, clock):
    """At the end of the session there is nothing later to renew to (REV-04)."""
    site = make(**{**COOKIES, "ABSOLUTE_TIMEOUT": 1000})
    browser = site.browser()
    browser.login(access_lifetime=1000)
    clock.advance(960)
    browser.get()
    clock.advance(39)
    assert set_cookies(browser.get()) == set()
    clock.advance(12)
    assert browser.get().status_code == 401


def test_a_bearer_token_is_not_renewed(make):
    """Who sends a header refreshes by itself."""
    site = make(**{**COOKIES, "TOKEN_LOCATIONS": ("header", "cookie")})
    token = site.login(client="ios")["access_token"]
    site.clock.advance(940)
    assert set_cookies(site.get(token)) == set()


@pytest.mark.parametrize("what", ["revoke", "revoke_all", "ban", "login_by_body"])
def test_a_session_that_ends_in_the_request_is_not_renewed(site, browser, what):
    """No renewed token follows a revocation in the same request, whoever revoked."""
    site.clock.advance(920)
    assert "gosession_access" not in set_cookies(browser.post(f"/act/{what}"))


def test_a_logout_beats_the_renewal(site, browser):
    """Logout in a request that would renew unsets the cookies, and sets none."""
    site.clock.advance(920)
    answer = browser.post("/act/logout")
    assert all("Max-Age=0" in header for header in answer.headers.getlist("Set-Cookie"))
    assert browser.cookie("gosession_access") is None


def test_a_login_beats_the_renewal(site, browser):
    """A login in a request that would renew leaves with its own cookies alone."""
    old = browser.cookie("gosession_access")
    site.clock.advance(920)
    answer = browser.post("/act/login")
    names = [header.partition("=")[0] for header in answer.headers.getlist("Set-Cookie")]
    assert len(names) == len(set(names)) == 4
    assert jti(browser.cookie("gosession_access")) != jti(old)


def test_a_late_renewed_cookie_signs_nobody_in(site, browser):
    """A renewed cookie that arrives after the logout of another tab belongs to no session any more."""
    site.clock.advance(920)
    slow_tab = site.browser()
    for name in ("gosession_access", "gosession_csrf"):
        slow_tab.keep(name, browser.cookie(name))
    assert "gosession_access" in set_cookies(slow_tab.get())
    late = slow_tab.cookie("gosession_access")
    assert browser.post("/auth/logout").status_code == 204
    browser.keep("gosession_access", late)
    answer = browser.get()
    assert (answer.status_code, answer.json["reason"]) == (401, "logged_out")


def test_a_lost_race_clears_nothing(site, browser):
    """A tab whose token was replaced is told so, and the winner's cookies stay (COO-04)."""
    other = site.browser()
    for name, path in (("gosession_access", "/"), ("gosession_csrf", "/"), ("gosession_refresh", "/auth")):
        other.keep(name, browser.cookie(name, path), path)
    for _ in range(2):
        browser.post("/auth/refresh")
    assert browser.get().status_code == 200
    for answer in (other.get(), other.post("/auth/refresh")):
        assert answer.json["error"] == "token_rotated"
        assert set_cookies(answer) == set()


@pytest.mark.parametrize("which", ["gosession_access", "gosession_refresh"])
@pytest.mark.parametrize("expired", [False, True], ids=["live", "expired"])
def test_either_token_signs_out_also_expired(site, browser, which, expired):
    """Logout takes the cookie that is left, and ends the session (REV-01)."""
    path = "/auth" if which.endswith("refresh") else "/"
    lonely = site.browser()
    lonely.keep(which, browser.cookie(which, path), path)
    csrf = browser.cookie("gosession_csrf")
    if expired:
        site.clock.advance(1100)
    assert lonely.post("/auth/logout", headers={"X-CSRF-Token": csrf}).status_code == 204
    assert lonely.cookie(which, path) is None
    assert site.manager.sessions("ada") == []


def test_logout_is_idempotent(site, browser):
    """Signing out twice, or as nobody, is no error (REV-07)."""
    for _ in range(2):
        assert browser.post("/auth/logout").status_code == 204
    assert site.browser().post("/auth/logout").status_code == 204


def test_logout_while_the_store_is_down_keeps_the_cookies(site, browser):
    """Nobody is told that they are signed out who is not: 503, and the cookies stay (REV-07)."""
    before = browser.cookie("gosession_access")
    site.store.fail("load", 5)
    answer = browser.post("/auth/logout")
    assert answer.status_code == 503
    assert set_cookies(answer) == set()
    assert browser.cookie("gosession_access") == before
