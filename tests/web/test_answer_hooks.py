"""What code beside the views may ask of an answer: a CSRF value by session id, and all that is owed, at once."""

from __future__ import annotations

import pytest
from flask import Response, redirect
from sites import cookies_of, open_site

COOKIES = {"gosession_access", "gosession_refresh", "gosession_csrf", "gosession_state"}


@pytest.fixture
def site(clock, store):
    return open_site(clock, store, TOKEN_LOCATIONS=("header", "cookie"), blueprint={})


def test_the_value_of_a_session_counts_for_it_alone(site):
    """CSR-01: a value that was made beside any request is the one of that session, and of no other."""
    browser, other = site.browser(), site.browser()
    browser.login()
    other.login("bob")
    sid = browser.get().json["sid"]
    with site.app.app_context():
        value = site.gosession.csrf_value(sid)
    assert value == browser.cookie("gosession_csrf")
    for each, status in ((browser, 200), (other, 403)):
        assert each.post(csrf=False, headers={"X-GoSession-CSRF": value}).status_code == status


@pytest.mark.parametrize("sid", [None, 5, "", "x" * 22 + "=", b"x" * 16])
def test_what_is_no_session_id_has_no_value(site, sid):
    """A wrong argument is told to the caller."""
    with site.app.app_context(), pytest.raises((TypeError, ValueError)):
        site.gosession.csrf_value(sid)


def test_what_is_owed_is_put_on_any_answer(site):
    """COO-05: cookies, no-store and Vary stand on an answer that a view has not made itself, and once."""

    @site.app.post("/elsewhere")
    def elsewhere():
        site.gosession.login_user("ada", cookies=True)
        return site.gosession.apply_to(redirect("/"))

    answer = site.browser().post("/elsewhere")
    assert cookies_of(answer) == COOKIES
    assert len(answer.headers.getlist("Set-Cookie")) == len(COOKIES)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.vary.as_set() >= {"cookie"}


def test_what_changes_afterwards_replaces_it(site):
    """LIF-06: an answer that was given cookies, and then is to take them away, only does the latter."""
    with site.app.test_request_context("/", method="POST"):
        answer = Response()
        answer.set_cookie("theme", "dark")
        site.gosession.login_user("ada", cookies=True)
        site.gosession.apply_to(answer)
        site.gosession.logout_user()
        site.gosession.apply_to(answer)
    lines = answer.headers.getlist("Set-Cookie")
    assert [line.split("=")[0] for line in lines] == ["theme", *(name for name in _in_order(lines[1:]))]
    assert all("Max-Age=0" in line for line in lines[1:])


def _in_order(lines):
    names = [line.split("=")[0] for line in lines]
    assert set(names) <= COOKIES
    return names


def test_cookies_by_names_of_the_app(clock, store):
    """Each cookie may have a name of its own; the prefix of the preset comes before it."""
    names = {"access": "sid", "csrf": "XSRF-TOKEN"}
    site = open_site(clock, store, TOKEN_LOCATIONS=("cookie",), COOKIE_NAMES=names, blueprint={})
    browser = site.browser()
    assert cookies_of(browser.login()) == {"sid", "gosession_refresh", "XSRF-TOKEN", "gosession_state"}
    assert browser.get().status_code == 200
    assert cookies_of(browser.post("/auth/logout", headers={"X-GoSession-CSRF": browser.cookie("XSRF-TOKEN")})) == {
        "sid",
        "gosession_refresh",
        "XSRF-TOKEN",
        "gosession_state",
    }


def test_a_preset_goes_before_a_name(clock, store):
    """COO-01: with the preset a name of the app's own is as safe."""
    site = open_site(
        clock,
        store,
        TOKEN_LOCATIONS=("cookie",),
        COOKIE_NAMES={"access": "sid"},
        COOKIE_PRESET="host",
        COOKIE_SECURE=True,
    )
    assert {"__Host-sid", "__Secure-gosession_refresh"} < cookies_of(site.browser().login())
