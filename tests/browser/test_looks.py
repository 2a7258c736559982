"""Each page as people see it: on a desk, on a phone, in the dark, and with assistive technology."""

from __future__ import annotations

import pytest

from .people import fill_in

WAYS = {
    "desk": {"viewport": {"width": 1200, "height": 800}},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    },
    "dark": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "dark"},
    "dark-phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "device_scale_factor": 2},
}
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


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


def test_each_page_is_fit_to_be_seen(visit, url, way, pictures):
    """No page scrolls sideways, axe finds nothing (names, labels, landmarks, contrast), and a picture is kept.

    Axe looks at the wide pages only: the others differ in nothing that it looks for.
    """
    tabs = visit(url, **WAYS[way])
    page = tabs.open("/sign-in")
    _look(page, pictures / f"sign-in-{way}.png")
    fill_in(page, "bob")
    page.get_by_role("heading", name="Hello, bob").wait_for()
    tabs.context.clear_cookies()
    page = tabs.sign_in("admin")
    for name, path in PAGES.items():
        page.goto(path)
        _look(page, pictures / f"{name}-{way}.png")
    page.goto("/admin/people/1")
    page.get_by_role("button", name="Act as alice").click()
    page.get_by_text("you act as alice").wait_for()
    _look(page, pictures / f"acting-{way}.png")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("You are yourself again.").wait_for()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, dark[4:-1].split(","))) < 150) == way.startswith("dark")


def _look(page, picture):
    from axe_playwright_python.sync_playwright import Axe

    page.screenshot(path=picture, full_page=True)
    assert not page.evaluate(TOO_WIDE), f"{page.url} scrolls sideways"
    if "phone" in picture.name:
        return
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


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
