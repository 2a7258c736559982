"""The app's own functions after requests: they may use sessions, and see every answer that leaves."""

from __future__ import annotations

import pytest
from flask import after_this_request, current_app, session
from sites import cookies_of, make_app, open_site

from flask_gosession import current_session, login_required, logout_user


def void(_value):
    """Return nothing, so that the request goes on."""


@pytest.fixture
def app():
    return make_app(TOKEN_LOCATIONS=("header", "cookie"))


@pytest.fixture
def site(app, clock, store):
    """Return a site whose app has functions after requests from before the extension came."""
    before = []

    @app.after_request
    def run(response):
        for each in before:
            response = each(response)
        return response

    site = open_site(clock, store, app=app, blueprint={})

    @app.get("/page")
    @login_required
    def page():
        return "fine"

    site.before = before
    return site


@pytest.mark.parametrize("when", ["before", "after", "this request"])
def test_data_that_is_set_there_is_kept(site, when):
    """DAT-01: whenever it was registered, a function may put something into the session."""

    def count(response):
        current_session.data["seen"] = current_session.data.get("seen", 0) + 1
        return response

    if when == "before":
        site.before.append(count)
    elif when == "after":
        site.app.after_request(count)
    else:
        site.app.before_request(lambda: void(after_this_request(count)))
    token = site.login(cookies=False)["access_token"]
    for _ in range(2):
        assert site.get(token, "/page").status_code == 200
    assert [one.data for one in site.manager.sessions("ada")] == [{"seen": 3}]  # the login counts, too


def test_a_sign_out_there_counts(site):
    """LIF-06: the cookies go, although the answer was made before."""
    browser = site.browser()
    browser.login()

    def leave(response):
        logout_user()
        return response

    site.before.append(leave)
    assert cookies_of(browser.get("/page")) >= {"gosession_access"}
    assert browser.cookie("gosession_access") is None


def test_what_caches_may_do_can_be_said_there(site):
    """An answer whose header is set by such a function keeps it."""

    def allow(response):
        response.headers["Cache-Control"] = "private, max-age=5"
        return response

    site.before.append(allow)
    answer = site.get(site.login(cookies=False)["access_token"], "/page")
    assert answer.headers.getlist("Cache-Control") == ["private, max-age=5"]


def test_they_see_the_answer_that_takes_the_place_of_another(site):
    """A view's data cannot be saved: the 503 has the headers that the app puts on every answer, and Flask's session."""

    def allow(response):
        response.headers["Access-Control-Allow-Origin"] = "https://shop.example"
        return response

    @site.app.post("/set")
    @login_required
    def put():
        current_session.data["x"], session["theme"] = 1, "dark"
        return "done"

    site.before.append(allow)
    token = site.login(cookies=False)["access_token"]
    site.store.fail("swap", 5)
    answer = site.send("POST", "/set", token)
    assert (answer.status_code, answer.json["error"]) == (503, "store_unavailable")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert cookies_of(answer) == {"session"}


def test_by_hand(site):
    """Flask's own methods run all of it, as tests of apps do."""
    token = site.login(cookies=False)["access_token"]
    with site.app.test_request_context("/page", headers={"Authorization": f"Bearer {token}"}):
        response = current_app.make_response(current_app.dispatch_request())
        assert current_app.process_response(response).headers["Cache-Control"] == "private, no-store"
