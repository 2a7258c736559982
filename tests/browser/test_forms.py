"""Forms: nothing typed is lost, the keyboard is enough, and so is a browser without scripts."""

from __future__ import annotations

import re

import pytest

from .people import fill_in, sign_in_by_api

DRAFTS = "Object.keys(sessionStorage).filter(key => key.startsWith('draft'))"


def test_a_401_in_the_middle_of_a_submit_loses_nothing(visit, single_url):
    """The session ends while somebody writes; after signing in again the text is there, and is saved."""
    page = visit(single_url).sign_in("alice", path="/profile")
    page.get_by_label("About you").fill("Two hours of work.")
    sign_in_by_api(single_url, "alice")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Not saved, your text is kept").wait_for()
    page.get_by_role("link", name="Sign in again").click()
    fill_in(page, "alice")
    page.wait_for_url("**/profile")
    assert page.get_by_label("About you").input_value() == "Two hours of work."
    page.get_by_text("it is not saved yet").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.", exact=True).wait_for()
    page.reload()
    assert page.get_by_label("About you").input_value() == "Two hours of work."
    assert page.evaluate(DRAFTS) == []


@pytest.mark.long
def test_an_expired_token_in_a_submit_is_nobodys_business(visit, url):
    """Where only the access token has ended, the submit renews it and goes through."""
    tabs = visit(url)
    page = tabs.sign_in("bob", path="/profile")
    tabs.context.clear_cookies(name="gosession_access")
    page.get_by_label("About you").fill("Builder.")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.", exact=True).wait_for()
    assert tabs.requests.count("POST /auth/refresh") == 1


@pytest.mark.long
def test_nobody_finds_anothers_text(visit, url):
    """Signing out takes what was typed from the tab."""
    page = visit(url).sign_in("alice", path="/profile")
    page.get_by_label("About you").fill("Private.")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("You have signed out.").wait_for()
    fill_in(page, "bob")
    page.get_by_role("textbox", name="About you").wait_for()
    assert "Private" not in page.get_by_label("About you").input_value()
    assert page.evaluate(DRAFTS) == []


def test_the_keyboard_is_enough_to_sign_in(visit, url):
    """Tab, type, space and Enter sign somebody in, and what has the focus can be seen."""
    page = visit(url).open("/sign-in")
    focused = "document.activeElement.name || document.activeElement.textContent.trim()"
    order = []
    for keys in (None, None, "alice", "wonderland", " ", None, None):
        page.keyboard.press("Tab")
        order.append(page.evaluate(focused))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if keys:
            page.keyboard.type(keys)
    assert order == ["Skip to the content", "Latchkey", "username", "password", "remember", "alone", "Sign in"]
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Hello, alice").wait_for()


@pytest.mark.long
@pytest.mark.parametrize("width", [390, 1280])
def test_the_keyboard_goes_the_way_of_the_eye(visit, url, width):
    """From the first link to the last button, what has the focus next stands further right, or further down."""
    where = """() => {
        const { left, top, height } = document.activeElement.getBoundingClientRect();
        return [Math.round(top + scrollY + height / 2), Math.round(left)];
    }"""
    page = visit(url, viewport={"width": width, "height": 900}).sign_in("alice", path="/devices")
    page.keyboard.press("Tab")  # the link that skips all this
    places = []
    for _ in page.locator("a:visible, button:visible").all()[1:]:
        page.keyboard.press("Tab")
        places.append(tuple(page.evaluate(where)))
    assert len(set(places)) == len(places) >= 8
    assert places == sorted(places)


@pytest.mark.long
def test_without_scripts_people_sign_in_and_out_everywhere(visit, url):
    """Signing in, the list of devices, signing out another and oneself: forms alone do it."""
    tabs = visit(url, java_script_enabled=False)
    page = tabs.sign_in("bob", path="/devices")
    other = visit(url, java_script_enabled=False).sign_in("bob")
    page.reload()
    others = page.get_by_role("listitem").filter(has_not_text="This device").filter(has_text="Signed in")
    others.get_by_role("button", name="Sign out").first.click()
    page.get_by_text("That device is signed out.").wait_for()
    other.reload()
    other.get_by_text("This session was signed out.").wait_for()
    page.get_by_role("banner").get_by_role("button", name="Sign out").click()
    page.get_by_text("You have signed out.").wait_for()


@pytest.mark.long
def test_changing_the_password_asks_again_and_signs_out_the_rest(visit, run_app):
    """A login that is not fresh confirms with the password; the change ends the other devices and says why there."""
    url = run_app(FLASK_GOSESSION_FRESH_LIFETIME="4", FLASK_GOSESSION_TOUCH_INTERVAL="0")
    other = visit(url).sign_in("alice")
    page = visit(url).sign_in("alice")
    page.wait_for_function("start => Date.now() > start + 4500", arg=page.evaluate("Date.now()"), polling=100)
    page.get_by_role("link", name="Password").click()
    page.get_by_role("heading", name="Confirm that it is you").wait_for()
    page.get_by_label("Password").fill("wonderful")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("alert").filter(has_text="That password is wrong.").wait_for()
    page.get_by_label("Password").fill("wonderland")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("New password").fill("through the looking-glass")
    page.get_by_role("button", name="Change password").click()
    page.get_by_text("Your password is changed. Other devices signed out: 1.").wait_for()
    other.get_by_role("alert").filter(has_text="The password was changed; please sign in again.").wait_for()


@pytest.mark.long
def test_the_cookies_are_as_promised(visit, url):
    """Tokens are HttpOnly, the refresh cookie goes to its endpoints, only remember-me outlives the browser (COO-01)."""
    tabs = visit(url)
    tabs.sign_in("alice")
    cookies = {cookie["name"]: cookie for cookie in tabs.context.cookies()}
    seen = {
        name: (cookie["httpOnly"], cookie["sameSite"], cookie["path"], cookie["expires"] < 0)
        for name, cookie in cookies.items()
        if name.startswith("gosession")
    }
    assert seen == {
        "gosession_access": (True, "Lax", "/", True),
        "gosession_refresh": (True, "Strict", "/auth", True),
        "gosession_csrf": (False, "Lax", "/", True),
        "gosession_state": (False, "Lax", "/", True),
    }
    remembered = visit(url)
    remembered.sign_in("alice", remember=True)
    assert remembered.cookie("gosession_access")["expires"] > 0
    assert re.fullmatch(r"\d+\.\d+\.\d+", remembered.cookie("gosession_state")["value"])
