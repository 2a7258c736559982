"""What caches may keep: nothing that was made for one person, unless the view says so (COO-05)."""

from __future__ import annotations

import pytest
from flask import Blueprint, Response

PRIVATE = "private, no-store"


@pytest.fixture
def site(make):
    """Return a site with a view behind each kind of guard."""
    site = make(user_loader=lambda subject: {"roles": ["clerk"], "permissions": ["*"], "name": subject})
    gosession = site.gosession
    guards = {
        "login": gosession.login_required,
        "fresh": gosession.fresh_login_required,
        "role": gosession.roles_required("clerk"),
        "permission": gosession.permissions_required("orders:read"),
        "maybe": gosession.login_required(optional=True),
        "lenient": gosession.login_required(optional="lenient"),
        "inside": lambda view: lambda: str(gosession.require_login()) and view(),
        "open": lambda view: view,
        "greeting": lambda view: lambda: f"{gosession.current_user} {view()}",
    }
    for name, guard in guards.items():
        site.app.add_url_rule(f"/{name}", name, guard(lambda: "page"))
    protected = Blueprint("protected", __name__)
    protected.add_url_rule("/protected", "protected", lambda: "page")
    gosession.protect(protected)
    site.app.register_blueprint(protected)
    return site


def kept(site, token, path):
    answer = site.get(token, path)
    assert answer.status_code == 200
    return answer.headers.get("Cache-Control")


@pytest.mark.parametrize("path", ["login", "fresh", "role", "permission", "maybe", "lenient", "inside", "protected"])
def test_a_guarded_answer_is_for_one_person(site, path):
    """Whatever guards the view: no cache keeps the answer for whom it has let in."""
    assert kept(site, site.pair().access_token, f"/{path}") == PRIVATE


@pytest.mark.parametrize("path", ["maybe", "lenient", "open", "greeting"])
def test_an_answer_to_a_guest_is_untouched(site, path):
    """What a guest may see, a cache may keep as the view says, or does not say."""
    assert kept(site, None, f"/{path}") is None


@pytest.mark.parametrize("path", ["open", "greeting"])
def test_a_public_page_is_untouched(site, path):
    """A public page is the app's to label, also where it greets the person."""
    assert kept(site, site.pair().access_token, f"/{path}") is None


def test_the_view_may_say_otherwise(site):
    """What the view says about caching stands."""

    @site.app.get("/own")
    @site.gosession.login_required
    def own():
        return Response("page", headers={"Cache-Control": "private, max-age=60"})

    assert kept(site, site.pair().access_token, "/own") == "private, max-age=60"


@pytest.mark.parametrize("verb", ["login_user", "logout_user"])
def test_an_answer_that_sets_cookies_is_never_kept(make, verb):
    """Whatever the view says, what sets or takes a cookie is no-store."""
    site = make(TOKEN_LOCATIONS=("cookie",))

    @site.app.get("/act")
    def act():
        getattr(site.gosession, verb)(*(["ada"] if verb == "login_user" else []))
        return Response("page", headers={"Cache-Control": "public, max-age=60"})

    answer = site.get(None, "/act")
    assert answer.headers.getlist("Set-Cookie")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_refusal_is_never_kept(site):
    """A refusal is no-store as before."""
    assert site.get(None, "/login").headers["Cache-Control"] == "no-store"
