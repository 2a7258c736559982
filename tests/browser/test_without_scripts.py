"""A browser without scripts: who is active stays signed in, and who is remembered is remembered the next morning."""

from __future__ import annotations

import pytest
from drawn import drawn
from servers import served

from example_app import create_app

from .conftest import ARGUMENTS, CHROMIUM
from .people import Tabs

HOUR = 3600


@pytest.fixture
def clocked_url(tmp_path, clock):
    """Yield the address of the example app, served on the clock that the test moves."""
    app = create_app({"DATA_FOLDER": str(tmp_path / "data"), "SECRET_KEY": drawn("browser")}, clock=clock)
    with served(app) as url:
        yield url


@pytest.mark.parametrize(
    ("pause", "span"),
    [
        pytest.param(30, HOUR, marks=pytest.mark.long),
        *(pytest.param(pause, 2 * HOUR, marks=pytest.mark.long) for pause in (150, 200, 300)),
        pytest.param(600, 6 * HOUR, marks=pytest.mark.long),
        (3 * HOUR, 24 * HOUR),
    ],
)
def test_a_click_now_and_then_keeps_a_person_signed_in(clocked_url, clock, visit, pause, span):
    """Clicks with any pause in between never lead to the sign-in page; without a browser they go on for whole days."""
    tabs = visit(clocked_url, java_script_enabled=False)
    page = tabs.sign_in("alice", path="/profile")
    for number in range(span // pause):
        clock.advance(pause)
        page.get_by_role("link", name=("Devices", "Profile")[number % 2], exact=True).click()
        page.wait_for_url(("**/devices", "**/profile")[number % 2])
    assert "POST /auth/refresh" not in tabs.requests
    assert tabs.requests.count("POST /sign-in") == 1


def test_a_form_that_took_hours_is_saved(clocked_url, clock, visit):
    """What somebody wrote for three hours arrives when they send it, and they go on from there."""
    page = visit(clocked_url, java_script_enabled=False).sign_in("alice", path="/profile")
    page.get_by_label("About you").fill("Three hours of work.")
    clock.advance(3 * HOUR)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.", exact=True).wait_for()
    assert page.get_by_label("About you").input_value() == "Three hours of work."


@pytest.mark.parametrize("remember", [True, False], ids=["remembered", "not remembered"])
def test_the_next_morning(browser, tmp_path, clocked_url, clock, remember):
    """After a night and a restart of the browser, who asked to be remembered is, and nobody else."""

    def start():
        return Tabs(
            browser.browser_type.launch_persistent_context(
                tmp_path / "profile",
                executable_path=CHROMIUM,
                args=ARGUMENTS,
                base_url=clocked_url,
                java_script_enabled=False,
            )
        )

    evening = start()
    evening.sign_in("alice", remember=remember)
    evening.context.close()
    clock.advance(12 * HOUR)
    morning = start()
    page = morning.open("/")
    if remember:
        page.get_by_role("heading", name="Hello, alice").wait_for()
        assert morning.cookie("gosession_access")["expires"] > 0
    else:
        page.get_by_label("Password").wait_for()
    morning.context.close()
