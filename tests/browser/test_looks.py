"""Each page as people see it: on a desk, on a phone, in the dark, and with assistive technology."""

from __future__ import annotations

import pytest

from .people import fill_in

DESK, PHONE = {"width": 1200, "height": 800}, {"width": 360, "height": 740}
PAGES = {
    "account": "/",
    "devices": "/devices",
    "profile": "/profile",
    "confirm": "/confirm?next=/password",
    "password": "/password",
    "people": "/admin/people/",
    "person": "/admin/people/1",
    "dashboard": "/admin/dashboard",
    "not-found": "/nowhere",
}
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_page_is_fit_to_be_seen(visit, url, pictures, scheme):
    """No page scrolls sideways, axe finds nothing (names, labels, landmarks, contrast), and pictures are kept."""

    def look(name):
        page.set_viewport_size(DESK)
        page.screenshot(path=pictures / f"{name}-{scheme}-desk.png", full_page=True)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        page.set_viewport_size(PHONE)
        page.screenshot(path=pictures / f"{name}-{scheme}-phone.png", full_page=True)
        assert not page.evaluate(TOO_WIDE), f"{page.url} scrolls sideways"

    from axe_playwright_python.sync_playwright import Axe

    tabs = visit(url, color_scheme=scheme)
    page = tabs.open("/sign-in")
    look("sign-in")
    fill_in(page, "admin")
    page.get_by_role("heading", name="Hello, admin").wait_for()
    for name, path in PAGES.items():
        page.goto(path)
        look(name)
    page.goto("/admin/people/1")
    page.get_by_role("button", name="Act as alice").click()
    page.get_by_text("you act as alice").wait_for()
    look("acting")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("You are yourself again.").wait_for()
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colour[4:-1].split(","))) < 150) == (scheme == "dark")


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
