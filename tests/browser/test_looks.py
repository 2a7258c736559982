"""Each page as people see it: on a phone, a tablet and a desk, by day and by night, and with assistive technology."""

from __future__ import annotations

import httpx
import pytest
from sites import FIREFOX, IPHONE

from .people import fill_in, sign_in_by_api

SIZES = {390: 844, 768: 1024, 1280: 800}
NARROWEST = {"width": 320, "height": 640}
PAGES = {
    "home": "/",
    "devices": "/devices",
    "profile": "/profile",
    "confirm": "/confirm?next=/password",
    "password": "/password",
    "people": "/admin/people/",
    "nobody": "/admin/people/?name=zoe",
    "person": "/admin/people/1",
    "quiet-person": "/admin/people/2",
    "activity": "/admin/dashboard",
    "not-found": "/nowhere",
}
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def live_a_little(url):
    """Let people sign in and out, so that lists are not empty."""
    for name, client, agent in (("alice", "ios", IPHONE), ("alice", "api", "backup/1.4"), ("admin", "ios", IPHONE)):
        sign_in_by_api(url, name, client, agent)
    for client in ("android", "desktop"):
        pair = sign_in_by_api(url, "admin", client, "Latchkey/2.0")
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        assert httpx.post(f"{url}/auth/logout", headers=bearer).status_code == 204


def look_at(page, picture, **options):
    """Keep a picture of the page at each width; axe finds nothing, nothing is too wide, one row leads everywhere."""
    from axe_playwright_python.sync_playwright import Axe

    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=f"{picture}-{width}.png", animations="disabled", **options)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert not page.evaluate(TOO_WIDE), f"{page.url} scrolls sideways at {width}"
        assert len(lines_of_navigation(page)) <= 1


def lines_of_navigation(page):
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    return {link.bounding_box()["y"] for link in links.all()}


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_page_is_fit_to_be_seen(visit, run_app, pictures, scheme):
    """Nothing scrolls sideways, one row leads everywhere, axe finds nothing at any width, and pictures are kept."""

    def look(name):
        look_at(page, f"{pictures / name}-{scheme}", full_page=True)
        page.set_viewport_size(NARROWEST)
        assert not page.evaluate(TOO_WIDE), f"{page.url} scrolls sideways at 320"

    url = run_app(LOOKS=scheme)  # an app of its own: what others do is not on the pictures
    live_a_little(url)
    page = visit(url, color_scheme=scheme, user_agent=FIREFOX).open("/sign-in")
    look("sign-in")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("User name").input_value() == "admin"
    look("wrong-password")
    fill_in(page, "admin")
    page.get_by_role("heading", name="Hello, admin").wait_for()
    for name, path in PAGES.items():
        page.goto(path)
        look(name)
    page.goto("/admin/people/1")
    page.get_by_role("button", name="Act as alice").click()
    page.get_by_text("you are acting as alice").wait_for()
    look("acting")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("You are yourself again.").wait_for()
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colour[4:-1].split(","))) < 150) == (scheme == "dark")


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_end_of_a_session_has_its_look(visit, url, pictures, scheme):
    """Each banner is legible, on the page that was open and on the sign-in page, at each width."""

    def look(name):
        look_at(page, f"{pictures / name}-{scheme}")

    page = visit(url, color_scheme=scheme).sign_in("bob", path="/profile")
    visit(url).sign_in("bob", alone=True)
    page.get_by_role("alert").filter(has_text="You signed in elsewhere").wait_for()
    look("evicted")
    page.get_by_role("link", name="Sign in again").click()
    page.get_by_label("Password").wait_for()
    look("evicted-sign-in")
    fill_in(page, "bob")
    page.get_by_role("heading", name="Your profile").wait_for()
    admin = visit(url).sign_in("admin", path="/admin/people/2")
    admin.get_by_label("Message to bob").first.fill("Please update your browser, then sign in again.")
    admin.get_by_role("button", name="End this session").first.click()
    page.get_by_role("alert").filter(has_text="Please update your browser").wait_for()
    look("kicked")


@pytest.mark.long
def test_the_browser_would_complain(visit, url):
    """An inline script and an inline style are stopped by the policy, and the tests would see it."""
    tabs = visit(url)
    page = tabs.open("/sign-in")
    page.evaluate(
        "document.body.append(document.createElement('script')); document.scripts[1].text = 'window.evil = 1'"
    )
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    assert page.evaluate("window.evil") is None
    assert len(tabs.complaints) == 2
    assert all("Content Security Policy" in complaint for complaint in tabs.complaints)
    tabs.complaints.clear()
