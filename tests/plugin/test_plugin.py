"""The fixtures that people's tests get."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import flask_gosession
from flask_gosession.testing import plugin
from plugin.conftest import Pytest

ROOT = Path(flask_gosession.__file__).parents[1]
TEXT = (ROOT / "docs" / "howto" / "testing.md").read_text("utf-8")

APP = """
import pytest
from flask import Flask
from flask_gosession import GoSession, current_session, login_required

@pytest.fixture(params=["header", "cookie"])
def app(request, gosession_store):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="of-the-tests", GOSESSION_STORE=gosession_store)
    app.config["GOSESSION_TOKEN_LOCATIONS"] = [request.param]
    gosession = GoSession(app)
    staff = GoSession(app, name="staff") if request.param == "header" else None
    app.register_blueprint(gosession.blueprint())
    app.add_url_rule("/me", "me", view_func=login_required(lambda: current_session.subject), methods=["GET", "POST"])
    if staff:
        app.add_url_rule("/staff", "staff", view_func=staff.login_required(lambda: staff.current_session.subject))
    return app
"""


def test_the_page_is_true(run_pytest: Pytest):
    """The test file of the page passes."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert run_pytest(block) == {"passed": block.count("def test_")}


def test_the_table_has_each_fixture_with_its_docstring():
    """The table of the page has the fixtures that there are, with what pytest --fixtures says of them."""
    table = TEXT.partition("<!-- fixtures -->")[2].partition("<!-- /fixtures -->")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    source = Path(plugin.__file__).read_text("utf-8")
    found = dict(re.findall(r'@pytest.fixture\ndef (\w+)\([^"]*?"""(.*?)"""', source))
    assert told == {name: text.replace("``", "`") for name, text in found.items()}


def test_it_imports_nothing_until_it_is_used():
    """A run of pytest that uses none of the fixtures pays for neither Flask nor the package."""
    code = "import sys, flask_gosession.testing.plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "flask_gosession.testing.plugin" in loaded
    assert not loaded & {"flask", "msgspec", "redis", "flask_gosession.errors", "flask_gosession.testing.clock"}


def test_pytest_finds_the_plugin():
    """The entry point leads to the module."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert '[project.entry-points.pytest11]\ngosession = "flask_gosession.testing.plugin"' in text


def test_people_are_signed_in_whichever_way_tokens_travel(run_pytest: Pytest):
    """In header or cookies, for reading and writing, signing out included."""
    assert run_pytest(
        APP
        + """
def test_it(login_as, gosession_client):
    ada = login_as("ada")
    assert ada.get("/me").text == ada.post("/me").text == "ada"
    assert ada.post("/auth/logout").status_code == 204
    assert ada.get("/me").status_code == 401
    assert gosession_client.get("/me").json["error"] == "token_missing"
"""
    ) == {"passed": 2}


def test_the_clock_moves_every_realm_and_is_put_back(run_pytest: Pytest):
    """Sessions of all realms end by the clock of the test; the next user of the app has the real time."""
    lasting = APP.replace("@pytest.fixture(", "@pytest.fixture(scope='module', ").replace("gosession_store", "")
    lasting = lasting.replace("(request, )", "(request)").replace(", GOSESSION_STORE=", "")
    assert run_pytest(
        lasting
        + """
import time

def test_one(app, login_as, gosession_clock):
    state = app.extensions["gosession"]["default"]
    ada = login_as("ada", idle=60)
    gosession_clock.advance(61)
    assert ada.get("/me").json["error"] == "session_idle"
    assert all(each.manager.clock() == gosession_clock() for each in app.extensions["gosession"].values())

def test_two(app):
    assert abs(app.extensions["gosession"]["default"].manager.clock() - time.time()) < 30
"""
    ) == {"passed": 4}


def test_any_error_can_be_had(run_pytest: Pytest):
    """Every error of a token is answered as the app answers it, with its evidence, and only until the test ends."""
    assert run_pytest(
        APP
        + """
from flask_gosession.testing.fixtures import ERRORS

@pytest.mark.parametrize("error", sorted(ERRORS))
def test_each(login_as, refuse_with, error):
    ada = login_as("ada")
    refuse_with(error)
    answer = ada.get("/me")
    assert (answer.status_code, answer.json["error"]) == (ERRORS[error].code, error)

def test_evidence(login_as, refuse_with):
    ada = login_as("ada")
    refuse_with("banned", until=2e9, reason="abuse")
    assert ada.get("/me").json.items() >= {"until": 2_000_000_000, "reason": "abuse"}.items()

def test_a_refresh_is_refused_too(app, login_as, refuse_with):
    pair = login_as("ada").pair
    refuse_with("token_reused")
    bearer = {"Authorization": f"Bearer {pair.refresh_token}"}
    if "header" in app.config["GOSESSION_TOKEN_LOCATIONS"]:
        assert app.test_client().post("/auth/refresh", headers=bearer).json["error"] == "token_reused"

def test_it_is_over(login_as):
    assert login_as("ada").get("/me").status_code == 200

@pytest.mark.parametrize("wrong", [("mood", {}), ("session_ended", {"until": 1})])
def test_wrong_words_are_told_at_once(refuse_with, wrong):
    with pytest.raises((ValueError, TypeError)):
        refuse_with(wrong[0], **wrong[1])
"""
    ).keys() == {"passed"}


def test_other_realms_have_their_own(run_pytest: Pytest):
    """A realm is named for a login and for a refusal."""
    assert run_pytest(
        APP.replace('["header", "cookie"]', '["header"]')
        + """
def test_it(login_as, refuse_with):
    boss = login_as("boss", realm="staff")
    assert boss.get("/staff").text == "boss"
    assert boss.get("/me").status_code == 401
    refuse_with("session_ended", realm="staff", reason="kicked")
    assert boss.get("/staff").json["reason"] == "kicked"
    assert login_as("ada").get("/me").text == "ada"
"""
    ) == {"passed": 1}
