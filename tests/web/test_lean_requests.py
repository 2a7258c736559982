"""A request leaves nothing behind, and makes nothing that it does not need."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path

import pytest
from flask import request_started
from sites import open_site

import flask_gosession
from flask_gosession import GoSession
from flask_gosession.errors import ConfigError
from flask_gosession.stores.base import forgets
from flask_gosession.web.visit import visit_of


def test_what_is_known_about_a_request_ends_with_it(make_site):
    """Session, record and claims are freed with the request, and do not wait for the garbage collector."""
    site, seen = make_site(), []

    @site.app.get("/seen")
    @site.gosession.login_required
    def view():
        seen.append(weakref.ref(visit_of("default")))
        return ""

    token = site.login()["access_token"]
    gc.disable()
    try:
        assert site.get(token, "/seen").status_code == 200
        assert seen[0]() is None
    finally:
        gc.enable()


def test_a_request_that_asks_for_no_data_makes_none(make_site):
    """The dict of session data is made when it is first asked for."""
    site, made = make_site(), []

    @site.app.get("/data")
    @site.gosession.login_required
    def view():
        session = site.gosession.current_session
        made.append("data" in vars(session))
        assert not session.changes
        session.data["key"] = 1
        made.append(session.changes)
        return ""

    assert site.get(site.login()["access_token"], "/data").status_code == 200
    assert made == [False, {"key": 1}]


OURS = str(Path(flask_gosession.__file__).parent)


def calls_of_ours(request) -> int:
    """Return how many of our functions a request runs."""
    calls = []

    def note(frame, event, _argument):
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            calls.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        request()
    finally:
        sys.setprofile(None)
    return len(calls)


@pytest.fixture
def warm_site(make):
    return make_warm(make)


def make_warm(make, **settings):
    """Return a site whose first request is over, with a greeting behind a guard, and an open page."""
    site = make(**settings)

    @site.app.get("/greeting")
    @site.gosession.login_required
    def greeting():
        return site.gosession.current_user["sub"]

    site.app.add_url_rule("/open", view_func=lambda: "open")
    assert site.app.test_client().get("/open").status_code == 200
    return site


def test_a_check_runs_few_functions(warm_site):
    """A strict check and a look at the user run at most forty-five functions of ours: each costs 0.25 µs."""
    token, client = warm_site.pair().access_token, warm_site.app.test_client()
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/greeting", headers=headers).text == "ada"
    assert calls_of_ours(lambda: client.get("/greeting", headers=headers)) <= 45


def test_a_cookie_costs_a_few_more(make):
    """The answer varies by the cookie, and the token may be due for renewal: sixty functions of ours."""
    site = make_warm(make, TOKEN_LOCATIONS=["cookie"])
    client = site.app.test_client()
    client.set_cookie("gosession_access", site.pair(cookies=True).access_token)
    assert client.get("/greeting").headers.getlist("Vary") == ["Cookie"]
    assert calls_of_ours(lambda: client.get("/greeting")) <= 60


def test_a_public_page_runs_hardly_anything(warm_site):
    """Where nobody is asked for, the time is noted (here by the fake clock), and a hook sees that nothing is owed."""
    client = warm_site.app.test_client()
    assert calls_of_ours(lambda: client.get("/open")) <= 4


def test_what_waits_for_the_first_request_is_done_once(make):
    """The first request prepares each realm, also one that was added later; the next are not told any more."""
    site = make()
    client = site.app.test_client()
    before = len(request_started.receivers)
    client.get("/")
    assert len(request_started.receivers) == before - 1
    late = GoSession(name="late")
    site.app.config["GOSESSION_REALMS"] = {"late": {"STORE": "memory://", "LOGIN_VIEW": "nowhere", "KEY_PREFIX": "l"}}
    late.init_app(site.app)
    for _ in range(2):
        with pytest.raises(ConfigError, match="nowhere"):
            client.get("/")


def test_a_store_that_forgets_by_itself_is_never_purged(any_store, clock):
    """Only a store that does not forget by itself is looked through for what has ended."""
    state = open_site(clock, any_store).app.extensions["gosession"]["default"]
    assert (state.purger is None) is forgets(any_store)
