"""A page hears within seconds that its session has ended, whatever serves it."""

from __future__ import annotations

import apps
import pytest

from .people import sign_in_by_api


@pytest.fixture
def sync_url(tmp_path_factory):
    """Yield the address of the app in two sync workers of gunicorn, which can hold no stream open."""
    with apps.two_workers(tmp_path_factory.mktemp("app"), FLASK_GOSESSION_SESSION_LIMIT="1") as url:
        yield url


@pytest.mark.long
def test_sync_workers_tell_a_page_too(visit, sync_url):
    """Two pages ask now and then, leave the workers free, and are told of the end, its reason and its client."""
    tabs = visit(sync_url)
    pages = [tabs.sign_in("alice"), tabs.open("/devices")]
    sign_in_by_api(sync_url, "alice", "api")
    for page in pages:
        told = page.get_by_role("alert").filter(has_text="You signed in elsewhere")
        told.get_by_text("By an API client, just now").wait_for(timeout=6000)
    # It is told once: a page without a session has nothing to ask.
    asked = tabs.requests.count("GET /auth/events")
    assert asked >= 1
    pages[0].wait_for_timeout(3000)
    assert tabs.requests.count("GET /auth/events") <= asked + 1


@pytest.mark.long
def test_signing_in_alone_ends_the_others(visit, url):
    """What the home page says to try: the first browser is told, and the second lists what it has replaced."""
    first = visit(url).sign_in("bob")
    second = visit(url).sign_in("bob", path="/devices", alone=True)
    told = first.get_by_role("alert").filter(has_text="You signed in elsewhere, and that ended this session.")
    told.get_by_text("By a browser, just now").wait_for(timeout=6000)
    second.reload()
    second.get_by_text("Nothing else is signed in.").wait_for()
    second.get_by_text("Replaced by a newer sign-in").first.wait_for()


@pytest.mark.long
def test_times_move_on(visit, url):
    """What was just now is minutes ago after minutes, without a reload."""
    tabs = visit(url)
    tabs.context.clock.install()
    page = tabs.sign_in("alice")
    signed_in = page.get_by_text("Signed in", exact=True).locator("xpath=following-sibling::dd")
    assert signed_in.text_content() == "just now"
    tabs.context.clock.run_for(5 * 60_000)
    assert signed_in.text_content() in ("4 minutes ago", "5 minutes ago")


@pytest.mark.long
def test_a_last_use_is_never_minutes_ago(visit, url):
    """LIF-02: the script says no more of it than the server has: the hour."""
    tabs = visit(url)
    tabs.context.clock.install()
    page = tabs.sign_in("alice", path="/devices")
    active = page.get_by_text("Last active", exact=True).locator("xpath=following-sibling::dd").first
    assert active.text_content() in ("within the last hour", "1 hour ago")
    tabs.context.clock.run_for(5 * 60_000)
    assert active.text_content() in ("within the last hour", "1 hour ago")


@pytest.mark.long
def test_a_chart_shows_its_numbers_to_whoever_points(visit, url):
    """Over a step of time its numbers appear; the same stand in its title and in the table."""
    page = visit(url).sign_in("admin", path="/admin/dashboard")
    step = page.locator(".step").last
    value = step.locator(".value")
    assert value.evaluate("element => getComputedStyle(element).opacity") == "0"
    step.locator(".reach").hover(force=True)
    assert value.evaluate("element => getComputedStyle(element).opacity") == "1"
    assert "Browser" in value.text_content()
    assert step.locator("title").text_content() == value.text_content()
