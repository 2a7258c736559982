"""Requests during an outage: what rides through it, and what answers 503."""

from __future__ import annotations

import pytest
from sites import Site, error_of, open_site, verify

from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

from .test_levels import add_leveled_views


def add_views(app, gosession) -> None:
    add_leveled_views(app, gosession)

    @app.get("/stale")
    @gosession.login_required
    def stale():
        return {"stale": gosession.current_session.stale, "user": gosession.current_user}

    @app.get("/roles")
    @gosession.roles_required("admin")
    def roles():
        return ""


@pytest.fixture
def site(clock: FakeClock) -> Site:
    def load(subject: str) -> dict[str, str]:
        return {"name": subject, "role": "admin"}

    return open_site(clock, views=add_views, blueprint={}, verifier=verify, loader=load, OUTAGE_GRACE=30)


def ridden(site: Site) -> dict[str, str]:
    """Return the tokens of a session that the store has confirmed, and let the store fail from now on."""
    pair = site.pair()
    for path in ("/stale", "/stale"):
        assert site.get(pair.access_token, path).json == {"stale": False, "user": {"name": "ada", "role": "admin"}}
    for verb in ("load", "swap"):
        site.store.fail(verb, 10_000)
    return pair.to_dict()


def test_what_rides(site: Site) -> None:
    """Views for logins, roles and guests, at each level; the user is the one that was read with the session."""
    token = ridden(site)["access_token"]
    assert site.get(token, "/stale").json == {"stale": True, "user": {"name": "ada", "role": "admin"}}
    for path in ("/default", "/strict", "/cached", "/signature", "/roles", "/maybe/strict", "/early"):
        assert site.get(token, path).status_code == 200, path
    assert site.get(None, "/maybe/strict").json == {"sub": False}


@pytest.mark.parametrize("path", ["/fresh", "/fresh-too", "/late-fresh/strict", "/data/strict", "/auth/sessions"])
def test_what_does_not(site: Site, path: str) -> None:
    """Routes for fresh logins, session data, and lists of sessions."""
    token = ridden(site)["access_token"]
    assert error_of(site.get(token, path)) == (503, "store_unavailable")


def test_what_changes_sessions_does_not(site: Site) -> None:
    """Login, refresh, logout, re-authentication and impersonation are told to try again."""
    pair = ridden(site)
    token = pair["access_token"]
    login = site.browser().post("/auth/login", json={"username": "ada", "password": "engine"})
    answers = [
        login,
        site.refresh(pair),
        *(site.get(token, path, method="POST") for path in ("/auth/logout", "/auth/logout-all", "/confirm/strict")),
        site.get(token, "/impersonate/strict", method="POST"),
    ]
    assert [answer.status_code for answer in answers] == [503] * 6
    assert all("Retry-After" in answer.headers for answer in answers)


def test_a_cookie_is_not_renewed(clock: FakeClock, store: FaultyStore) -> None:
    """What the store cannot be asked about is not given a later end."""
    site = open_site(
        *(clock, store),
        views=add_views,
        blueprint={},
        verifier=verify,
        TOKEN_LOCATIONS=["cookie"],
        OUTAGE_GRACE=30,
        rng=lambda: 0.0,
    )
    browser = site.browser()
    browser.sign_in()
    site.clock.advance(805)
    for _ in range(2):
        assert browser.get("/default").status_code == 200
    site.store.fail("load", 100)
    site.clock.advance(15)
    answer = browser.get("/default")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
