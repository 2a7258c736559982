"""The page: signing in and out with a form, and what a browser is told about it."""

from __future__ import annotations

import re

import pytest

ALICE = {"username": "alice", "password": "wonderland"}
BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}


def test_a_guest_is_led_to_the_form_and_back(client):
    """A browser without a session goes to the form, and after it where it wanted to go."""
    answer = client.get("/", headers=BROWSER)
    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=%2F"
    answer = client.post(answer.location, data=ALICE, headers=BROWSER)
    assert (answer.status_code, answer.location) == (303, "/")
    assert b"Hello, alice" in client.get("/", headers=BROWSER).data


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "/\\evil.test"])
def test_the_way_back_stays_on_this_host(client, target):
    """A ``next`` that leads elsewhere is ignored (HTT-07)."""
    answer = client.post("/sign-in", data={**ALICE, "next": target}, headers=BROWSER)
    assert answer.location == "/"


def test_a_wrong_password_is_told_in_the_form(client):
    """The form comes back with the problem, the user name and the choices, and without the password."""
    typed = {**ALICE, "password": "hunter2", "remember": "1"}
    answer = client.post("/sign-in", data=typed, headers=BROWSER)
    assert answer.status_code == 401
    assert b'role="alert"' in answer.data
    assert b'name="username" value="alice"' in answer.data
    assert b'name="remember" value="1" checked' in answer.data
    assert b'name="alone" value="1" checked' not in answer.data
    assert b"hunter2" not in answer.data
    assert "Set-Cookie" not in answer.headers


def test_a_form_without_fields_is_a_wrong_password(client):
    """An empty form is answered with the form."""
    assert client.post("/sign-in", headers=BROWSER).status_code == 401


def test_another_site_cannot_sign_its_visitor_in(client):
    """A form on another site signs nobody in here (CSR-03)."""
    answer = client.post("/sign-in", data=ALICE, headers={**BROWSER, "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_signing_out_ends_the_session(client):
    """The button signs out; the old cookie then opens nothing."""
    client.post("/sign-in", data=ALICE, headers=BROWSER)
    value = client.get_cookie("gosession_access").value
    page = client.get("/", headers=BROWSER).text
    csrf = re.search(r'name="gosession_csrf" value="([^"]+)"', page)[1]
    answer = client.post("/sign-out", data={"gosession_csrf": csrf}, headers=BROWSER)
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    client.set_cookie("gosession_access", value)
    assert client.get("/", headers=BROWSER).status_code == 303


def test_signing_out_needs_the_page(client):
    """A sign-out that the page did not mean is refused (CSR-01)."""
    client.post("/sign-in", data=ALICE, headers=BROWSER)
    assert client.post("/sign-out", headers=BROWSER).status_code == 403
    assert client.get("/", headers=BROWSER).status_code == 200


@pytest.mark.parametrize("settings", [{"GOSESSION_SESSION_LIMIT": 1, "GOSESSION_ON_LIMIT": "refuse"}])
def test_a_refused_login_is_told_in_the_form(app, client):
    """Where the limit refuses the newcomer, the form says so."""
    client.post("/sign-in", data=ALICE, headers=BROWSER)
    answer = app.test_client().post("/sign-in", data=ALICE, headers=BROWSER)
    assert answer.status_code == 409
    assert b"No further session is allowed" in answer.data


def test_a_login_may_take_the_place_of_all_others(app, client):
    """With the box ticked every other session ends, of any client; without it none does."""
    other, program = app.test_client(), app.test_client()
    other.post("/sign-in", data=ALICE, headers=BROWSER)
    token = program.post("/auth/login", json={**ALICE, "client": "api"}).json["access_token"]
    client.post("/sign-in", data=ALICE, headers=BROWSER)
    assert other.get("/", headers=BROWSER).status_code == 200
    client.post("/sign-out", headers=BROWSER)
    client.post("/sign-in", data={**ALICE, "alone": "1"}, headers=BROWSER)
    assert other.get("/", headers=BROWSER).status_code == 303
    refused = program.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert (refused.status_code, refused.json["reason"]) == (401, "evicted")


@pytest.mark.parametrize("settings", [{"GOSESSION_SESSION_LIMIT": 1}])
def test_the_form_says_what_ended_the_session(app, client):
    """Without any script the form says why, when and by which client the session ended: once."""
    client.post("/sign-in", data=ALICE, headers=BROWSER)
    app.test_client().post("/auth/login", json={**ALICE, "client": "ios"})
    page = " ".join(client.get("/", headers=BROWSER, follow_redirects=True).text.partition("<main")[2].split())
    assert 'class="ending" data-tone="notable"' in page
    assert "You signed in elsewhere, and that ended this session." in page
    assert 'By <span class="client">an iPhone or iPad</span>, </span><time datetime=' in page
    assert "ending" not in client.get("/sign-in", headers=BROWSER).text.partition("<main")[2]


def test_the_header_says_who_is_signed_in(client):
    """Every page of a person has their name in the header; the form has none."""
    client.post("/sign-in", data=ALICE, headers=BROWSER)
    header = client.get("/profile", headers=BROWSER).text.partition("<header>")[2].partition("</header>")[0]
    assert "<strong>alice</strong>" in header
    assert "Latchkey" in header


def test_the_page_forbids_what_it_does_not_need(client):
    """No inline script or style is allowed, none is there, and nobody may frame the page."""
    answer = client.get("/sign-in", headers=BROWSER)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", answer.text)


def test_the_page_works_for_everybody(client):
    """The page has a language, a viewport, both colour schemes, and a label for each field."""
    page = client.get("/sign-in", headers=BROWSER).text
    assert '<html lang="en">' in page
    assert 'name="viewport"' in page
    assert 'content="light dark"' in page
    fields = set(re.findall(r'<input id="(\w+)"', page))
    assert fields == set(re.findall(r'<label for="(\w+)"', page)) == {"username", "password"}
