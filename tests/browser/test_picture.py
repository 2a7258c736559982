"""The picture in the README; ``PICTURES=docs/pictures pytest --long tests/browser/test_picture.py`` takes it anew."""

from __future__ import annotations

import apps
import pytest
from sites import FIREFOX, IPHONE

from .people import sign_in_by_api

SIZE = {"width": 1060, "height": 700}


@pytest.mark.long
def test_the_picture_of_the_readme(visit, run_app, pictures):
    """It shows a browser, a phone and a program signed in, and what was signed out before; the README has it."""
    url = run_app(FLASK_GOSESSION_CLIENT_LIMITS='{"web": 1, "api": 1, "ios": 1}')
    visit(url).sign_in("alice")
    sign_in_by_api(url, "alice", "ios", IPHONE)
    page = visit(url, viewport=SIZE, device_scale_factor=1.5, user_agent=FIREFOX).sign_in("alice", path="/devices")
    sign_in_by_api(url, "alice", "api", "backup/1.3")
    sign_in_by_api(url, "alice", "api", "backup/1.4")
    page.reload()
    assert page.get_by_role("button", name="Sign out").count() == 5  # in the header, for each of three, for all others
    assert page.get_by_text("Replaced by a newer sign-in").count() == 2
    page.screenshot(path=pictures / "devices.png", full_page=True)
    assert "](docs/pictures/devices.png)" in (apps.ROOT / "README.md").read_text("utf-8")
    assert (apps.ROOT / "docs" / "pictures" / "devices.png").stat().st_size > 10_000
