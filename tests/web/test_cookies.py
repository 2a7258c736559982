"""The cookies of a browser: what they are called, how they are guarded, how long they stay and how they go."""

from __future__ import annotations

import pytest
from sites import make_app

from flask_gosession import ConfigError, GoSession
from flask_gosession.web.cookies import LARGEST

COOKIES = {"TOKEN_LOCATIONS": ("cookie",)}


def parsed(answer):
    """Return the Set-Cookie headers as {name: (value, {attribute: value})}."""
    found = {}
    for header in answer.headers.getlist("Set-Cookie"):
        first, *rest = header.split("; ")
        name, _, value = first.partition("=")
        found[name] = value, {key.lower(): text for key, _, text in (part.partition("=") for part in rest)}
    return found


def attributes(answer, *, but=()):
    return {name: {k: v for k, v in more.items() if k not in but} for name, (_, more) in parsed(answer).items()}


def test_the_defaults(make_any_site):
    """HttpOnly tokens, SameSite Lax, a Strict refresh cookie on the blueprint's path, nothing persistent (COO-01)."""
    site = make_any_site(**COOKIES, COOKIE_SECURE=True)
    found = attributes(site.browser().login())
    shared = {"path": "/", "secure": "", "samesite": "Lax"}
    expected = {
        "gosession_access": {**shared, "httponly": ""},
        "gosession_csrf": shared,
        "gosession_state": shared,
        "gosession_refresh": {"path": "/auth", "secure": "", "httponly": "", "samesite": "Strict"},
    }
    assert found == expected


def test_secure_unless_testing(make_site):
    """Secure by default, but not where a test or a developer has no TLS."""
    site = make_site(**COOKIES)
    assert all("secure" not in more for more in attributes(site.browser().login()).values())
    app = make_app(STORE=site.store, **COOKIES)
    app.testing = False
    gosession = GoSession(app)
    app.add_url_rule("/", view_func=lambda: gosession.login_user("ada").to_dict())
    assert all("secure" in more for more in attributes(app.test_client().get("/")).values())


def test_cookies_that_a_browser_may_drop_are_warned_about(make_site, caplog):
    """Secure cookies over plain HTTP are logged, once; over HTTPS, and without Secure, there is nothing to say."""
    plain, secure = make_site(**COOKIES), make_site(**COOKIES, COOKIE_SECURE=True)
    plain.browser().login()
    secure.app.test_client().post("/login", json={"user": "ada"}, base_url="https://localhost")
    assert "plain HTTP" not in caplog.text
    for _ in range(2):
        secure.browser().login()
    assert caplog.text.count("set GOSESSION_COOKIE_SECURE to False") == 1


def test_the_host_preset(make_site):
    """`__Host-` names on `/`, and `__Secure-` for the refresh cookie, which has a path of its own (COO-01)."""
    site = make_site(**COOKIES, COOKIE_PRESET="host", COOKIE_SECURE=True)
    found = attributes(site.browser().login())
    assert set(found) == {
        "__Host-gosession_access",
        "__Secure-gosession_refresh",
        "__Host-gosession_csrf",
        "__Host-gosession_state",
    }
    assert all("secure" in more and "domain" not in more for more in found.values())
    assert {more["path"] for name, more in found.items() if name.startswith("__Host-")} == {"/"}
    assert found["__Secure-gosession_refresh"]["path"] == "/auth"


@pytest.mark.parametrize(
    "settings",
    [
        {"COOKIE_SAMESITE": "None", "COOKIE_SECURE": False},
        {"COOKIE_REFRESH_SAMESITE": "None"},
        {"COOKIE_PRESET": "host", "COOKIE_DOMAIN": "example.org", "COOKIE_SECURE": True},
        {"COOKIE_PRESET": "host", "COOKIE_PATH": "/app", "COOKIE_SECURE": True},
        {"COOKIE_PRESET": "host", "COOKIE_SECURE": False},
        {"COOKIE_PRESET": "host"},
    ],
    ids=lambda settings: ",".join(f"{name}={value}" for name, value in settings.items()),
)
def test_attributes_that_browsers_drop_are_refused_at_the_start(settings):
    """SameSite=None without Secure, `__Host-` with a Domain or on a path, are errors at start-up (COO-01)."""
    with pytest.raises(ConfigError):
        GoSession(make_app(**COOKIES, **settings))


def test_the_path_of_the_refresh_cookie_is_where_the_blueprint_stands(make_site):
    """It reaches refresh and logout there, and no other view."""
    site = make_site(**COOKIES, URL_PREFIX="/account/session")
    browser = site.browser()
    assert parsed(browser.login())["gosession_refresh"][1]["path"] == "/account/session"
    assert browser.post("/account/session/refresh").status_code == 200
    assert browser.post("/account/session/logout").status_code == 204


def test_samesite_and_domain_are_configurable(make_site):
    """Each cookie follows the settings, and is unset with the same."""
    site = make_site(**COOKIES, COOKIE_SAMESITE="Strict", COOKIE_REFRESH_SAMESITE="Lax", COOKIE_DOMAIN="example.org")
    found = attributes(site.app.test_client().post("/login", json={"user": "ada"}, base_url="http://example.org"))
    assert found["gosession_access"]["samesite"] == "Strict"
    assert found["gosession_refresh"]["samesite"] == "Lax"
    assert {more["domain"] for more in found.values()} == {"example.org"}


def test_remember_me_makes_them_persistent(make_any_site):
    """With remember the cookies live as long as the session, without they end with the browser."""
    site = make_any_site(**COOKIES, REMEMBER_ABSOLUTE_TIMEOUT="90d")
    ages = {more.get("max-age") for more in attributes(site.browser().login(remember=True)).values()}
    assert ages <= {str(90 * 86_400), str(90 * 86_400 - 1)}
    assert {more.get("max-age") for more in attributes(site.browser().login()).values()} == {None}


def test_unset_uses_what_set_used(make_site):
    """Logout takes each cookie away with the attributes it was given (COO-04)."""
    site = make_site(**COOKIES, COOKIE_PRESET="host", COOKIE_SECURE=True)
    client = site.app.test_client()
    given = client.post("/login", json={"user": "ada"}, base_url="https://localhost")
    csrf = parsed(given)["__Host-gosession_csrf"][0]
    answer = client.post("/auth/logout", headers={"X-GoSession-CSRF": csrf}, base_url="https://localhost")
    assert answer.status_code == 204
    assert attributes(answer, but=("expires", "max-age")) == attributes(given)
    assert {(value, more["max-age"]) for value, more in parsed(answer).values()} == {("", "0")}


def test_a_token_too_large_for_a_cookie_is_refused_before_anything_is_written(make_site):
    """Name and value over 4,096 bytes are a clear error at issue, and no session is left behind (COO-02)."""
    site = make_site(**COOKIES)
    site.app.testing = True

    @site.app.post("/large/<int:size>")
    def large(size):
        return site.gosession.login_user("ada", claims={"text": "x" * size}).to_dict()

    with pytest.raises(ValueError, match="too large for a cookie"):
        site.browser().post("/large/3000")
    assert site.store.count("swap") == 0
    assert len(parsed(site.browser().post("/large/2000"))["gosession_access"][0]) < LARGEST


def test_a_refreshed_token_too_large_for_a_cookie_rotates_nothing(make_site):
    """Claims that have outgrown the cookie are an error before anything is written; the same token refreshes later."""
    site, claims = make_site(**COOKIES), {}
    site.gosession.claims_loader(lambda _subject: claims)
    browser = site.browser()
    browser.login()
    claims["text"] = "x" * 3000
    with pytest.raises(ValueError, match="too large for a cookie"):
        browser.post("/auth/refresh")
    assert site.manager.sessions("ada")[0].gen == 0
    claims.clear()
    assert browser.post("/auth/refresh").status_code == 200


def test_a_body_takes_what_a_cookie_cannot(make_site):
    """The limit is the cookie's alone."""
    site = make_site(TOKEN_LOCATIONS=("header", "cookie"))

    @site.app.post("/large")
    def large():
        return site.gosession.login_user("ada", claims={"text": "x" * 4000}, cookies=False).to_dict()

    assert len(site.browser().post("/large").json["access_token"]) > LARGEST


def test_the_readable_state(make_site):
    """gosession_state says when the access token and the session end, and the server's time; it holds no secret."""
    site = make_site(**COOKIES, ACCESS_LIFETIME=1000, ABSOLUTE_TIMEOUT=5000)
    browser = site.browser()
    body = browser.login().json
    exp, end, now = (int(part) for part in browser.cookie("gosession_state").split("."))
    assert now == int(site.clock())
    assert exp == now + body["expires_in"]
    assert end == body["session_expires_at"]
    site.clock.advance(100)
    browser.post("/auth/refresh")
    assert int(browser.cookie("gosession_state").split(".")[2]) == int(site.clock())


@pytest.mark.parametrize(
    ("locations", "client", "asked", "cookies"),
    [
        (("cookie",), "web", None, True),
        (("cookie",), "ios", None, True),
        (("header", "cookie"), "web", None, True),
        (("header", "cookie"), "ios", None, False),
        (("header", "cookie"), "ios", True, True),
        (("header", "cookie"), "web", False, False),
        (("header",), "web", None, False),
    ],
)
def test_tokens_leave_in_cookies_or_in_the_body(make_site, locations, client, asked, cookies):
    """Never in both: by the configured locations, the client class, or what the view says."""
    site = make_site(TOKEN_LOCATIONS=locations)
    answer = site.browser().login(client=client, **({} if asked is None else {"cookies": asked}))
    assert bool(parsed(answer)) is cookies
    assert ("access_token" in answer.json) is not cookies
    assert ("refresh_token" in answer.json) is not cookies


def test_answers_with_tokens_are_not_cached(make_any_site):
    """no-store on what carries tokens, Vary where a cookie was read (COO-05)."""
    site = make_any_site(**COOKIES)
    browser = site.browser()
    login = browser.login()
    assert login.headers["Cache-Control"] == "no-store"
    page = browser.get()
    assert "Cookie" in page.headers["Vary"]
    assert page.headers["Cache-Control"] == "private, no-store"
    refreshed = browser.post("/auth/refresh")
    assert refreshed.headers["Cache-Control"] == "no-store"
    assert "Cookie" in refreshed.headers["Vary"]


def test_no_vary_where_no_cookie_counts(make_site):
    """An app of bearer tokens can be cached by what it says itself."""
    site = make_site()
    assert "Cookie" not in site.get(site.login()["access_token"]).headers.get("Vary", "")


WEIRD = ["", " ", "a.b.c", "\x7f", "\xe9", "%00", '"quoted"', "=;=", "A" * 4000, "eyJ.eyJ.x", "{}", "null"]


@pytest.mark.parametrize("name", ["gosession_access", "gosession_refresh", "gosession_csrf", "gosession_state"])
def test_weird_cookies_are_refused_politely(make_any_site, name):
    """Whatever stands in a cookie, the answer is a documented 4xx."""
    site = make_any_site(**COOKIES)
    for value in WEIRD:
        header = {"Cookie": f"{name}={value}".encode("latin-1").decode("latin-1")}
        for method, path in (("GET", "/me"), ("POST", "/me"), ("POST", "/auth/refresh"), ("POST", "/auth/logout")):
            answer = site.app.test_client(use_cookies=False).open(path, method=method, headers=header)
            expected = 204 if path == "/auth/logout" else 401
            assert answer.status_code == expected, (value, path)
    assert site.store.calls == []
