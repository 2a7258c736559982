"""CSRF = "origin": no value, but what the browser says about where a request comes from."""

from __future__ import annotations

import pytest
from sites import make_app

from flask_gosession import ConfigError, GoSession

OWN, TRUSTED = "http://localhost", "https://pay.example"


@pytest.fixture
def browser(make_site):
    browser = make_site(TOKEN_LOCATIONS=("cookie",), CSRF="origin", CSRF_TRUSTED_ORIGINS=TRUSTED).browser()
    browser.login()
    return browser


PASSES = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": OWN},
    {"Origin": OWN},
    {"Sec-Fetch-Site": "cross-site", "Origin": TRUSTED},
    {"Origin": TRUSTED},
]
REFUSED = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "anything"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OWN},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://pay.example.evil.example"},
    {"Origin": "http://[", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", PASSES, ids=str)
def test_an_own_request_needs_no_value(browser, headers):
    """A page of this site, a trusted one, or a client that is no browser."""
    assert browser.post(csrf=False, headers=headers).status_code == 200


@pytest.mark.parametrize("headers", REFUSED, ids=str)
def test_a_request_from_elsewhere_is_refused(browser, headers, caplog):
    """Whatever the value: another site is another site, and the log says which."""
    assert browser.post(headers=headers).json["error"] == "csrf_failed"
    assert "refused as forged (CSRF): " in caplog.text


def test_reading_needs_no_proof(browser):
    """A safe method passes from everywhere, as a link does."""
    assert browser.get(headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_what_is_logged_stays_in_one_line(browser, caplog):
    """What a client sends as its origin cannot forge a line of the log, nor fill it."""
    browser.post(headers={"Sec-Fetch-Site": "x" * 5000, "Origin": "https://" + "y" * 5000})
    assert all(len(line) < 500 for line in caplog.text.splitlines())


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"COOKIE_SECURE": False}, "needs GOSESSION_COOKIE_SECURE"),
        ({"COOKIE_SAMESITE": "None"}, "need GOSESSION_CSRF_TRUSTED_ORIGINS"),
        ({"COOKIE_REFRESH_SAMESITE": "None"}, "need GOSESSION_CSRF_TRUSTED_ORIGINS"),
        ({"CSRF": "origins"}, 'must be True, False or "origin"'),
    ],
)
def test_where_it_could_not_hold_nothing_starts(config, advice):
    """Over plain HTTP browsers do not say, and a SameSite of None asks for the sites that may send."""
    app = make_app(TOKEN_LOCATIONS="cookie", **{"CSRF": "origin", **config})
    app.testing = False
    with pytest.raises(ConfigError, match=advice):
        GoSession(app)


def test_where_it_holds_it_starts():
    """With HTTPS, with trusted origins for SameSite=None, and in debug without TLS."""
    for debug, config in (
        (False, {}),
        (False, {"COOKIE_SAMESITE": "None", "CSRF_TRUSTED_ORIGINS": TRUSTED}),
        (True, {"COOKIE_SECURE": False}),
    ):
        app = make_app(TOKEN_LOCATIONS="cookie", CSRF="origin", **config)
        app.testing, app.debug = False, debug
        GoSession(app)


def test_the_names_are_ours_alone(make_site):
    """The header and the field that other extensions use for theirs say nothing to us."""
    browser = make_site(TOKEN_LOCATIONS=("cookie",)).browser()
    browser.login()
    value = browser.cookie("gosession_csrf")
    assert browser.post(csrf=False, headers={"X-GoSession-CSRF": value}).status_code == 200
    assert browser.post(csrf=False, data={"gosession_csrf": value}).status_code == 200
    assert browser.post(csrf=False, headers={"X-CSRFToken": value}).status_code == 403
    assert browser.post(csrf=False, data={"authenticity_token": value}).status_code == 403
