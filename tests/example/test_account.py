"""The account: devices, profile, password."""

from __future__ import annotations

import re

import pytest

from example_app.users import Users
from flask_gosession.testing.clock import FakeClock

from .browsing import BROWSER, Browser


def test_the_devices_are_listed_and_one_is_this(app):
    """Each device shows its client and address; exactly one is marked."""
    alice = Browser(app, "alice")
    app.test_client().post("/auth/login", json={"username": "alice", "password": "wonderland", "client": "ios"})
    page = alice.get("/devices").text
    assert page.count("This device") == 1
    assert page.count('Same address as you <span class="hint">127.0.0.1</span>') == 2
    assert "<dd>iPhone or iPad</dd>" in page


def test_the_devices_say_the_hour_alone(app):
    """LIF-02: no page, nor any script on it, tells another browser of the account the minute of the last use."""
    alice = Browser(app, "alice")
    clock = app.extensions["gosession"]["default"].clock.source = FakeClock()
    for seconds in (0, 77, 600):
        clock.advance(seconds)
        app.test_client().post("/auth/login", json={"username": "alice", "password": "wonderland", "client": "ios"})
    said = re.findall(r"Last active</dt><dd>(.*?)</dd>", alice.get("/devices").text)
    assert len(said) == 4
    for one in said:
        whole = r'<time datetime="[-\d]+T\d\d:00:00\+00:00" data-hour>(within the last hour|\d+ hours? ago)</time>'
        assert re.fullmatch(whole, one)


def test_a_device_is_signed_out(app):
    """Signing out another device ends that one, which is told so, and leaves this one."""
    alice, other = Browser(app, "alice"), Browser(app, "alice")
    assert "That device is signed out." in alice.send(f"/devices/{other.sid}/sign-out").text
    assert "This session was signed out." in other.client.get("/", headers=BROWSER, follow_redirects=True).text
    assert alice.get("/").status_code == 200


def test_what_has_ended_is_listed(app):
    """The devices page says what was signed out lately: what it was, why, and which client did it."""
    alice = Browser(app, "alice")
    assert "Nothing else is signed in." in alice.get("/devices").text
    assert "Nothing yet." in alice.get("/devices").text
    app.test_client().post("/auth/login", json={"username": "alice", "password": "wonderland", "client": "ios"})
    (sid,) = (each for each in _sids(alice) if each != alice.sid)
    alice.send(f"/devices/{sid}/sign-out")
    page = " ".join(alice.get("/devices").text.partition("Recently signed out")[2].split())
    assert "<strong>Signed out</strong>" in page
    assert "iPhone or iPad, ended by a browser" in page


def _sids(browser):
    return re.findall(r"/devices/([\w-]{22})/sign-out", browser.get("/devices").text)


def test_nobody_signs_out_a_strangers_device(app):
    """The id of another person's session ends nothing."""
    alice, bob = Browser(app, "alice"), Browser(app, "bob")
    alice.send(f"/devices/{bob.sid}/sign-out")
    alice.send("/devices/not-an-id/sign-out")
    assert bob.get("/").status_code == 200


def test_signing_out_this_device_leads_to_the_form(app):
    """The button on this device is a sign-out."""
    alice = Browser(app, "alice")
    assert alice.send(f"/devices/{alice.sid}/sign-out").request.path == "/sign-in"
    assert alice.client.get_cookie("gosession_access") is None


def test_all_others_are_signed_out(app):
    """One button ends every other session and says how many."""
    alice, *others = (Browser(app, "alice") for _ in range(3))
    assert "Other devices signed out: 2." in alice.send("/devices/sign-out-others").text
    assert [other.get("/").status_code for other in others] == [303, 303]


@pytest.mark.parametrize("path", ["/devices/sign-out-others", "/profile", "/password"])
def test_forms_need_their_proof(app, path):
    """A form that no page of the app has sent changes nothing, and the answer is a page (CSR-01)."""
    alice = Browser(app, "alice")
    answer = alice.send(path, gosession_csrf="")
    assert answer.status_code == 403
    assert "could not be verified" in answer.text


def test_a_profile_is_kept_for_its_owner(app):
    """What somebody writes is shown to them again, as text, and to nobody else."""
    alice = Browser(app, "alice")
    assert "Saved." in alice.send("/profile", about="<script>alert(1)</script>").text
    assert "&lt;script&gt;alert(1)" in alice.get("/profile").text
    assert "alert(1)" not in Browser(app, "bob").get("/profile").text


def test_a_script_gets_json(app):
    """The form sent by the page's script is answered as JSON, also when it is refused."""
    alice = Browser(app, "alice")
    headers = {"Accept": "application/json", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    csrf = {"X-GoSession-CSRF": alice.client.get_cookie("gosession_csrf").value}
    saved = alice.client.post("/profile", data={"about": "x"}, headers={**headers, **csrf})
    assert saved.json == {"message": "Saved."}
    refused = alice.client.post("/profile", data={"about": "x"}, headers=headers)
    assert (refused.status_code, refused.json["error"]) == (403, "csrf_failed")
    assert app.test_client().post("/profile", headers=headers).json["error"] == "token_missing"


def test_a_new_password_ends_the_others(app):
    """The new password opens, the old one does not, and other devices learn what happened."""
    alice, other = Browser(app, "alice"), Browser(app, "alice")
    assert "signed out: 1." in alice.send("/password", password="looking-glass").text
    page = other.client.get("/", headers=BROWSER, follow_redirects=True).text
    assert "The password was changed; please sign in again." in page
    tries = [{"username": "alice", "password": password} for password in ("wonderland", "looking-glass")]
    assert [app.test_client().post("/auth/login", json=one).status_code for one in tries] == [401, 200]


def test_a_login_with_the_old_password_does_not_overtake_the_change(app, monkeypatch):
    """LIF-05: the old password is checked, then it changes elsewhere, and the login under way is refused."""
    alice, by_password = Browser(app, "alice"), Users.by_password

    def checked_too_early(users, *credentials):
        monkeypatch.undo()
        found = by_password(users, *credentials)
        alice.send("/password", password="looking-glass")
        return found

    monkeypatch.setattr(Users, "by_password", checked_too_early)
    answer = app.test_client().post("/auth/login", json={"username": "alice", "password": "wonderland"})
    assert (answer.status_code, answer.json["reason"]) == (401, "password_changed")


def test_a_short_password_is_refused(app):
    """Fewer than eight characters change nothing."""
    answer = Browser(app, "alice").send("/password", password="short")
    assert answer.status_code == 400
    assert "needs at least 8 characters" in answer.text


def test_an_old_login_is_confirmed_first(app):
    """Later than a quarter of an hour after the login the password is asked for again, and then leads back."""
    alice = Browser(app, "alice")
    clock = app.extensions["gosession"]["default"].clock.source = FakeClock()
    clock.advance(12 * 60)
    alice.get("/")  # a page that is used keeps its token fresh, but not its login
    clock.advance(2 * 60)
    alice.get("/")
    clock.advance(5 * 60)
    answer = alice.get("/password")
    assert (answer.status_code, answer.location) == (303, "/confirm?next=%2Fpassword")
    assert alice.send("/confirm", password="wrong").status_code == 401
    assert alice.send("/confirm", password="wonderland", next="/password").request.path == "/password"
    assert alice.get("/password").status_code == 200


def test_the_way_back_from_a_confirmation_stays_here(app):
    """A confirmation leads to no other host (HTT-07)."""
    alice = Browser(app, "alice")
    assert alice.send("/confirm", password="wonderland", next="//evil.test").request.path == "/"
