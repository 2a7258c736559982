"""An administrator may act as somebody else: shown as such, ended with either, and never taken for the person."""

from __future__ import annotations

import jwt
import pytest

from flask_gosession import events

BOTH = {"TOKEN_LOCATIONS": ("header", "cookie")}


def with_views(site):
    gosession = site.gosession

    @site.app.post("/become/<subject>")
    @gosession.login_required
    def become(subject):
        return gosession.impersonate(subject).to_dict()

    @site.app.get("/fresh")
    @gosession.fresh_login_required
    def fresh():
        return "fresh"

    @site.app.post("/confirm")
    @gosession.login_required
    def confirm():
        gosession.confirm_login()
        return ""

    return site


@pytest.fixture
def site(make_any_site):
    return with_views(make_any_site(**BOTH))


def become(site, admin, subject="ada"):
    answer = site.send("POST", f"/become/{subject}", admin["access_token"])
    assert answer.status_code == 200
    return answer.json


@pytest.fixture
def admin(site):
    return site.login("root", client="desk")


def test_it_is_shown(site, admin):
    """The session says who is behind it, in the view, in the list and in the event."""
    acting = become(site, admin)
    me = site.get(acting["access_token"]).json
    assert (me["sub"], me["actor"], me["client"]) == ("ada", "root", "desk")
    (listed,) = site.get(acting["access_token"], "/auth/sessions").json["sessions"]
    assert listed["actor"] == "root"
    assert site.told(events.LoggedIn)[-1].actor == "root"


def test_the_token_says_so(make_site):
    """A service without the store reads the actor in the act claim (RFC 8693 section 4.1)."""
    site = with_views(make_site())
    acting = become(site, site.login("root"))
    claims = jwt.decode(acting["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["act"]) == ("ada", {"sub": "root"})


def test_the_admin_stays_signed_in(site, admin):
    """Becoming somebody else costs nobody their session."""
    ada = site.login("ada", client="ios")
    become(site, admin)
    for pair in (admin, ada):
        assert site.get(pair["access_token"]).status_code == 200


ENDS = {
    "the actor signs out": lambda site, admin, _: site.send("POST", "/auth/logout", admin["access_token"]),
    "the actor is kicked": lambda site, *_: site.manager.revoke_all("root", "kicked"),
    "the actor is banned": lambda site, *_: site.manager.ban("root", until=site.clock() + 100),
    "the person is banned": lambda site, *_: site.manager.ban("ada", until=site.clock() + 100),
    "the person is revoked": lambda site, *_: site.manager.revoke_all("ada"),
    "it signs out": lambda site, _, acting: site.send("POST", "/auth/logout", acting["access_token"]),
}


@pytest.mark.parametrize("how", ENDS)
def test_it_ends_with_either_party(site, admin, how):
    """Whoever's session ends, it opens nothing more: no view, no refresh, no extension, and it leaves the list."""
    acting = become(site, admin)
    ENDS[how](site, admin, acting)
    assert site.get(acting["access_token"]).status_code == 401
    assert site.refresh(acting).status_code == 401
    with pytest.raises(Exception, match=r"session_ended|banned"):
        site.manager.extend(acting["access_token"])
    assert site.manager.sessions("ada") == []


def test_the_end_of_it_is_not_the_admin_s(site, admin):
    """Signing out of the borrowed account leads back to the own one."""
    acting = become(site, admin)
    site.send("POST", "/auth/logout", acting["access_token"])
    assert site.get(admin["access_token"]).json["sub"] == "root"


def test_it_refreshes_like_any(site, admin):
    """A refreshed session still says who is behind it."""
    acting = site.refresh(become(site, admin)).json
    assert site.get(acting["access_token"]).json["actor"] == "root"


def test_it_does_not_count_against_the_person(make_any_site):
    """The person's session limit is theirs: an administrator neither pushes them out nor is pushed out by them."""
    site = with_views(make_any_site(SESSION_LIMIT=1))
    ada, admin = site.login("ada"), site.login("root")
    acting = become(site, admin)
    assert site.get(ada["access_token"]).status_code == 200
    site.login("ada")
    assert site.get(acting["access_token"]).status_code == 200


def test_it_is_never_fresh(site, admin):
    """The credentials that were shown are another's: no fresh view, and confirming changes nothing."""
    acting = become(site, admin)
    for _ in range(2):
        assert site.get(acting["access_token"], "/fresh").json["error"] == "fresh_login_required"
        site.send("POST", "/confirm", acting["access_token"])


def test_it_cannot_nest(site, admin):
    """Who acts as somebody cannot become a third from there: 403, and nothing is made."""
    acting = become(site, admin)
    answer = site.send("POST", "/become/bob", acting["access_token"])
    assert (answer.status_code, answer.json["error"]) == (403, "insufficient_scope")
    assert site.manager.sessions("bob") == []


def test_nobody_becomes_a_banned_person(site, admin):
    """A ban refuses this login as any other."""
    site.manager.ban("ada", until=site.clock() + 100)
    assert site.send("POST", "/become/ada", admin["access_token"]).json["error"] == "banned"


def test_it_leaves_as_the_admin_came(site):
    """Cookies for who came by cookie; the body then holds no token."""
    browser = site.browser()
    browser.login("root")
    answer = browser.post("/become/ada")
    assert "access_token" not in answer.json
    assert browser.get().json["actor"] == "root"


def test_too_large_for_a_cookie_is_found_before_anything_is_written(make_site):
    """The size of cookies is looked at here, too (COO-02)."""
    site = make_site(TOKEN_LOCATIONS=("cookie",))

    @site.app.post("/become")
    @site.gosession.login_required
    def become_large():
        return site.gosession.impersonate("ada", claims={"text": "x" * 4000}).to_dict()

    browser = site.browser()
    browser.login("root")
    with pytest.raises(ValueError, match="too large for a cookie"):
        browser.post("/become")
    assert site.manager.sessions("ada") == []
