"""Two cookies of one name: one of them was planted, by a sibling host or for a deeper path."""

from __future__ import annotations

import pytest

COOKIES = {"TOKEN_LOCATIONS": ("header", "cookie")}
HOST = "http://shop.example.com"


@pytest.fixture
def site(make):
    return make(**COOKIES, blueprint={})


def browser_of(site):
    """Return a real cookie jar that is at home at a host below another."""
    return site.app.test_client()


def ask(client, path, method="GET", **options):
    return client.open(path, method=method, base_url=HOST, **options)


PLANTED = [
    {"domain": "example.com", "path": "/", "origin_only": False},
    {"domain": "shop.example.com", "path": "/me", "origin_only": False},
    {"domain": "example.com", "path": "/me", "origin_only": False},
]


@pytest.mark.parametrize("where", PLANTED, ids=str)
def test_a_planted_cookie_is_refused_and_both_go(site, where):
    """Nobody is anybody by two cookies: 401, and the browser then has none, wherever they were set."""
    ada, eve = site.pair("ada", cookies=True), site.pair("eve", cookies=True)
    client = browser_of(site)
    client.set_cookie("gosession_access", ada.access_token, domain="shop.example.com", origin_only=True)
    client.set_cookie("gosession_access", eve.access_token, **where)
    answer = ask(client, "/me")
    assert (answer.status_code, answer.json["error"]) == (401, "token_invalid")
    assert "two cookies" in answer.json["message"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert ask(client, "/me").json["error"] == "token_missing"
    assert site.lives(ada)
    assert site.lives(eve)


def test_two_refresh_cookies(site):
    """The refresh cookie likewise: nothing is rotated, and both go."""
    ada, eve = site.pair("ada", cookies=True), site.pair("eve", cookies=True)
    client = browser_of(site)
    client.set_cookie("gosession_refresh", ada.refresh_token, domain="shop.example.com", path="/auth")
    client.set_cookie(
        "gosession_refresh", eve.refresh_token, domain="example.com", path="/auth/refresh", origin_only=False
    )
    answer = ask(client, "/auth/refresh", "POST")
    assert (answer.status_code, answer.json["error"]) == (401, "token_invalid")
    assert ask(client, "/auth/refresh", "POST").json["error"] == "token_missing"
    assert site.manager.refresh(ada.refresh_token).sid == ada.sid


def doubled(*tokens):
    return {"Cookie": "; ".join(f"gosession_access={token}" for token in tokens)}


def test_the_same_twice_is_one(site):
    """A cookie that is there twice with one value says one thing."""
    token = site.pair("ada", cookies=True).access_token
    answer = site.send("GET", "/me", headers=doubled(token, token))
    assert answer.json["sub"] == "ada"
    assert "Set-Cookie" not in answer.headers


def test_a_header_beside_them_counts(site):
    """What is sent on purpose counts, and cookies beside it are not looked at."""
    ada, eve = site.pair("ada").access_token, site.pair("eve", cookies=True).access_token
    answer = site.get(ada, headers=doubled(ada, eve))
    assert answer.json["sub"] == "ada"
    assert "Set-Cookie" not in answer.headers


def test_a_public_page_shows_a_guest(site):
    """A public page is shown as to a guest, and takes both."""
    site.app.add_url_rule("/page", view_func=lambda: str(site.gosession.current_user))
    ada, eve = (site.pair(name, cookies=True).access_token for name in ("ada", "eve"))
    answer = site.send("GET", "/page", headers=doubled(ada, eve))
    assert answer.text == "Guest()"
    assert all("Max-Age=0" in one for one in answer.headers.getlist("Set-Cookie"))


def test_signing_in_again_mends_it(site):
    """A sign-in by cookies takes both and sets its own: one is left, and it counts."""

    @site.app.post("/sign-in")
    def sign_in():
        return site.gosession.login_user("bob", cookies=True).to_dict()

    client = browser_of(site)
    for where in ({"domain": "shop.example.com", "origin_only": True}, {"domain": "example.com", "origin_only": False}):
        client.set_cookie("gosession_access", site.pair("ada", cookies=True).access_token, **where)
    assert ask(client, "/sign-in", "POST").status_code == 200
    assert ask(client, "/me").json["sub"] == "bob"


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "[::1]", "localhost", "a..b", "x" * 70 + ".example", "é.example"])
def test_odd_hosts(site, host):
    """Whatever the host is called, the answer is the refusal, and of a bounded size."""
    deep = "/" + "/".join("abcdefghij" * 20)
    site.app.add_url_rule("/<path:rest>", view_func=site.gosession.login_required(lambda rest: rest))
    answer = site.send("GET", deep, headers={**doubled("a", "b"), "Host": host})
    assert answer.status_code in (400, 401)
    assert len(answer.headers.getlist("Set-Cookie")) <= 40
