"""How a refusal looks: JSON, problem+json, a redirect for a browser, or what the app makes of it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Blueprint, get_flashed_messages, jsonify
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_gosession import AuthError, StoreError
from flask_gosession.web.redirects import safe_next

PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def with_pages(site):
    site.app.add_url_rule("/sign-in", "sign_in", lambda: jsonify(get_flashed_messages()))
    site.app.add_url_rule("/boss", "boss", site.gosession.roles_required("boss")(lambda: "boss"))
    return site


@pytest.fixture
def site(make_any_site):
    return with_pages(make_any_site(LOGIN_VIEW="sign_in"))


def test_json(make_any_site):
    """By default: error, message and reason, never cached, with the challenge of RFC 6750."""
    answer = make_any_site().get(None)
    assert (answer.status_code, answer.mimetype) == (401, "application/json")
    assert answer.json == {"error": "token_missing", "message": "Please sign in.", "reason": None}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_problem_json(make_any_site):
    """By configuration: RFC 9457, with our own members beside the standard ones."""
    answer = make_any_site(ERROR_FORMAT="problem").get("x")
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    body = answer.json
    assert (body["type"], body["status"], body["title"]) == ("about:blank", 401, "The token is malformed.")
    assert (body["error"], body["detail"], body["reason"]) == ("token_malformed", body["message"], None)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def location(answer):
    parts = urlsplit(answer.headers["Location"])
    return parts.netloc, parts.path, parse_qs(parts.query)


def test_a_browser_is_sent_to_the_login_view(site):
    """With the way back, the reason as a flash, and nothing cached."""
    browser = site.browser()
    answer = browser.get("/me?page=2&q=%C3%A9", headers=PAGE)
    assert answer.status_code == 303
    assert location(answer) == ("", "/sign-in", {"next": ["/me?page=2&q=%C3%A9"]})
    assert answer.headers["Cache-Control"] == "no-store"
    assert browser.get("/sign-in").json == ["Please sign in."]


def test_it_is_told_why(site):
    """The flash is the sentence for the person: an administrator's message too."""
    token = site.login()["access_token"]
    site.manager.revoke_all("ada", "kicked", message="Please call the desk.")
    browser = site.browser()
    browser.get(headers={**PAGE, "Authorization": f"Bearer {token}"})
    assert browser.get("/sign-in").json == ["Please call the desk."]


def test_after_a_form_the_way_back_is_the_page(site):
    """What was posted cannot be repeated by a link: the way back is the page with the form, on this host only."""
    for referrer, expected in (
        ("http://localhost/form?x=1", "/form"),
        ("http://evil.example/form", "/"),
        ("http://[", "/"),
        ("", "/"),
        ("//localhost/form", "/form"),
        ("http://localhost//evil.example", "/"),
    ):
        answer = site.send("POST", "/me", None, headers={**PAGE, "Referer": referrer})
        assert location(answer)[2] == {"next": [expected]}


SCRIPTS = [
    {},
    {"Accept": "*/*"},
    {"Accept": "application/json"},
    {"Accept": "application/json, text/html;q=0.9"},
    {**PAGE, "X-Requested-With": "XMLHttpRequest"},
    {**PAGE, "Sec-Fetch-Mode": "cors"},
    {**PAGE, "Content-Type": "application/json"},
    {"Accept": "junk"},
]


def test_json_clients_never_get_a_redirect(site):
    """A script gets its 401 as JSON, whatever the login view."""
    for headers in SCRIPTS:
        answer = site.get(None, headers=headers)
        assert (answer.status_code, answer.mimetype) == (401, "application/json"), headers
        assert answer.json["error"] == "token_missing"


def test_only_a_missing_login_is_redirected(site):
    """Who is signed in and may not, gets 403; a store that is down is 503: no login would help."""
    token = site.login()["access_token"]
    assert site.get(token, "/boss", headers=PAGE).status_code == 403
    site.store.fail("load", 5)
    assert site.get(token, headers=PAGE).status_code == 503


def test_without_a_login_view_a_browser_gets_a_page(make_any_site):
    """Nothing is redirected to nowhere, and nobody has to read JSON."""
    answer = make_any_site().get(None, headers=PAGE)
    assert (answer.status_code, answer.mimetype) == (401, "text/html")
    assert "Please sign in." in answer.text


def test_a_handler_for_all(make_any_site):
    """One handler answers everything that the realm refuses, sync or async."""
    site = with_pages(make_any_site())

    @site.gosession.error_handler()
    async def handler(error):
        return jsonify(sorry=error.error), error.code

    assert site.get(None).json == {"sorry": "token_missing"}
    token = site.login()["access_token"]
    assert (site.get(token, "/boss").status_code, site.get(token, "/boss").json) == (
        403,
        {"sorry": "insufficient_scope"},
    )
    site.store.fail("load", 5)
    assert site.get(token).json == {"sorry": "store_unavailable"}


def test_a_handler_for_one_code(make_any_site):
    """A handler for one code leaves all others as they were."""
    site = make_any_site()

    @site.gosession.error_handler("token_missing")
    def handler(error):
        return "who are you?", 401

    assert site.get(None).text == "who are you?"
    assert site.get("x").json["error"] == "token_malformed"


def test_a_handler_for_one_blueprint(make_any_site):
    """A blueprint answers its refusals itself, 401, 403 and 503 alike; the rest of the app does not change."""
    site = make_any_site()
    desk = Blueprint("desk", __name__, url_prefix="/desk")
    desk.add_url_rule("/me", "me", site.gosession.login_required(lambda: "desk"))
    desk.add_url_rule("/boss", "boss", site.gosession.roles_required("boss")(lambda: "boss"))

    @desk.errorhandler(AuthError)
    def refused(error):
        return f"desk: {error.error}", error.code

    @desk.errorhandler(StoreError)
    def down(error):
        return "desk: down", 503

    site.app.register_blueprint(desk)
    token = site.login()["access_token"]
    assert site.get(None, "/desk/me").text == "desk: token_missing"
    answer = site.get(token, "/desk/boss")
    assert (answer.status_code, answer.text) == (403, "desk: insufficient_scope")
    assert site.get(None).json["error"] == "token_missing"
    site.store.fail("load", 5)
    assert site.get(token, "/desk/me").text == "desk: down"


def test_only_our_own_errors_are_handled(make_any_site):
    """What the app raises itself is answered as Flask does it."""
    site = make_any_site()
    site.app.add_url_rule("/missing", "missing", lambda: {}["x"])
    with pytest.raises(KeyError):
        site.get(None, "/missing")


EVIL = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "http://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/%2fevil.example",
    "/%5cevil.example",
    "/%252fevil.example",
    "%2f%2fevil.example",
    "/\tevil",
    "/\n/evil",
    "/ /evil",
    "/%0d%0aSet-Cookie:x",
    "/\x00",
    "evil",
    "",
    None,
    "///evil",
    " //evil",
    "/\x7f",
]


@pytest.mark.parametrize("target", EVIL, ids=range(len(EVIL)))
def test_next_leads_nowhere_else(target):
    """Other hosts, in any spelling, are replaced by the default (HTT-07)."""
    assert safe_next(target, "/home") == "/home"


@pytest.mark.parametrize("target", ["/", "/me", "/a/b?c=d&e=%20f", "/a?next=/b", "/é", "/a:b", "/@me", "/%20x"])
def test_next_leads_back(target):
    """A path on this host is kept as it is."""
    assert safe_next(target) == target


@given(target=st.text(st.sampled_from("/\\:%2fF5cC?#@.ae \t\n\x00"), max_size=12))
def test_next_is_a_local_path_or_the_default(target):
    """Whatever the text, no browser would leave the host by what is returned (HTT-07)."""
    found = safe_next(target, "/home")
    assert found.startswith("/")
    assert found[1:2] not in {"/", "\\"}
    assert not any(ord(character) <= 32 for character in found)


@given(
    path=st.text(min_size=0, max_size=20),
    referrer=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    host=st.sampled_from(["localhost", "[", "[::1]", "a b", "x" * 300, "", "é", "localhost:port"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_odd_addresses_are_answered_politely(site, path, referrer, host):
    """Whatever the path, the referrer and the host, a browser gets a redirect or a 4xx."""
    headers = {**PAGE, "Referer": referrer, "Host": host}
    client = site.app.test_client(use_cookies=False)
    for method in ("GET", "POST"):
        answer = client.open("/me", method=method, query_string={"q": path}, headers=headers)
        assert 300 <= answer.status_code < 500


def test_the_next_of_a_request(make_site):
    """The login view asks for the safe way back, from the address or from the form."""
    site = make_site()

    @site.app.post("/next")
    def back():
        return site.gosession.safe_next("/home")

    client = site.app.test_client()
    assert client.post("/next?next=/orders").text == "/orders"
    assert client.post("/next", data={"next": "/orders"}).text == "/orders"
    assert client.post("/next?next=//evil.example", data={"next": "/x"}).text == "/home"
    assert client.post("/next").text == "/home"
