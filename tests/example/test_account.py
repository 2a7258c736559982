"""The account: devices, profile, password."""

from __future__ import annotations

import pytest

from flask_gosession.testing.clock import FakeClock

from .browsing import BROWSER, Browser


def test_the_devices_are_listed_and_one_is_this(app):
    """Each device shows its class and address; exactly one is marked."""
    alice = Browser(app, "alice")
    app.test_client().post("/auth/login", json={"username": "alice", "password": "wonderland", "client": "ios"})
    page = alice.get("/devices").text
    assert page.count("This device") == 1
    assert page.count("<dd>127.0.0.1</dd>") == 2
    assert "<dd>ios</dd>" in page


def test_a_device_is_signed_out(app):
    """Signing out another device ends that one, which is told so, and leaves this one."""
    alice, other = Browser(app, "alice"), Browser(app, "alice")
    assert "The device was signed out." in alice.send(f"/devices/{other.sid}/sign-out").text
    assert "This session was signed out." in other.client.get("/", headers=BROWSER, follow_redirects=True).text
    assert alice.get("/").status_code == 200


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
    assert "Devices signed out: 2." in alice.send("/devices/sign-out-others").text
    assert [other.get("/").status_code for other in others] == [303, 303]


@pytest.mark.parametrize("path", ["/devices/sign-out-others", "/profile", "/password"])
def test_forms_need_their_proof(app, path):
    """A form that no page of the app has sent changes nothing, and the answer is a page (CSR-01)."""
    alice = Browser(app, "alice")
    answer = alice.send(path, csrf_token="")
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
    csrf = {"X-CSRF-Token": alice.client.get_cookie("gosession_csrf").value}
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


def test_a_short_password_is_refused(app):
    """Fewer than eight characters change nothing."""
    answer = Browser(app, "alice").send("/password", password="short")
    assert answer.status_code == 400
    assert "needs 8 characters or more" in answer.text


def test_an_old_login_is_confirmed_first(app, monkeypatch):
    """Later than a quarter of an hour after the login the password is asked for again, and then leads back."""
    alice = Browser(app, "alice")
    manager = app.extensions["gosession"]["default"].manager
    clock = FakeClock(manager.clock())
    monkeypatch.setattr(manager, "clock", clock)
    monkeypatch.setattr(manager.subjects, "_clock", clock)
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
