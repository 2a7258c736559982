"""What browsers are told to clear when a person signs out."""

from __future__ import annotations

import pytest

from flask_gosession import ConfigError

NAMED = '"cache", "storage"'


@pytest.fixture
def site(make):
    site = make(TOKEN_LOCATIONS=("header", "cookie"), CLEAR_SITE_DATA=("cache", "storage"), blueprint={})
    site.app.add_url_rule("/form", view_func=site.gosession.csrf_token)
    return site


def signed_in(site):
    browser = site.browser()
    browser.keep("gosession_access", site.pair("ada", cookies=True).access_token)
    return browser


def test_a_sign_out_clears(site):
    """A sign-out by cookie, by header, everywhere, and of cookies that are good for nothing any more."""
    assert signed_in(site).get("/me").headers.get("Clear-Site-Data") is None
    page = signed_in(site)
    page.keep("gosession_csrf", page.get("/form").text)
    assert page.post("/auth/logout").headers["Clear-Site-Data"] == NAMED
    for path in ("/auth/logout", "/auth/logout-all"):
        answer = site.send("POST", path, site.pair().access_token)
        assert answer.headers["Clear-Site-Data"] == NAMED
    left_over = site.browser()
    left_over.keep("gosession_access", "junk")
    assert left_over.post("/auth/logout").headers["Clear-Site-Data"] == NAMED


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
def test_another_site_clears_nothing(site, headers):
    """A form of another site, sent without cookies, does not empty what this one keeps in the browser."""
    answer = site.browser().post("/auth/logout", headers=headers)
    assert (answer.status_code, answer.headers.get("Clear-Site-Data")) == (204, None)


def test_a_sign_out_that_fails_clears_nothing(site):
    """While the store is down nobody is signed out."""
    pair = site.pair()
    site.store.fail("load", 5)
    answer = site.send("POST", "/auth/logout", pair.access_token)
    assert (answer.status_code, answer.headers.get("Clear-Site-Data")) == (503, None)


def test_nothing_is_cleared_by_default(make):
    """Without the setting there is no such header."""
    site = make(blueprint={})
    assert "Clear-Site-Data" not in site.send("POST", "/auth/logout", site.pair().access_token).headers


@pytest.mark.parametrize("named", ["cookies", ["cache", "cookies"], "*", "executionContexts", [1], True], ids=str)
def test_what_may_be_named(make, named):
    """Cookies are ours to unset: cleared by this header, those of sibling hosts would go, too."""
    with pytest.raises(ConfigError, match=r'CLEAR_SITE_DATA must be a list of "cache" or "storage"'):
        make(CLEAR_SITE_DATA=named)
