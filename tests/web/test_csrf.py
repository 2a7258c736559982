"""A cookie counts for an unsafe method only with the proof that the page meant it."""

from __future__ import annotations

import pytest
from sites import add_views, make_app

from flask_gosession import GoSession, current_user

COOKIES = {"TOKEN_LOCATIONS": ("header", "cookie")}
UNSAFE = [("POST", "/me"), ("POST", "/auth/refresh"), ("POST", "/auth/logout"), ("POST", "/auth/logout-all")]


@pytest.fixture
def site(make_any_site):
    return make_any_site(**COOKIES)


@pytest.fixture
def browser(site):
    browser = site.browser()
    assert browser.login().status_code == 200
    return browser


def refused(answer):
    return (answer.status_code, answer.json["error"]) == (403, "csrf_failed")


@pytest.mark.parametrize("path", [path for _, path in UNSAFE])
def test_without_the_value_nothing_happens(browser, path):
    """Every unsafe method is refused, refresh and logout too, and the session stays as it was (CSR-01)."""
    before = browser.cookie("gosession_access")
    assert refused(browser.post(path, csrf=False))
    assert browser.cookie("gosession_access") == before
    assert browser.get().status_code == 200


def test_the_value_in_a_header(browser):
    """The page reads the cookie and says it in a header."""
    assert browser.post().status_code == 200


def test_a_body_that_is_too_large(site):
    """A form that may hold the value and is too large is a 413, also where the page that says so greets the user."""
    site.app.config["MAX_CONTENT_LENGTH"] = 1000
    site.app.register_error_handler(413, lambda _: (f"{bool(current_user)}", 413))
    browser = site.browser()
    browser.login()
    answer = browser.post(csrf=False, data={"note": "x" * 2000})
    assert (answer.status_code, answer.text) == (413, "False")


def test_the_value_in_a_form_field(browser):
    """A form says it in a field, which a template fills in."""
    value = browser.get("/form").get_data(as_text=True)
    assert value == browser.cookie("gosession_csrf")
    assert browser.post(csrf=False, data={"gosession_csrf": value}).status_code == 200
    assert refused(browser.post(csrf=False, data={"gosession_csrf": value[:-1]}))


def test_it_is_bound_to_this_session(site, browser):
    """The value of another session, also of the same person, is worth nothing (CSR-01)."""
    for subject in ("ada", "mallory"):
        other = site.browser()
        other.login(subject)
        assert refused(browser.post(headers={"X-GoSession-CSRF": other.cookie("gosession_csrf")}))


def test_a_planted_csrf_cookie_is_worth_nothing(browser):
    """That cookie and header agree proves nothing: the server computes the value itself (CSR-01)."""
    browser.keep("gosession_csrf", "planted")
    assert refused(browser.post(headers={"X-GoSession-CSRF": "planted"}))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_are_free(browser, method):
    """What changes nothing needs no proof."""
    assert browser.client.open("/me", method=method).status_code == 200


ORIGINS = [
    ({"Origin": "http://localhost"}, True),
    ({"Origin": "https://localhost"}, True),
    ({"Origin": "http://evil.example"}, False),
    ({"Origin": "http://localhost.evil.example"}, False),
    ({"Origin": "http://localhost:8000"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": "http://["}, False),
    ({"Origin": ""}, False),
    ({"Origin": "https://partner.example"}, True),
    ({"Origin": "https://partner.example", "Sec-Fetch-Site": "cross-site"}, True),
    ({"Origin": "http://partner.example"}, False),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "junk"}, False),
    ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, False),
]


def test_what_the_browser_says_of_the_origin_counts(make_any_site):
    """Origin and Sec-Fetch-Site are checked when present, with an allow-list, and beside a right value (CSR-03)."""
    browser = make_any_site(**COOKIES, CSRF_TRUSTED_ORIGINS=("https://partner.example",)).browser()
    browser.login()
    for headers, fine in ORIGINS:
        answer = browser.post(headers=headers)
        assert answer.status_code == 200 if fine else refused(answer), headers


def test_junk_authorization_never_switches_it_off(browser):
    """A header that is no bearer token leaves the cookie to count, and the proof to be asked for (CSR-04)."""
    for junk in ("Basic dXNlcjpwYXNz", "junk", "", "Digest x", "Token abc", "\xe9"):
        for path in ("/me", "/auth/refresh", "/auth/logout"):
            assert refused(browser.post(path, csrf=False, headers={"Authorization": junk})), (junk, path)


def test_a_junk_bearer_token_is_judged_and_the_cookie_is_not(browser):
    """A wrong bearer token is refused for what it is; at logout the cookie may count, with its proof (CSR-04)."""
    for junk in ("Bearer", "Bearer x", "BearerTOKEN", "bearer a.b.c", "Bearer \tx"):
        assert browser.post(csrf=False, headers={"Authorization": junk}).status_code == 401, junk
        assert refused(browser.post("/auth/logout", csrf=False, headers={"Authorization": junk})), junk


def test_a_bearer_token_needs_no_proof(site):
    """What no browser adds by itself was meant."""
    token = site.login(client="ios")["access_token"]
    assert site.send("POST", "/me", token, headers={"Origin": "http://evil.example"}).status_code == 200


def test_it_can_be_switched_off(make_any_site):
    """GOSESSION_CSRF = False leaves it to the app."""
    browser = make_any_site(**COOKIES, CSRF=False).browser()
    browser.login()
    assert browser.post(csrf=False).status_code == 200


def test_names_are_configurable(make_any_site):
    """Header and field follow the settings."""
    browser = make_any_site(**COOKIES, CSRF_HEADER="X-Shop", CSRF_FIELD="shop").browser()
    browser.login()
    value = browser.cookie("gosession_csrf")
    assert browser.post(csrf=False, headers={"X-Shop": value}).status_code == 200
    assert browser.post(csrf=False, data={"shop": value}).status_code == 200
    assert refused(browser.post())


def test_an_older_secret_goes_on_counting(make_any_site, clock):
    """After a change of SECRET_KEY the page that is open goes on, as its token does."""
    site = make_any_site(**COOKIES)
    browser = site.browser()
    browser.login()
    value = browser.cookie("gosession_csrf")
    app = make_app(STORE=site.store, TOKEN_MODE=site.app.config["GOSESSION_TOKEN_MODE"], **COOKIES)
    app.config["SECRET_KEY_FALLBACKS"] = [site.app.secret_key]
    app.secret_key = "the-newer-one-that-is-long-enough-too"
    add_views(app, GoSession(app, clock=clock))
    client = app.test_client()
    client.set_cookie("gosession_access", browser.cookie("gosession_access"))
    assert client.post("/me", headers={"X-GoSession-CSRF": value}).status_code == 200
    assert client.post("/me", headers={"X-GoSession-CSRF": value[::-1]}).status_code == 403


WEIRD = ["", " ", "\xe9", "x" * 10_000, "%00", "null", "[]", '{"a":1}', "\x7f"]


def test_weird_values_are_refused_politely(browser):
    """Whatever stands in the header or field, the answer is 403 csrf_failed."""
    for value in WEIRD:
        text = {"data": f"gosession_csrf={value}".encode("latin-1"), "content_type": "text/plain"}
        for sent in ({"headers": {"X-GoSession-CSRF": value}}, {"data": {"gosession_csrf": value}}, text):
            assert refused(browser.post(csrf=False, **sent)), sent
    broken = {"data": b"--broken\r\n", "content_type": "multipart/form-data; boundary=x"}
    assert refused(browser.post(csrf=False, **broken))


@pytest.fixture
def form(make):
    """Return a browser with cookies, and the CSRF value of its session and of another."""
    site = make(TOKEN_LOCATIONS=("cookie",))
    site.app.add_url_rule("/form", view_func=site.gosession.csrf_token)
    ada, bob = site.browser(), site.browser()
    for browser, name in ((ada, "ada"), (bob, "bob")):
        browser.keep("gosession_access", site.pair(name, cookies=True).access_token)
    return ada, ada.get("/form").text, bob.get("/form").text


def former(value):
    return {"headers": {"X-CSRF-Token": value}}, {"data": {"csrf_token": value}}


def test_the_former_names(form, caplog):
    """Pages that were open during an upgrade say it under the former names, for one release; the log says so once."""
    browser, value, _ = form
    assert browser.post(csrf=False, headers={"X-GoSession-CSRF": value}).status_code == 200
    assert caplog.text == ""
    for options in former(value):
        assert browser.post(csrf=False, **options).status_code == 200
    (told,) = caplog.messages
    assert "deprecated" in told
    assert "X-GoSession-CSRF" in told
    assert value not in told


def test_the_former_names_prove_no_more(form):
    """Under them, too, only the value of this very session counts."""
    browser, value, other = form
    for wrong in (other, value[:-1], "", "é"):
        for options in former(wrong):
            assert refused(browser.post(csrf=False, **options))
