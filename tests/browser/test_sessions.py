"""What a page knows of its session: renewed once for all tabs, told when and why it ends."""

from __future__ import annotations

import time

import httpx
import pytest

from .people import fill_in, sign_in_by_api

REFRESH = "POST /auth/refresh"


def test_two_tabs_refresh_once(visit, url):
    """Both tabs find their token about to end at the same moment; one asks, and both go on with the new one."""
    tabs = visit(url)
    tabs.context.clock.install(time=time.time())
    pages = [tabs.sign_in("alice"), tabs.open("/")]
    before = tabs.cookie("gosession_access")["value"]
    for page in pages:
        page.evaluate(
            "import(document.querySelector('script').src.replace('app.js', 'session.js'))"
            ".then(({ session }) => session.addEventListener('refreshed', () => (window.refreshed = 1)))"
        )
    # Answered when both have woken: no server is still where it was when a clock jumps after a renewal.
    held, awake = [], []
    tabs.context.route("**/auth/refresh", lambda route: route.continue_() if awake else held.append(route))
    tabs.sleep("14:00")
    awake.append(True)
    for route in held:
        route.continue_()
    for page in pages:
        # A function, not an expression: that would be evaluated in the page, where the policy forbids it.
        page.wait_for_function("() => window.refreshed > 0")
    assert tabs.requests.count(REFRESH) == 1
    assert tabs.cookie("gosession_access")["value"] != before


WATCH = """
import('/auth/gosession.js').then(({ GoSession }) => {
  const session = new GoSession({ mode: 'cookie', watch: true });
  session.addEventListener('ended', ({ detail }) => (window.why = detail.reason));
  session.start();
})
"""


@pytest.mark.long
def test_a_page_that_watches_is_told_without_a_call(visit, single_url):
    """A page with `watch` loads the watcher by itself, and hears of a login elsewhere that has taken its place."""
    tabs = visit(single_url)
    page = tabs.sign_in("alice")
    with page.expect_response("**/auth/events"):
        page.evaluate(WATCH)
    sign_in_by_api(single_url, "alice")
    page.wait_for_function("() => window.why === 'evicted'", timeout=5_000)
    assert tabs.requests.count("GET /auth/gosession-events.js") == 1


@pytest.mark.long
def test_the_countdown_counts(visit, url):
    """The access token's time runs down by seconds, and a renewal on demand winds it up again."""
    tabs = visit(url)
    tabs.context.clock.install(time=time.time())
    page = tabs.sign_in("alice")
    before = _seconds_shown(page)
    tabs.context.clock.run_for(60_000)
    assert 58 <= before - _seconds_shown(page) < 75
    page.get_by_role("button", name="Renew it now").click()
    page.get_by_text("Since this page was opened: 1").wait_for()
    # A new token lives a quarter of an hour, less up to a quarter of that by chance.
    assert 670 < _seconds_shown(page) <= 900


def _seconds_shown(page):
    minutes, seconds = page.get_by_role("timer").first.text_content().split(":")
    return 60 * int(minutes) + int(seconds)


def test_signed_in_elsewhere_is_told_at_once(visit, single_url):
    """With a limit of 1 a login on a phone is told to the first page within seconds, with the client that it was."""
    tabs = visit(single_url)
    page = tabs.sign_in("alice")
    sign_in_by_api(single_url, "alice")
    told = page.get_by_role("alert").filter(has_text="You signed in elsewhere, and that ended this session.")
    told.wait_for(timeout=5000)
    assert told.get_by_text("By an iPhone or iPad, just now").is_visible()
    assert told.get_by_role("link", name="Sign in again").is_visible()
    # Another page of the same browser says so, too.
    other = tabs.open("/devices")
    assert "/sign-in" in other.url
    other.get_by_text("You signed in elsewhere, and that ended this session.").wait_for()
    other.get_by_text("By an iPhone or iPad, just now").wait_for()


@pytest.mark.long
def test_a_kick_is_told_with_its_message(visit, url):
    """What the administrator writes is what the person reads."""
    person = visit(url).sign_in("bob")
    admin = visit(url).sign_in("admin", path="/admin/people/2")
    admin.get_by_label("Message to bob").first.fill("Please restart your browser.")
    admin.get_by_role("button", name="End this session").first.click()
    admin.get_by_text("The session was ended.").wait_for()
    person.get_by_role("alert").filter(has_text="Please restart your browser.").wait_for()


@pytest.mark.long
def test_a_ban_is_told_and_lifted(visit, url):
    """A banned person learns why, on the page and at the form, until the ban is lifted."""
    person = visit(url).sign_in("bob")
    admin = visit(url).sign_in("admin", path="/admin/people/2")
    admin.get_by_label("Reason, shown to bob").fill("spam")
    admin.get_by_role("button", name="Ban bob").click()
    admin.get_by_text("bob is banned until").wait_for()
    person.get_by_role("alert").filter(has_text="This account is blocked until").wait_for()
    person.get_by_role("link", name="Sign in again").click()
    fill_in(person, "bob")
    person.get_by_role("alert").filter(has_text="spam").wait_for()
    admin.get_by_role("button", name="Lift the ban").click()
    admin.get_by_text("bob may sign in again.").wait_for()
    fill_in(person, "bob")
    person.get_by_role("heading", name="Hello, bob").wait_for()


def test_a_sign_out_reaches_all_tabs(visit, url):
    """Signing out in one tab leaves no page of the person in any other."""
    tabs = visit(url)
    first, second = tabs.sign_in("alice"), tabs.open("/devices")
    first.get_by_role("button", name="Sign out").click()
    for page in (first, second):
        page.wait_for_url("**/sign-in?*")
        page.get_by_text("You have signed out.").wait_for()
    assert tabs.cookie("gosession_access") is None
    fill_in(first, "alice")
    second.get_by_role("heading", name="Your devices").wait_for()


@pytest.mark.parametrize("ended", [False, True], ids=["living", "ended"])
def test_a_sleeping_tab_wakes_to_the_right_state(visit, url, ended):
    """After hours of sleep the tab renews its token, or says why there is nothing to renew."""
    tabs = visit(url)
    tabs.context.clock.install(time=time.time())
    page = tabs.sign_in("alice")
    if ended:
        pair = sign_in_by_api(url, "alice")
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        assert httpx.post(f"{url}/auth/logout-others", headers=bearer).status_code == 200
    tabs.sleep("05:00:00")
    if ended:
        page.get_by_role("alert").filter(has_text="The sessions of this account were signed out.").wait_for()
        assert page.get_by_role("timer").first.text_content() == "ended"
        return
    page.get_by_text("Since this page was opened: 1").wait_for()
    assert 670 < _seconds_shown(page) <= 900


@pytest.mark.long
def test_who_comes_back_late_goes_on_until_the_very_end(visit, run_app):
    """Where only the access token has ended the page comes at once; at the absolute end it says so."""
    url = run_app(FLASK_GOSESSION_ACCESS_LIFETIME="3", FLASK_GOSESSION_LEEWAY="0", FLASK_GOSESSION_ABSOLUTE_TIMEOUT="9")
    tabs = visit(url)
    page = tabs.sign_in("alice")
    page.goto("about:blank")
    exp = int(tabs.cookie("gosession_state")["value"].split(".")[0])
    page.wait_for_function("exp => Date.now() / 1000 > exp", arg=exp, polling=100)
    page.goto("/devices")
    page.get_by_role("heading", name="Your devices").wait_for()
    assert tabs.requests.count("POST /sign-in") == 1
    page.get_by_role("alert").filter(has_text="reached its end").wait_for()
