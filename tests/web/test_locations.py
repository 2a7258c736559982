"""Where tokens may come from, and which of several counts."""

from __future__ import annotations

import itertools

import pytest
from sites import make_app

from flask_gosession import AuthError, ConfigError, GoSession

ALL = ("cookie", "query", "json", "header")
ORDER = ("header", "json", "query", "cookie")
REFUSALS = {"token_missing", "token_malformed", "token_invalid"}
PAIRS = list(itertools.combinations(ORDER, 2))


def options(tokens):
    """Return the request that brings each token at its location."""
    sent = {"headers": {}}
    if "header" in tokens:
        sent["headers"]["Authorization"] = f"Bearer {tokens['header']}"
    if "cookie" in tokens:
        sent["headers"]["Cookie"] = f"gosession_access={tokens['cookie']}"
    if "query" in tokens:
        sent["query_string"] = {"access_token": tokens["query"]}
    if "json" in tokens:
        sent["json"] = {"access_token": tokens["json"]}
    return sent


def ask(site, tokens, path="/me", method="GET"):
    return site.app.test_client(use_cookies=False).open(path, method=method, **options(tokens))


@pytest.mark.parametrize("location", ["query", "json", "cookie"])
def test_only_the_header_counts_by_default(make_any_site, location):
    """Query, JSON body and cookie are off unless configured (HTT-01)."""
    site = make_any_site()
    token = site.login()["access_token"]
    assert ask(site, {location: token}).json["error"] == "token_missing"
    assert ask(site, {"header": token}).status_code == 200


@pytest.mark.parametrize("location", ALL)
def test_each_location_can_be_switched_on(make_any_site, location):
    """A location that is configured counts, and no other."""
    site = make_any_site(TOKEN_LOCATIONS=(location,))
    token = site.login(cookies=False)["access_token"]
    for each in ALL:
        assert ask(site, {each: token}).status_code == (200 if each == location else 401)


def test_what_is_said_on_purpose_comes_first(make_any_site):
    """Header before JSON before query before cookie, whatever the order in the configuration."""
    site = make_any_site(TOKEN_LOCATIONS=ALL)
    ada, bob = (site.login(name, cookies=False)["access_token"] for name in ("ada", "bob"))
    for first, second in PAIRS:
        assert ask(site, {first: ada, second: bob}).json["sub"] == "ada", (first, second)
        assert ask(site, {first: bob, second: ada}).json["sub"] == "bob", (first, second)


def test_the_first_counts_also_when_it_is_wrong(make_any_site):
    """A wrong token is refused though a good one stands at a later place, and a wrong one there does no harm."""
    site = make_any_site(TOKEN_LOCATIONS=ALL)
    good = site.login(cookies=False)["access_token"]
    for first, second in PAIRS:
        assert ask(site, {first: good, second: "bad"}).status_code == 200, (first, second)
        assert ask(site, {first: "bad", second: good}).status_code == 401, (first, second)


def test_a_bad_cookie_beside_a_good_header_does_not_win(make_any_site):
    """An old cookie of somebody else changes nothing about who is asking, and is not renewed or unset."""
    site = make_any_site(TOKEN_LOCATIONS=("header", "cookie"))
    ada, bob = (site.login(name, cookies=False)["access_token"] for name in ("ada", "bob"))
    for cookie in (bob, "bad", ""):
        answer = ask(site, {"header": ada, "cookie": cookie}, method="POST")
        assert answer.json["sub"] == "ada"
        assert "Set-Cookie" not in answer.headers


def test_a_route_can_name_its_own(make_any_site):
    """locations= on a route replaces the configured ones for it alone."""
    site = make_any_site()

    @site.app.get("/download")
    @site.gosession.login_required(locations=["query"])
    def download():
        return site.gosession.current_session.subject

    token = site.login()["access_token"]
    assert ask(site, {"query": token}, "/download").text == "ada"
    assert ask(site, {"header": token}, "/download").json["error"] == "token_missing"
    assert ask(site, {"query": token}).status_code == 401


def test_a_route_can_name_its_own_on_a_protected_app(make_any_site):
    """Protect leaves a view to the locations that the view itself names."""
    site = make_any_site()

    @site.app.get("/download")
    @site.gosession.login_required(locations=["query"])
    def download():
        return site.gosession.current_session.subject

    site.gosession.protect(site.app)
    with site.app.test_request_context():
        token = site.manager.login("ada").access_token
    assert ask(site, {"query": token}, "/download").text == "ada"
    assert ask(site, {}, "/download").status_code == 401
    assert ask(site, {"header": token}, "/download").status_code == 401


@pytest.mark.parametrize("locations", ["body", [], ["body"], ["header", 5]], ids=str)
def test_a_wrong_list_of_locations_is_an_error_at_once(locations):
    """A misspelt location is told when the view is decorated."""
    with pytest.raises(ConfigError, match="locations"):
        GoSession().login_required(locations=locations)


@pytest.mark.parametrize("name", ["query", "query_string", {"query"}], ids=str)
def test_the_names_of_locations(make_site, name):
    """A bare word will do, and the names that Flask-JWT-Extended has for the locations."""
    site = make_site(TOKEN_LOCATIONS="headers")
    site.app.add_url_rule("/file", "file", site.gosession.login_required(locations=name)(lambda: "file"))
    token = site.manager.login("ada").access_token
    assert ask(site, {"header": token}).status_code == 200
    assert ask(site, {"query": token}).status_code == 401
    assert ask(site, {"query": token}, "/file").text == "file"


def test_settings_with_other_names(make_site):
    """The same in the settings; a location that is named twice is one."""
    site = make_site(TOKEN_LOCATIONS=["cookies", "cookie", "query_string", "json"])
    with site.app.app_context():
        assert site.app.extensions["gosession"]["default"].config.token_locations == ("cookie", "query", "json")


def test_a_refresh_token_by_body(make_site):
    """Where the JSON body is a location, a refresh takes its token from there and answers in the body."""
    site = make_site(TOKEN_LOCATIONS=("header", "json"))
    pair = site.login()
    answer = site.send("POST", "/auth/refresh", None, json={"refresh_token": pair["refresh_token"]})
    assert answer.status_code == 200
    assert site.get(answer.json["access_token"]).status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_a_refresh_token_never_travels_in_the_query(make_site):
    """An address is logged everywhere; for a refresh token it is no place even where query is on."""
    site = make_site(TOKEN_LOCATIONS=("header", "query"))
    pair = site.login()
    for name in ("access_token", "refresh_token"):
        answer = site.send("POST", f"/auth/refresh?{name}={pair['refresh_token']}", None)
        assert answer.json["error"] == "token_missing"


BODIES = [
    b"",
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b"7",
    b'{"access_token": null}',
    b'{"access_token": 7}',
    b'{"access_token": []}',
    b'{"access_token": {"a": 1}}',
    b'{"access_token": true}',
    b'{"access_token": ""}',
    b'{"access_token": "\\ud800"}',
    b'{"access_token": "\\u0000"}',
    b'{"access_token": "a.b.c", "access_token": 1}',
    b"\xff\xfe",
    b"[" * 60_000,
    b'{"access_token": ' + b"9" * 5000 + b"}",
    b'{"access_token": NaN}',
]


def test_odd_bodies_are_refused_politely(make_any_site):
    """Whatever the JSON body holds, the answer is a documented 401 (or, at logout, 204)."""
    site = make_any_site(TOKEN_LOCATIONS=("json",))
    bodies = [*BODIES, *(body.replace(b"access_token", b"refresh_token") for body in BODIES)]
    for body, (path, expected) in itertools.product(
        bodies, (("/me", 401), ("/auth/refresh", 401), ("/auth/logout", 204))
    ):
        answer = site.send("POST", path, None, data=body, content_type="application/json")
        assert answer.status_code == expected, (body[:40], path)
        if expected == 401:
            assert answer.json["error"] in REFUSALS, (body[:40], path)


QUERIES = [
    "access_token",
    "access_token=",
    "access_token=%00",
    "access_token=%ff",
    "access_token=a&access_token=b",
    "%",
]


def test_odd_queries_are_refused_politely(make_any_site):
    """Whatever the query holds, the answer is a documented 401."""
    site = make_any_site(TOKEN_LOCATIONS=("query",))
    for query in QUERIES:
        answer = site.send("GET", f"/me?{query}", None)
        assert answer.status_code == 401, query
        assert answer.json["error"] in REFUSALS, query


class FromSubprotocol:
    """Finds the token where a browser's WebSocket can put one."""

    def __call__(self, request, kind):
        parts = request.headers.get("Sec-WebSocket-Protocol", "").split(", ")
        return parts[1] if len(parts) == 2 and parts[0] == kind.value else None


@pytest.mark.parametrize("locations", [("header",), ("header", "cookie")], ids="-".join)
def test_an_extractor_looks_first(any_store, clock, locations):
    """An app's own extractor is asked before all locations, and what it finds needs no CSRF proof."""
    app = make_app(STORE=any_store, TOKEN_LOCATIONS=locations)
    gosession = GoSession(app, extractor=FromSubprotocol(), clock=clock)
    app.register_blueprint(gosession.blueprint())
    app.add_url_rule(
        "/me", view_func=gosession.login_required(lambda: gosession.current_session.subject), methods=["POST"]
    )
    with app.app_context():
        ada, bob = (gosession.manager.login(name) for name in ("ada", "bob"))
    client = app.test_client(use_cookies=False)
    spoken = {"Sec-WebSocket-Protocol": f"access, {ada.access_token}"}
    assert client.post("/me", headers=spoken).text == "ada"
    assert client.post("/me", headers={**spoken, "Authorization": f"Bearer {bob.access_token}"}).text == "ada"
    assert client.post("/me", headers={"Authorization": f"Bearer {bob.access_token}"}).text == "bob"
    assert client.post("/me", headers={"Sec-WebSocket-Protocol": "access, junk"}).status_code == 401
    renewed = client.post("/auth/refresh", headers={"Sec-WebSocket-Protocol": f"refresh, {ada.refresh_token}"})
    assert "access_token" in renewed.json
    assert client.post("/auth/logout", headers=spoken).status_code == 204
    assert client.post("/me", headers=spoken).status_code == 401


def test_an_async_extractor(any_store, clock):
    """An extractor may be a coroutine function."""

    async def extract(request, kind):
        return request.headers.get(f"X-{kind.value}")

    app = make_app(STORE=any_store)
    gosession = GoSession(app, extractor=extract, clock=clock)
    app.add_url_rule("/me", view_func=gosession.login_required(lambda: gosession.current_session.subject))
    with app.app_context():
        token = gosession.manager.login("ada").access_token
    client = app.test_client()
    assert client.get("/me", headers={"X-access": token}).text == "ada"
    assert client.get("/me").status_code == 401


def test_a_socket_authenticates_by_itself(make_any_site):
    """authenticate_token checks a token that came by a message, outside of any request."""
    site = make_any_site(loader=lambda subject: {"name": subject} if subject == "ada" else None)
    ada, bob = (site.login(name)["access_token"] for name in ("ada", "bob"))
    with site.app.app_context():
        session = site.gosession.authenticate_token(ada)
        assert (session.subject, session.client) == ("ada", "web")
        for token, error in ((bob, "user_not_found"), ("junk", "token_malformed"), ("", "token_malformed")):
            with pytest.raises(AuthError) as refused:
                site.gosession.authenticate_token(token)
            assert refused.value.error == error
        site.manager.logout(ada)
        with pytest.raises(AuthError) as refused:
            site.gosession.authenticate_token(ada)
        assert refused.value.reason == "logged_out"
