"""An app that notes in `flask.session` who is signed in: the note is a wish, and our cookie is the proof."""

from __future__ import annotations

import uuid

import pytest
from flask import request, session
from flask.sessions import SecureCookieSessionInterface
from sites import cookies_of

from .conftest import act, add_views

DAY = 86_400
OURS = {"gosession_access", "gosession_refresh", "gosession_csrf", "gosession_state"}


def add_old_views(app, gosession):
    """Add the views of an app that knows nothing of ours."""
    add_views(app, gosession)

    @app.post("/enter/<user>")
    def enter(user):
        session["user_id"] = user
        return {}

    @app.post("/leave")
    def leave():
        session.pop("user_id", None)
        return {}

    @app.get("/who")
    def who():
        return {"who": session.get("user_id")}


@pytest.fixture
def site(make, clock):
    return make(interface={"subject_key": "user_id"}, views=add_old_views, LEGACY_UNTIL=clock() + 30 * DAY)


@pytest.fixture
def browser(site):
    browser = site.browser()
    assert cookies_of(browser.post("/enter/ada")) == OURS
    return browser


def by_flask(site, **values):
    """Return a cookie as Flask alone has signed it."""
    return SecureCookieSessionInterface().get_signing_serializer(site.app).dumps(values)


def test_to_note_it_is_to_sign_in(site, browser):
    """The session is in the record, with its device, and `current_session` is it."""
    assert [found.data for found in site.manager.sessions("ada")] == [{"user_id": "ada"}]
    assert browser.get("/who").json == {"who": "ada"}
    assert browser.get("/native").json == {"data": {"user_id": "ada"}}


def test_to_note_it_again_is_nothing(site, browser):
    """The same person once more makes no other session."""
    sid = site.manager.sessions("ada")[0].sid
    browser.post("/enter/ada")
    assert [found.sid for found in site.manager.sessions("ada")] == [sid]


@pytest.mark.parametrize("path", ["/leave", "/clear"])
def test_to_delete_it_is_to_sign_out(site, browser, path):
    """REV-01: the session ends, the cookies go, and a copy of them is worth nothing."""
    copy = browser.cookie("gosession_access")
    assert cookies_of(browser.post(path)) >= OURS
    assert site.manager.sessions("ada") == []
    browser.keep("gosession_access", copy)
    assert browser.get("/who").json == {"who": None}


def test_a_note_is_no_proof(site, clock):
    """After the date, Flask's own cookie says nothing about who is signed in, though the key is right."""
    clock.advance(30 * DAY)
    browser = site.browser()
    browser.keep("session", by_flask(site, user_id="ada", cart=[1]))
    assert browser.get("/who").json == {"who": None}
    assert browser.get("/keys").json["keys"] == ["cart"]
    assert site.manager.sessions("ada") == []


@pytest.mark.parametrize("noted", [None, False, True, "", "x" * 256, 1.5, [1], {"id": 1}])
def test_an_old_cookie_that_notes_nobody_is_a_guest(site, noted):
    """What an app left in its cookie at a sign-out signs nobody in, and fails no request."""
    browser = site.browser()
    browser.keep("session", by_flask(site, user_id=noted, cart=[1]))
    for _ in range(2):
        assert browser.get("/who").json == {"who": None}
        assert browser.get("/native").json == {"data": None}
    assert browser.get("/keys").json["keys"] == ["cart"]
    assert list(site.manager.store.subjects()) == []


@pytest.mark.parametrize("noted", [None, False, ""])
def test_to_note_nobody_is_to_sign_out(site, browser, noted):
    """A note that cannot be a subject never becomes one that many share."""

    @act(site)
    def note():
        session["user_id"] = noted
        return {}

    assert browser.post("/do/note").status_code == 200
    assert browser.get("/who").json == {"who": None}
    assert list(site.manager.sessions("ada") + site.manager.sessions(str(noted) or "-")) == []


@pytest.mark.parametrize("noted", [7, 0, uuid.UUID(int=1)])
def test_an_old_cookie_may_note_a_number_or_a_uuid(site, noted):
    """Apps note the keys of their tables."""
    browser = site.browser()
    browser.keep("session", by_flask(site, user_id=noted))
    browser.get("/who")
    assert len(site.manager.sessions(str(noted))) == 1


def test_what_a_record_says_is_checked_against_its_subject(site, browser):
    """Data that name somebody else, however they came there, make nobody somebody else."""
    token = browser.cookie("gosession_access")
    site.manager.save_data(site.manager.authenticate(token), {"user_id": "root"})
    assert browser.get("/who").json == {"who": "ada"}


def test_who_was_signed_in_before_stays(site):
    """Flask's cookie from before becomes one session, however many requests bring it, and is replaced by ours."""
    old = by_flask(site, user_id="ada", cart=[1])
    for _ in range(6):
        browser = site.browser()
        browser.keep("session", old)
        answer = browser.get("/who")
        assert (answer.json, cookies_of(answer) >= OURS) == ({"who": "ada"}, True)
        assert browser.cookie("session") is None
    assert [found.data for found in site.manager.sessions("ada")] == [{"user_id": "ada", "cart": [1]}]
    assert browser.get("/keys").json["keys"] == ["cart", "user_id"]


def test_a_copy_of_the_old_cookie_dies_with_the_session(site, clock):
    """REV-12: after a logout it brings nothing back, until nobody would take it anyway."""
    old = by_flask(site, user_id="ada")
    browser = site.browser()
    browser.keep("session", old)
    browser.get("/who")
    browser.post("/leave")
    clock.advance(29 * DAY)
    site.pair()  # a write, which leaves out what need not be kept
    thief = site.browser()
    thief.keep("session", old)
    assert thief.get("/who").json == {"who": None}


def test_an_old_cookie_from_before_revoke_all_is_refused(site, clock):
    """LIF-05: also where it was never presented before."""
    old = by_flask(site, user_id="ada")
    clock.advance(60)
    site.manager.revoke_all("ada", "password_changed")
    browser = site.browser()
    browser.keep("session", old)
    assert browser.get("/who").json == {"who": None}


def test_a_number_stays_a_number(site):
    """The app gets back what it has noted, not its text."""
    seen = []

    @act(site)
    def number():
        session["user_id"] = 7
        return {}

    @act(site)
    def look():
        seen.append(session["user_id"])
        return {}

    browser = site.browser()
    browser.post("/do/number")
    browser.get("/do/look")
    assert seen == [7]
    assert len(site.manager.sessions("7")) == 1


def test_permanent_lasts_as_flasks_does(make):
    """A permanent session has cookies that last, and ends when it was unused for Flask's lifetime."""
    site = make(interface={"subject_key": "user_id"}, views=add_old_views)

    @act(site)
    def enter():
        session.permanent = True
        session["user_id"] = "ada"
        return {}

    browser = site.browser()
    answer = browser.post("/do/enter")
    assert all("Max-Age" in line for line in answer.headers.getlist("Set-Cookie"))
    (found,) = site.manager.sessions("ada")
    assert (found.remember, found.idle) == (True, 31 * DAY)


@pytest.mark.parametrize("lasting", [True, False])
def test_permanent_on_a_live_session_waits_for_the_next_sign_in(make, lasting):
    """It says how a sign-in lasts: one that is done keeps its cookies and its end, whichever way it changes."""
    site = make(interface={"subject_key": "user_id"}, views=add_old_views)

    @act(site)
    def choose():
        session.permanent = request.args["lasting"] == "True"
        session["user_id"] = "ada"
        return {}

    browser = site.browser()
    browser.post(f"/do/choose?lasting={not lasting}")
    (before,) = site.manager.sessions("ada")
    answer = browser.post(f"/do/choose?lasting={lasting}")
    (after,) = site.manager.sessions("ada")
    assert cookies_of(answer) == set()
    assert (after.sid, after.remember, after.idle) == (before.sid, not lasting, before.idle)
    assert bool((after.data or {}).get("_permanent")) is lasting

    browser.post("/leave")
    browser.post(f"/do/choose?lasting={lasting}")
    assert [found.remember for found in site.manager.sessions("ada")] == [lasting]


@pytest.mark.parametrize("who", ["banned", "limit"])
def test_who_may_not_come_in_is_told(make, clock, who):
    """A refusal at the end of the view is that refusal, with no cookie, and not a success."""
    site = make(interface={"subject_key": "user_id"}, views=add_old_views, SESSION_LIMIT=1, ON_LIMIT="refuse")
    if who == "banned":
        site.manager.ban("ada", until=clock() + 60)
    else:
        site.pair()
    answer = site.browser().post("/enter/ada")
    assert answer.status_code == {"banned": 401, "limit": 409}[who]
    assert cookies_of(answer) & OURS == set()


def test_another_site_signs_nobody_in_or_out(site, browser):
    """CSR-03: what the browser says about where a request comes from counts, without a value in the form."""
    answer = browser.post("/leave", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert len(site.manager.sessions("ada")) == 1
    assert browser.post("/enter/eve", headers={"Origin": "https://evil.example"}).status_code == 403
    assert site.manager.sessions("eve") == []


def test_a_test_may_sign_in_by_the_session(site):
    """`session_transaction` of Flask's test client signs in and out as a view does."""
    browser = site.browser()
    with browser.client.session_transaction() as opened:
        opened["user_id"] = "ada"
    assert browser.get("/who").json == {"who": "ada"}
    with browser.client.session_transaction() as opened:
        del opened["user_id"]
    assert browser.get("/who").json == {"who": None}
    assert site.manager.sessions("ada") == []
