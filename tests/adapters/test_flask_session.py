"""`flask.session` in the record of whoever is signed in: merged by key, loaded when touched, no proof of who asks."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone

import pytest
from flask import flash, request, session
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup
from sites import cookies_of

from flask_gosession import ConfigError
from flask_gosession.adapters.session import RecordSessionInterface
from flask_gosession.session.data import REMOVED

from .conftest import act


def data_of(site, subject="ada"):
    """Return the session data of each session of a subject."""
    return [found.data for found in site.manager.sessions(subject)]


def verbs(store):
    return [call.verb for call in store.calls]


@pytest.fixture
def browser(site):
    browser = site.browser()
    assert browser.login().status_code == 200
    return browser


def test_it_lives_in_the_record(site, browser):
    """What a view puts into `flask.session` is in the record, and the browser has no cookie with it."""
    browser.post("/set", json={"cart": [1, 2]})
    assert data_of(site) == [{"greeted": True, "cart": [1, 2]}]
    assert browser.cookie("session") is None
    assert browser.get("/keys").json["keys"] == ["cart", "greeted"]


def test_it_is_the_data_of_the_session(browser):
    """The same data are those of the native API: a blueprint may go over before the others."""
    browser.post("/set", json={"cart": [1]})
    assert browser.get("/native").json == {"data": {"greeted": True, "cart": [1]}}


def test_nothing_is_asked_where_nothing_is_touched(site, browser):
    """A view that does not use it costs no look at the store, whoever sends which cookies."""
    site.store.calls.clear()
    answer = browser.get("/untouched")
    assert (answer.status_code, site.store.calls, "Vary" in answer.headers) == (200, [], False)


def test_reading_writes_nothing(site, browser):
    """One load for all that a request reads, and no write."""
    site.store.calls.clear()
    answer = browser.get("/keys")
    assert verbs(site.store) == ["load"]
    assert "Cookie" in answer.headers["Vary"]


def test_the_same_value_again_writes_nothing(site, browser):
    """What is assigned as it was is no change."""
    browser.post("/set", json={"cart": [1]})
    site.store.calls.clear()
    browser.post("/set", json={"cart": [1]})
    assert "swap" not in verbs(site.store)


def test_two_requests_never_lose_each_others_keys(site, browser):
    """Changes are merged by key with what another request has written since this one has read."""

    @act(site)
    def slow():
        session["slow"] = len(session)
        other = site.browser()
        for name in ("gosession_access", "gosession_csrf"):
            other.keep(name, browser.cookie(name))
        other.post("/set", json={"fast": 1})
        other.post("/delete/greeted")
        return {}

    assert browser.post("/do/slow").status_code == 200
    assert data_of(site) == [{"slow": 1, "fast": 1}]


def test_keys_that_go_are_gone(site, browser):
    """A deleted key is deleted, and an emptied session is empty."""
    browser.post("/set", json={"a": 1, "b": 2})
    browser.post("/delete/a")
    assert data_of(site) == [{"greeted": True, "b": 2}]
    browser.post("/clear")
    assert data_of(site) == [None]


def test_a_change_inside_counts_where_it_is_said(site, browser):
    """As in Flask, a list that was changed in place is saved where ``modified`` is set, and only then."""

    @act(site)
    def append():
        session["cart"].append(3)
        session.modified = "modified" in request.args
        return {}

    browser.post("/set", json={"cart": [1]})
    browser.post("/do/append")
    assert data_of(site)[0]["cart"] == [1]
    browser.post("/do/append?modified")
    assert data_of(site)[0]["cart"] == [1, 3]


VALUES = {
    "tuple": (1, "two"),
    "bytes": b"\x00\xff",
    "markup": Markup("<b>x</b>"),
    "uuid": uuid.UUID(int=7),
    "datetime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    "nested": {"a": [(1, 2), {" t": 1}]},
    "none": None,
}


@pytest.mark.parametrize("signed_in", [True, False])
def test_what_flask_can_hold_comes_back_as_it_was(site, signed_in):
    """Tuples, bytes, markup, UUIDs and datetimes, which JSON does not know, come back with their types."""
    back = {}

    @act(site)
    def put():
        session.update(VALUES)
        return {}

    @act(site)
    def get():
        back.update({key: session[key] for key in VALUES})
        return {}

    browser = site.browser()
    if signed_in:
        browser.login()
    browser.post("/do/put")
    browser.get("/do/get")
    assert back == VALUES
    assert {key: type(value) for key, value in back.items()} == {key: type(value) for key, value in VALUES.items()}


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize(
    ("value", "error"), [("x" * 5000, ValueError), (object(), TypeError), ({1, 2}, TypeError), (2**70, TypeError)]
)
def test_what_does_not_fit_is_told_at_the_assignment(site, signed_in, value, error):
    """Nobody finds out after the view that a value was too large or of the wrong kind, and nothing of it is kept."""
    seen = []

    @act(site)
    def put():
        try:
            session["x"] = value
        except (TypeError, ValueError) as raised:
            seen.append(type(raised))
        return {"keys": sorted(session)}

    browser = site.browser()
    if signed_in:
        browser.login()
    assert browser.post("/do/put").json == {"keys": ["greeted"] if signed_in else []}
    assert seen == [error]


def test_keys_are_text(site):
    """Another key would come back as text."""
    with site.app.test_request_context(), pytest.raises(TypeError, match="are text"):
        session[5] = 1  # type: ignore[index]  # wrong on purpose


def test_signing_in_carries_the_guests_data_over(site):
    """What a guest has put into the cart is there after the login, and no longer in a cookie."""
    browser = site.browser()
    browser.post("/set", json={"cart": [1]})
    guests = browser.cookie("session")
    assert guests is not None
    browser.login()
    assert data_of(site) == [{"greeted": True, "cart": [1]}]
    assert browser.cookie("session") is None
    assert browser.get("/keys").json["keys"] == ["cart", "greeted"]


def test_the_guests_cookie_is_worth_nothing_to_who_is_signed_in(site, browser):
    """Fixation: a guest's cookie that somebody has planted brings nothing into a session that exists."""
    attacker = site.browser()
    attacker.post("/set", json={"planted": True})
    browser.keep("session", attacker.cookie("session"))
    assert browser.get("/keys").json["keys"] == ["greeted"]


def test_signing_out_leaves_what_the_request_has_written(site, browser):
    """The data die with the session; a message that is flashed on the way out arrives."""
    browser.post("/set", json={"secret": 1})
    browser.post("/logout")
    assert site.manager.sessions("ada") == []
    assert browser.get("/keys").json["keys"] == ["_flashes", "bye"]
    assert browser.get("/flashes").json == {"flashes": [["message", "see you"]]}


def test_another_person_gets_nothing_of_it(site, browser):
    """A login as somebody else takes along what this request writes, and nothing that was there."""
    browser.post("/set", json={"secret": 1})
    browser.login("bob")
    assert data_of(site, "bob") == [{"greeted": True}]


def test_the_same_person_once_more_keeps_it(site, browser):
    """Signing in again makes another session, and the data go along."""
    browser.post("/set", json={"cart": [1]})
    before = site.manager.sessions("ada")[0].sid
    browser.login()
    assert [found.sid == before for found in site.manager.sessions("ada")] == [False]
    assert data_of(site) == [{"greeted": True, "cart": [1]}]


def test_flashes_are_shown_once(site, browser):
    """A flashed message, with its category, arrives at the next page and at no other."""

    @act(site)
    def tell():
        flash(Markup("<i>done</i>"), "info")
        return {}

    browser.post("/do/tell")
    assert browser.get("/flashes").json == {"flashes": [["info", "<i>done</i>"]]}
    assert browser.get("/flashes").json == {"flashes": []}


@pytest.mark.parametrize("path", ["/keys", "/flashes"])
def test_a_store_that_is_down_is_a_503(site, browser, path):
    """REV-07: nobody is shown a guest's page who is signed in; the cookies stay."""
    site.store.fail("load", 3)
    answer = browser.get(path, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]) == (503, "store_unavailable")
    assert cookies_of(answer) == set()


def test_a_save_that_fails_is_a_503(site, browser):
    """It is no success, and no 500; nothing that the view has said is sent."""
    site.store.fail("swap", 3)
    answer = browser.post("/set", json={"cart": [1]})
    assert (answer.status_code, answer.json["error"], answer.headers["Retry-After"] != "") == (
        503,
        "store_unavailable",
        True,
    )
    assert data_of(site) == [{"greeted": True}]


def test_what_a_session_held_that_has_ended_is_dropped(site, browser):
    """A logout elsewhere wins over a request under way: nothing comes back by its save."""

    @act(site)
    def late():
        session["late"] = True
        site.manager.revoke_all("ada")
        return {}

    assert browser.post("/do/late").status_code == 200
    assert site.manager.sessions("ada") == []


def test_guests_cost_nothing(site):
    """A guest's session is Flask's own signed cookie, with Flask's attributes, and no store is asked."""
    site.app.config.update(SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_PATH="/")
    browser = site.browser()
    answer = browser.post("/set", json={"a": 1})
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    assert site.store.calls == []
    plain = SecureCookieSessionInterface().get_signing_serializer(site.app)
    assert plain.loads(browser.cookie("session")) == {"a": 1}
    browser.post("/clear")
    assert browser.cookie("session") is None


def test_permanent_as_in_flask(site):
    """A guest's permanent session has a cookie that lasts, renewed with each request; another goes with the browser."""

    @act(site)
    def permanent():
        session.permanent = True
        return {}

    browser = site.browser()
    assert "Expires" not in browser.post("/set", json={"a": 1}).headers["Set-Cookie"]
    assert "Expires" in browser.post("/do/permanent").headers["Set-Cookie"]
    assert "Expires" in browser.get("/keys").headers["Set-Cookie"]


def test_new_and_modified_as_in_flask(site, browser):
    """New is where nothing was kept before, and modified where something was assigned."""
    guest = site.browser()
    assert guest.get("/keys").json == {"keys": [], "new": True, "modified": False}
    guest.post("/set", json={"a": 1})
    assert guest.get("/keys").json == {"keys": ["a"], "new": False, "modified": False}
    assert browser.get("/keys").json == {"keys": ["greeted"], "new": False, "modified": False}


@pytest.mark.parametrize("junk", ["", "x", "v2.access.x", "eyJhIjoxfQ.aaaa.bbbb"])
def test_junk_is_a_guest(site, junk):
    """A cookie that nobody has signed is no session, and no error."""
    browser = site.browser()
    browser.keep("session", junk)
    assert browser.get("/keys").json["keys"] == []


def test_no_form_needs_our_value_for_it(site, browser):
    """`flask.session` asks for no CSRF value: what protects the app's forms keeps its own value in it."""
    assert browser.post("/set", csrf=False, json={"a": 1}).status_code == 200
    assert data_of(site) == [{"greeted": True, "a": 1}]


def test_a_request_that_proves_it_asks_the_store_once(site, browser):
    """What `flask.session` has found out serves `current_session`, too."""

    @act(site)
    @site.gosession.login_required
    def both():
        return {"n": len(session)}

    site.store.calls.clear()
    assert browser.post("/do/both").json == {"n": 1}
    assert verbs(site.store) == ["load"]
    assert browser.post("/do/both", csrf=False).status_code == 403


def test_by_header_as_well(site):
    """An app on a phone has a session too."""
    token = site.pair().access_token
    site.get(token, "/set", method="POST", json={"a": 1})
    assert site.get(token, "/keys").json["keys"] == ["a"]
    assert data_of(site) == [{"a": 1}]


def test_the_test_client_of_flask_may_look_into_it(site, browser):
    """`session_transaction` reads and writes it, for a guest and for who is signed in."""
    for client in (browser.client, site.browser().client):
        with client.session_transaction() as opened:
            opened["by_test"] = 1
        with client.session_transaction() as opened:
            assert opened["by_test"] == 1
    assert data_of(site) == [{"greeted": True, "by_test": 1}]


def test_without_a_secret_key_it_is_flasks_null_session(make):
    """Flask says what is missing, as ever."""
    site = make()
    site.app.secret_key = None
    with site.app.test_request_context(), pytest.raises(RuntimeError, match="secret"):
        session["a"] = 1


def test_without_cookies_nobody_could_sign_in(make):
    """The setting that is missing is named."""
    site = make(TOKEN_LOCATIONS=("header",))
    with site.app.test_request_context(), pytest.raises(ConfigError, match="TOKEN_LOCATIONS"):
        session["a"] = 1


def test_wrong_guests_are_told():
    """A word that is neither is told at start-up."""
    with pytest.raises(ConfigError, match="guests"):
        RecordSessionInterface(guests="redis")  # type: ignore[arg-type]  # wrong on purpose


def test_changes_are_those_of_the_stored_form(site, browser):
    """What is compared is what is stored, so that a tuple that stays a tuple is no change."""

    @act(site)
    def touch():
        session["pair"] = (1, 2)
        return {"changes": len(session.changes(REMOVED))}

    assert [browser.post("/do/touch").json["changes"] for _ in range(2)] == [1, 0]


def test_what_a_guest_had_is_dropped_where_it_does_not_fit(make, caplog):
    """A login does not fail for a cookie from before that is larger than the record takes; it is said in the log."""
    site = make(DATA_CAP=64)
    browser = site.browser()
    plain = SecureCookieSessionInterface().get_signing_serializer(site.app)
    browser.keep("session", plain.dumps({"cart": "x" * 200}))
    assert browser.login().status_code == 200
    assert data_of(site) == [{"greeted": True}]
    assert "does not fit" in caplog.text
