"""A login that is under way while the password changes does not come in; its owner, who changed it, goes on."""

from __future__ import annotations

import hashlib
import threading
import time

import pytest
from flask import request
from marks import proof
from sites import error_of, open_site

from flask_gosession.testing.faulty import FaultyStore
from flask_gosession.testing.proofs.racing import in_threads

pytestmark = proof

ROUNDS = 3
BURGLARS = 4


def hashed(password):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 300)


class Passwords:
    """One account, whose password is checked and then, after a while, is no longer what was checked."""

    def __init__(self):
        self.hash = hashed("old")
        self.after_check = lambda: None

    def add_views(self, app, gosession):
        @app.post("/login")
        def login():
            if self.hash != hashed(request.json["password"]):
                return {"error": "wrong"}, 403
            self.after_check()
            return gosession.login_user("ada").to_dict()

        @app.post("/password")
        @gosession.login_required
        def change():
            self.hash = hashed("new")
            gosession.manager.revoke_all("ada", "password_changed", but=gosession.current_session.sid)
            return ""

        @app.post("/reset")
        def reset():
            self.after_check()
            gosession.manager.revoke_all("ada", "password_changed")
            return gosession.login_user("ada").to_dict()

        @app.post("/imported")
        def imported():
            gosession.manager.revoke_all("ada")
            return gosession.login_user("ada", authenticated=1000).to_dict()


@pytest.fixture
def passwords():
    return Passwords()


@pytest.fixture
def site(any_store, clock, passwords):
    return open_site(clock, FaultyStore(any_store), views=passwords.add_views)


def test_a_login_under_way_is_refused(site, passwords, clock):
    """LIF-05: the password is checked, then it changes, then the session would be made: 401, with the reason."""

    def change():
        clock.advance(1)
        passwords.after_check = lambda: None
        assert site.send("POST", "/password", owner).status_code == 200

    owner = site.send("POST", "/login", json={"password": "old"}).json["access_token"]
    passwords.after_check = change
    answer = site.send("POST", "/login", json={"password": "old"})
    assert error_of(answer) == (401, "session_ended")
    assert answer.json["reason"] == "password_changed"
    assert len(site.manager.sessions("ada")) == 1


def test_the_request_that_set_the_mark_goes_on(site, passwords, clock):
    """A reset that signs in with the new password counts as after the mark that it has set itself."""
    passwords.after_check = lambda: clock.advance(1)
    answer = site.send("POST", "/reset")
    assert answer.status_code == 200
    (session,) = site.manager.sessions("ada")
    assert session.authenticated == site.manager.not_before_of("ada").at


def test_what_the_app_says_of_the_credentials_holds(site):
    """A login for which the app says when the credentials were seen is judged by that, in the same request, too."""
    assert error_of(site.send("POST", "/imported")) == (401, "session_ended")


def test_a_login_is_as_old_as_its_request(site, passwords, clock):
    """The credentials were seen when the request began, however long the view takes."""
    began = clock()
    passwords.after_check = lambda: clock.advance(30)
    assert site.send("POST", "/login", json={"password": "old"}).status_code == 200
    (session,) = site.manager.sessions("ada")
    assert (session.authenticated, session.created) == (began, began + 30)


def test_a_login_outside_of_a_request_is_of_now(site, clock):
    """Where no request has begun, as in a test or a shell, the login counts as of now."""
    with site.app.test_request_context():
        site.gosession.login_user("ada")
    assert site.manager.sessions("ada")[0].authenticated == clock()


def test_no_burglar_survives_the_change(any_store, passwords):
    """LIF-05: threads that keep signing in with the old password have no session once it is changed."""
    site = open_site(time.time, FaultyStore(any_store), views=passwords.add_views)
    for _ in range(ROUNDS):
        passwords.hash = hashed("old")
        site.manager.revoke_all("ada")
        owner = site.send("POST", "/login", json={"password": "old"}).json
        under_way = threading.Semaphore(0)
        passwords.after_check = under_way.release

        def act(number, owner=owner, under_way=under_way):
            if number == 0:
                for _ in range(2 * BURGLARS):
                    under_way.acquire(timeout=30)
                return site.send("POST", "/password", owner["access_token"]).status_code
            status = 200
            while status == 200:
                status = site.send("POST", "/login", json={"password": "old"}).status_code
            return status

        changed, *refused = in_threads(1 + BURGLARS, act)
        assert changed == 200
        assert set(refused) <= {401, 403}
        owns = site.manager.check(owner["access_token"]).sid
        assert [session.sid for session in site.manager.sessions("ada")] == [owns]
