"""Browsers are sent to the login view; programs never are."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from flask import get_flashed_messages, redirect
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, create_environ, run_wsgi_app

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGE = {"Accept": CHROME}


@pytest.fixture
def site(make):
    """Return a shop with a login page that says what was flashed and leads back."""
    shop = make(LOGIN_VIEW="login")

    @shop.app.route("/login", methods=["GET", "POST"])
    def login():
        return ";".join(get_flashed_messages(category_filter=["gosession"]))

    @shop.app.get("/back")
    def back():
        return redirect(shop.gosession.safe_next("/home"))

    for path in ("/a/<path:name>", "/orders"):
        shop.app.add_url_rule(path, path, shop.gosession.login_required(lambda **_: "in"), methods=["GET", "POST"])
    return shop


def sent_to(answer):
    """Return the page and the way back of a redirect."""
    parts = urlsplit(answer.headers["Location"])
    return parts.path, parse_qs(parts.query)["next"]


@pytest.mark.parametrize(
    ("path", "way_back"),
    [
        ("/orders", "/orders"),
        ("/orders?page=2&q=a%20b", "/orders?page=2&q=a%20b"),
        ("/a/caf%C3%A9", "/a/caf%C3%A9"),
        ("/a/two%20words", "/a/two%20words"),
        ("/a/what%3F?x=1", "/a/what%3F?x=1"),
        ("/orders?x=%0d%0aSet-Cookie:a", "/"),
    ],
)
def test_a_browser_is_sent_with_the_way_back(site, path, way_back):
    """HTT-07: 303 to the login view with the path as it was asked for, never cached."""
    answer = site.get(None, path, headers=PAGE)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (303, "no-store")
    assert sent_to(answer) == ("/login", [way_back])


@pytest.mark.parametrize("host", ["xn--", "xn--a.b", "["])
def test_a_host_that_is_no_name(site, host):
    """A Host header that cannot be decoded costs the way back, and nothing else."""
    environ = {**create_environ("/orders", headers=PAGE), "HTTP_HOST": host}
    _, status, headers = run_wsgi_app(site.app, environ)
    assert (status, urlsplit(headers["Location"]).path) == ("303 SEE OTHER", "/login")


def test_the_way_back_from_a_form(site):
    """After a POST the way back is the page with the form, if it is of this host."""
    for referrer, way_back in (
        ("http://localhost/orders?draft=1", "/orders"),
        ("https://elsewhere.example/orders", "/"),
        ("http://localhost//elsewhere.example", "/"),
        ("http://[", "/"),
        ("", "/"),
    ):
        answer = site.get(None, "/orders", method="POST", headers={**PAGE, "Referer": referrer})
        assert sent_to(answer) == ("/login", [way_back])


def test_the_reason_is_flashed(site):
    """The login page can say why: the sentence of the error, once."""
    client = site.app.test_client()
    token = site.pair().access_token
    site.manager.revoke_all("ada", "kicked", message="Call us.")
    client.get("/orders", headers={**PAGE, "Authorization": f"Bearer {token}"})
    assert client.get("/login").text == "Call us."
    assert client.get("/login").text == ""


def test_a_login_view_with_a_query(make):
    """The way back is added to whatever the address of the login view has already."""
    shop = make(LOGIN_VIEW="login")
    shop.app.add_url_rule("/login", "login", lambda: "", defaults=None)

    @shop.app.url_defaults
    def language(endpoint, values):
        if endpoint == "login":
            values["lang"] = "de"

    location = shop.get(None, headers=PAGE).headers["Location"]
    assert location == "/login?lang=de&next=%2Fme"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": "*/*"},
        {"Accept": "application/json"},
        {"Accept": "application/json, text/plain, */*"},
        {"Accept": "application/json, text/html"},
        {"Accept": "text/html;q=0.5, application/json"},
        {"Accept": "text/html;q=0"},
        {"Accept": "text/*"},
        {"Accept": "image/png"},
        {"Accept": "\x7f,,;q=x"},
        {**PAGE, "X-Requested-With": "XMLHttpRequest"},
        {**PAGE, "Sec-Fetch-Mode": "cors"},
        {**PAGE, "Content-Type": "application/json"},
    ],
    ids=str,
)
def test_a_program_is_never_sent_anywhere(site, headers):
    """A client that did not ask for a page above all gets the JSON of the error."""
    answer = site.get(None, "/orders", method="POST", headers=headers)
    assert (answer.status_code, answer.json["error"]) == (401, "token_missing")


@pytest.mark.parametrize("mode", [{}, {"Sec-Fetch-Mode": "navigate"}])
@pytest.mark.parametrize("accept", [CHROME, "text/html", "text/html, application/json;q=0.9", "TEXT/HTML, */*;q=0.1"])
def test_a_browser_is_known_by_what_it_asks_for(site, accept, mode):
    """A client that prefers HTML by name is sent to the login view."""
    assert site.get(None, "/orders", headers={"Accept": accept, **mode}).status_code == 303


def test_a_login_page_that_is_guarded_sends_nobody_in_circles(make):
    """A login view that needs a login by mistake answers, and does not redirect to itself; its form may."""
    shop = make(LOGIN_VIEW="login")
    guarded = shop.gosession.login_required(lambda: "")
    shop.app.add_url_rule("/login", "login", guarded, methods=["GET", "POST"])
    assert shop.get(None, "/login", headers=PAGE).status_code == 401
    assert shop.get(None, "/login", method="POST", headers=PAGE).status_code == 303


def test_only_a_401_sends_to_the_login_view(site, store):
    """A 403 or 503 is no reason to sign in again."""
    token = site.pair().access_token
    store.fail("load")
    assert site.get(token, "/orders", headers=PAGE).status_code == 503


def test_without_a_login_view_nobody_is_sent(shop):
    """Without LOGIN_VIEW a browser gets a 401, too."""
    assert shop.get(None, headers=PAGE).status_code == 401


def test_under_a_mount_the_way_back_has_the_mount(site):
    """An app mounted below a path sends to its login view there, and back to there."""
    mounted = DispatcherMiddleware(lambda environ, start: [], {"/shop": site.app})
    answer = Client(mounted).get("/shop/orders?page=2", headers=PAGE)
    assert sent_to(answer) == ("/shop/login", ["/shop/orders?page=2"])


@pytest.mark.parametrize(
    ("target", "leads"),
    [("/orders?page=2", "/orders?page=2"), ("//elsewhere.example", "/home"), ("https://elsewhere.example", "/home")],
)
def test_the_view_leads_back_safely(site, target, leads):
    """HTT-07: safe_next takes the request's `next` only where it stays on this host."""
    answer = site.get(None, "/back", query_string={"next": target})
    assert answer.headers["Location"] == leads
    assert site.get(None, "/back").headers["Location"] == "/home"
