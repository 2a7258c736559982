"""One request stands for one session: what happens where it brings the tokens of two."""

from __future__ import annotations

import pytest
from flask import jsonify
from sites import make_app

from flask_gosession import GoSession
from flask_gosession.tokens.types import TokenType

LOCATIONS = ("header", "json", "query", "cookie")
BOTH = {"TOKEN_LOCATIONS": ("header", "cookie")}


@pytest.fixture
def site(make):
    return make(**BOTH, blueprint={})


def sent(location, token):
    """Return how a request brings *token* at a location."""
    return {
        "header": {"headers": {"Authorization": f"Bearer {token}"}},
        "json": {"json": {"access_token": token}},
        "query": {"query_string": {"access_token": token}},
        "cookie": {"headers": {"Cookie": f"gosession_access={token}"}},
    }[location]


def merged(*several):
    """Return one request's options from those of several."""
    headers = {name: value for one in several for name, value in one.get("headers", {}).items()}
    return {**{name: value for one in several for name, value in one.items()}, "headers": headers}


@pytest.mark.parametrize(("first", "second"), [(a, b) for a in LOCATIONS for b in LOCATIONS if a != b])
def test_two_decorators_that_find_two_people(make, first, second):
    """Where one decorator lets A in by one location and another B by another, the request is refused."""
    site = make(CSRF=False)
    seen = []

    @site.gosession.login_required(locations=first)
    @site.gosession.login_required(locations=second)
    def both():
        seen.append(site.gosession.current_session.subject)
        return ""

    site.app.add_url_rule("/both", view_func=both, methods=["POST"])
    ada, bob, again = site.pair("ada"), site.pair("bob"), site.pair("ada")

    def ask(one, other):
        options = merged(sent(first, one.access_token), sent(second, other.access_token))
        return site.send("POST", "/both", **options)

    for other in (bob, again):
        answer = ask(ada, other)
        assert (answer.status_code, answer.json["error"]) == (401, "token_invalid")
        assert "two sessions" in answer.json["message"]
    assert ask(ada, ada).status_code == 200
    assert seen == ["ada"]


def test_asking_inside_of_a_view(site):
    """The same for a view that asks by itself, after its decorator."""

    @site.app.get("/inside")
    @site.gosession.login_required
    def inside():
        return str(site.gosession.require_login(locations="query"))

    ada, bob = site.pair("ada").access_token, site.pair("bob").access_token
    assert site.get(ada, "/inside", query_string={"access_token": bob}).json["error"] == "token_invalid"
    assert site.get(ada, "/inside", query_string={"access_token": ada}).status_code == 200


def test_an_api_key_beside_a_session(site):
    """A user whom the request loader has found is not the holder of a session that the request brings elsewhere."""
    site.gosession.request_loader(lambda request: request.headers.get("X-Key"))

    @site.app.get("/inside")
    @site.gosession.login_required
    def inside():
        return str(site.gosession.require_login(optional="lenient", locations="query"))

    query = {"access_token": site.pair("bob").access_token}
    answer = site.get(None, "/inside", headers={"X-Key": "robot"}, query_string=query)
    assert answer.text == "Guest()"
    assert site.get(None, "/inside", headers={"X-Key": "robot"}).text == "Guest()"


@pytest.mark.parametrize("optional", [True, "lenient"])
def test_guests_by_choice_are_not_the_other_person(site, optional):
    """Where guests may pass, the second person is refused, or a guest; never who is asking."""

    @site.app.get("/maybe")
    @site.gosession.login_required
    @site.gosession.login_required(optional=optional, locations="query")
    def maybe():
        session = site.gosession.current_session
        return jsonify(session.subject if session else None)

    ada, bob = site.pair("ada").access_token, site.pair("bob").access_token
    answer = site.get(ada, "/maybe", query_string={"access_token": bob})
    assert answer.json is None if optional == "lenient" else answer.status_code == 401


def test_no_other_location_is_read_beside_the_first(site):
    """A header of B beside cookies of A is B's request: the cookies are neither used, renewed nor taken."""
    ada, bob = site.pair("ada", cookies=True), site.pair("bob")
    answer = site.get(bob.access_token, headers={"Cookie": f"gosession_access={ada.access_token}"})
    assert answer.json["sub"] == "bob"
    assert "Set-Cookie" not in answer.headers
    assert site.lives(ada)


def add_sign_in(site, *, cookies):
    @site.app.post("/sign-in")
    def sign_in():
        return site.gosession.login_user("eve", cookies=cookies).to_dict()

    return site


def test_cookies_that_a_login_replaces(site):
    """Signing in by cookies with a token of B beside cookies of A ends both: nobody would have A's any more."""
    add_sign_in(site, cookies=True)
    ada, bob = site.pair("ada", cookies=True), site.pair("bob")
    headers = {"Cookie": f"gosession_access={ada.access_token}"}
    answer = site.send("POST", "/sign-in", bob.access_token, headers=headers)
    assert answer.status_code == 200
    assert [site.lives(ada), site.lives(bob)] == [False, False]


def test_cookies_that_a_login_leaves_alone(site):
    """Signing in by body with a token of B leaves the cookies of A, and their session, to A."""
    add_sign_in(site, cookies=False)
    ada, bob = site.pair("ada", cookies=True), site.pair("bob")
    headers = {"Cookie": f"gosession_access={ada.access_token}"}
    answer = site.send("POST", "/sign-in", bob.access_token, headers=headers)
    assert "Set-Cookie" not in answer.headers
    assert [site.lives(ada), site.lives(bob)] == [True, False]


def test_cookies_of_a_session_that_a_login_by_body_has_ended(site):
    """Tokens that go into the body end the session of the cookies, and take the cookies with it."""
    add_sign_in(site, cookies=False)
    ada = site.pair("ada", cookies=True)
    browser = site.browser()
    browser.keep("gosession_access", ada.access_token)
    answer = browser.post("/sign-in")
    assert not site.lives(ada)
    assert browser.cookie("gosession_access") is None
    assert site.get(answer.json["access_token"]).json["sub"] == "eve"


def test_an_access_cookie_of_one_session_and_a_refresh_cookie_of_another(site):
    """A sign-in ends both sessions whose cookies it replaces."""

    @site.app.post("/auth/sign-in")
    def sign_in():
        return site.gosession.login_user("eve").to_dict()

    ada, bob = site.pair("ada", cookies=True), site.pair("bob", cookies=True)
    headers = {"Cookie": f"gosession_access={ada.access_token}; gosession_refresh={bob.refresh_token}"}
    assert site.send("POST", "/auth/sign-in", headers=headers).status_code == 200
    assert [site.lives(ada), site.lives(bob)] == [False, False]


def test_a_refresh_by_body_after_a_sign_in_by_cookies(make):
    """An answer has the cookies of one session at most: what was refreshed last is what holds."""
    site = make(TOKEN_LOCATIONS=("json", "cookie"))

    @site.app.post("/both")
    def both():
        site.gosession.login_user("eve", cookies=True)
        return site.gosession.refresh().to_dict()

    ada, bob = site.pair("ada"), site.pair("bob")
    body = {"access_token": ada.access_token, "refresh_token": bob.refresh_token}
    answer = site.send("POST", "/both", json=body)
    assert answer.json["error"] == "session_ended"  # the sign-in has ended both
    assert site.manager.sessions("ada") == site.manager.sessions("bob") == []
    access = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("gosession_access="))
    cookie = access.partition(";")[0]
    assert site.send("GET", "/me", headers={"Cookie": cookie}).json["sub"] == "eve"


def test_a_refresh_of_another_session_after_a_sign_in_by_cookies(clock, store):
    """An answer has the cookies of one session at most: what was refreshed last is what holds."""
    app = make_app(STORE=store, **BOTH)
    gosession = GoSession(app, clock=clock, extractor=extract)

    @app.post("/both")
    def both():
        gosession.login_user("eve", cookies=True)
        return gosession.refresh().to_dict()

    with app.app_context():
        manager = gosession.manager
    ada, bob = manager.login("ada"), manager.login("bob")
    headers = {"X-Token": ada.access_token, "Authorization": f"Bearer {bob.refresh_token}"}
    answer = app.test_client().post("/both", headers=headers)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert [len(manager.sessions(name)) for name in ("ada", "bob", "eve")] == [0, 1, 0]


def extract(request, kind):
    return request.headers.get("X-Token") if kind is TokenType.ACCESS else None


def test_a_sign_out_takes_the_cookies_of_the_session_that_it_ends(site):
    """A token in the header and cookies of the same session: both go."""
    ada = site.pair("ada", cookies=True)
    headers = {"Cookie": f"gosession_access={ada.access_token}"}
    answer = site.send("POST", "/auth/logout", ada.access_token, headers=headers)
    assert "gosession_access=;" in str(answer.headers)


def test_a_sign_out_by_a_location_that_the_route_names(make):
    """A session that was found where only this route looks ends by a sign-out there."""
    site = make()

    @site.app.get("/leave")
    @site.gosession.login_required(locations="query")
    def leave():
        return str(site.gosession.logout_user().count)

    ada = site.pair("ada")
    assert site.get(None, "/leave", query_string={"access_token": ada.access_token}).text == "1"
    assert site.manager.sessions("ada") == []


def test_a_cookie_of_another_beside_a_new_login(make):
    """Once a view has signed somebody in, a guard that finds another person elsewhere refuses the request."""
    site = make()

    @site.app.get("/mixed")
    def mixed():
        site.gosession.login_user("bob")
        site.gosession.require_login(locations="cookie")
        return {"sub": site.gosession.current_session.subject}

    answer = site.send("GET", "/mixed", **sent("cookie", site.pair("ada", cookies=True).access_token))
    assert (answer.status_code, answer.json.get("error")) == (401, "token_invalid")
