"""The tutorial (tutorial/index.md), as somebody who follows it: each step adds to the file of the one before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from drawn import drawn

from docs.conftest import Page
from docs.pages import blocks

PYTHON = [code for language, _, code in blocks("tutorial/index.md") if language == "python"]
SIGN_IN, DEVICES, CONFIRM, TESTS = PYTHON
HTML = {"Accept": "text/html"}
HTTPS = "https://localhost"


@pytest.fixture
def notebook(monkeypatch):
    """Return what runs the first steps, with settings from the environment."""
    pages = []

    def start(*steps, **settings):
        monkeypatch.setenv("FLASK_SECRET_KEY", drawn("tutorial"))
        for name, value in settings.items():
            monkeypatch.setenv(f"FLASK_GOSESSION_{name}", value)
        made = {"__name__": "notebook"}
        for step in steps:
            exec(compile(step, "notebook.py", "exec", dont_inherit=True), made)
        pages.append(Page(made))
        return pages[-1]

    yield start
    for page in pages:
        with page.app.app_context():
            page.gosession.manager.close()


def sign_in(page, name="ada"):
    client = page.client()
    form = {"name": name, "password": page.PEOPLE[name]}
    assert client.post("/login?next=/", data=form, base_url=HTTPS).location == "/"
    return client


def test_step_1_signs_in_and_out(notebook):
    """A guest is sent to the form; notes are kept; a sign-out ends it."""
    page = notebook(SIGN_IN)
    assert page.client().get("/", headers=HTML).location.startswith("/login")
    ada = sign_in(page)
    ada.post("/notes", data={"text": "<b>tea</b>"}, base_url=HTTPS)
    assert "&lt;b&gt;tea" in ada.get("/", base_url=HTTPS).text
    ada.post("/logout", base_url=HTTPS)
    assert ada.get("/", base_url=HTTPS).status_code == 401


def test_step_2_ends_another_session(notebook):
    """A second browser is listed, ended, and told why."""
    page = notebook(SIGN_IN, DEVICES)
    first, second = sign_in(page), sign_in(page)
    shown = first.get("/devices", base_url=HTTPS).text
    assert shown.count("Sign out") == shown.count("(this one)") == 1
    sid = shown.partition('action="/devices/')[2].partition('"')[0]
    first.post(f"/devices/{sid}", base_url=HTTPS)
    sent = second.get("/", headers=HTML, base_url=HTTPS)
    assert "This session was signed out." in second.get(sent.location, base_url=HTTPS).text


def test_step_3_leaves_one_session(notebook):
    """Under the limit, the newer login wins, and the older is told so in the words of the tutorial."""
    page = notebook(SIGN_IN, DEVICES, SESSION_LIMIT="1")
    first, _second = sign_in(page), sign_in(page)
    sent = first.get("/", headers=HTML, base_url=HTTPS)
    assert "You signed in elsewhere, and that ended this session." in first.get(sent.location, base_url=HTTPS).text


def test_step_4_survives_a_restart(notebook, tmp_path):
    """The same cookies open the app that was started anew over the same file."""
    store = f"sqlite:///{tmp_path}/notebook.db"
    before = notebook(SIGN_IN, STORE=store)
    ada = sign_in(before)
    cookies = {name: ada.get_cookie(name).value for name in ("gosession_access",)}
    again = notebook(SIGN_IN, STORE=store).client()
    again.set_cookie("gosession_access", cookies["gosession_access"])
    assert "Notes of ada" in again.get("/", base_url=HTTPS).text


def test_step_5_asks_again(notebook):
    """A fresh login deletes at once, and the password can be shown again."""
    page = notebook(SIGN_IN, DEVICES, CONFIRM)
    ada = sign_in(page)
    assert ada.post("/delete", base_url=HTTPS).location == "/"
    assert ada.get("/confirm", base_url=HTTPS).status_code == 200
    assert ada.post("/confirm", data={"password": "engine"}, base_url=HTTPS).location == "/"


def test_step_6_passes(tmp_path):
    """The tests of the tutorial pass against its app."""
    (tmp_path / "notebook.py").write_text(SIGN_IN + DEVICES + CONFIRM, "utf-8")
    (tmp_path / "test_notebook.py").write_text(TESTS, "utf-8")
    key = {"FLASK_SECRET_KEY": drawn("tutorial")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir=."]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **key}, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout
