"""The way back from an impersonation needs the own token of whoever went, and nobody is left signed in unseen."""

from __future__ import annotations

import pytest
from sites import cookies_of, error_of

ACTOR = "gosession_actor"


@pytest.fixture
def site(make_any_site):
    site = make_any_site(TOKEN_LOCATIONS=("header", "cookie"), ACCESS_LIFETIME=600)
    gosession = site.gosession

    @site.app.post("/become/<subject>")
    @gosession.login_required
    def become(subject):
        return gosession.impersonate(subject, cookies=site.cookies).to_dict()

    @site.app.post("/stop")
    def stop():
        pair = gosession.stop_impersonating()
        return {"sub": gosession.current_session.subject if pair else None}

    @site.app.post("/in-one")
    def in_one():
        gosession.login_user("root")
        gosession.impersonate("ada")
        return ""

    @site.app.post("/again")
    def again():
        gosession.impersonate("ada")
        gosession.login_user("bob")
        return ""

    site.cookies = None
    return site


@pytest.fixture
def admin(site):
    """Return a browser in which root acts as ada."""
    browser = site.browser()
    browser.login("root")
    assert browser.post("/become/ada").status_code == 200
    return browser


def live(site):
    return [name for name in ("root", "ada", "bob") for _ in site.manager.sessions(name)]


def test_the_own_session_comes_back(site, admin):
    """LIF-04: the cookies are those of the own session again, which goes on; the other one has ended."""
    own = site.manager.sessions("root")[0].sid
    assert admin.get().json["sub"] == "ada"
    assert admin.post("/stop").json == {"sub": "root"}
    assert (admin.get().json["sid"], admin.cookie(ACTOR), live(site)) == (own, None, ["root"])
    assert admin.post("/auth/refresh").status_code == 200
    assert admin.get().json["sub"] == "root"


def test_it_comes_back_after_a_while(site, admin):
    """The token that was kept may have expired meanwhile: as one in a cookie it counts as long as its session."""
    site.clock.advance(3599)
    assert admin.post("/stop").json == {"sub": "root"}


def test_it_comes_back_after_the_end_of_the_other(site, admin):
    """The impersonation may be over by then, by itself or because the person has ended it."""
    site.clock.advance(3600)
    assert admin.get().status_code == 401
    assert admin.post("/stop").json == {"sub": "root"}
    admin.post("/become/ada")
    site.manager.revoke_all("ada")
    assert admin.post("/stop").json == {"sub": "root"}


def test_the_impersonated_token_alone_leads_nowhere(site, admin):
    """LIF-04: a copy of what opens the borrowed session ends that, and opens nothing of its actor's."""
    thief = site.browser()
    for name in ("gosession_access", "gosession_csrf"):
        thief.keep(name, admin.cookie(name))
    assert thief.post("/stop").json == {"sub": None}
    assert (thief.cookie("gosession_access"), thief.get().status_code) == (None, 401)
    assert live(site) == ["root"]
    assert admin.post("/stop").json == {"sub": "root"}


@pytest.mark.parametrize("kept", ["another's", "forged", "of an ended session"])
def test_the_kept_token_must_be_the_actor_s(site, admin, kept):
    """Another's token in its place is refused, and so is one that opens nothing; nothing has ended then."""
    value = site.pair("bob", cookies=True).access_token if kept == "another's" else admin.cookie(ACTOR)
    if kept == "of an ended session":
        value = site.pair("root", cookies=True).access_token
        site.manager.logout(value)
    admin.keep(ACTOR, "x" + value if kept == "forged" else value)
    answer = admin.post("/stop")
    if kept == "forged":  # no token of ours is none at all
        assert (answer.json, live(site)) == ({"sub": None}, ["root"])
    else:
        assert answer.status_code == (403 if kept == "another's" else 401)
        assert "ada" in live(site)


def test_a_page_has_to_mean_it(site, admin):
    """CSR-01: another site cannot send anybody back."""
    assert error_of(admin.post("/stop", csrf=False)) == (403, "csrf_failed")
    assert live(site) == ["root", "ada"]


def test_nobody_else_is_behind_a_person_s_own_session(site):
    """Who is nobody else is refused, and stays signed in; who is nobody is told to sign in."""
    ada = site.browser()
    assert error_of(ada.post("/stop")) == (401, "token_missing")
    ada.login("ada")
    assert error_of(ada.post("/stop")) == (403, "insufficient_scope")
    assert ada.get().status_code == 200


def test_a_client_with_its_own_tokens_goes_on_with_them(site):
    """By header the impersonated session ends, and the client has its own token still."""
    root = site.login("root", cookies=False)
    acting = site.send("POST", "/become/ada", root["access_token"]).json
    assert site.send("POST", "/stop", acting["access_token"]).json == {"sub": None}
    assert site.get(root["access_token"]).json["sub"] == "root"
    assert live(site) == ["root"]


def test_signing_out_signs_out_altogether(site, admin):
    """A sign-out in a later request ends both sessions: nobody holds the own one any more. Both tokens are unset."""
    answer = admin.post("/auth/logout")
    assert answer.status_code == 204
    assert ACTOR in cookies_of(answer)
    assert (live(site), admin.cookie(ACTOR)) == ([], None)


def test_a_login_takes_the_place_of_both(site, admin):
    """A login in a later request does so, too."""
    admin.login("bob")
    assert (live(site), admin.cookie(ACTOR)) == (["bob"], None)
    assert error_of(admin.post("/stop")) == (403, "insufficient_scope")


def test_all_in_one_request(site):
    """A login and an impersonation at once keep the token that was just made; another login then keeps none."""
    browser = site.browser()
    browser.post("/in-one")
    assert browser.post("/stop").json == {"sub": "root"}
    browser.post("/again")
    assert (live(site), browser.cookie(ACTOR)) == (["bob"], None)


def test_a_token_for_the_body_keeps_none(site):
    """Where the impersonated token goes into the body, the browser's cookies are still the own ones."""
    browser = site.browser()
    browser.login("root")
    site.cookies = False
    assert "access_token" in browser.post("/become/ada").json
    assert (browser.cookie(ACTOR), browser.get().json["sub"]) == (None, "root")


def test_it_is_kept_as_long_as_its_own_session(site):
    """Remembered is what was remembered; else it goes when the browser is closed. No script reads it."""
    for remember in (True, False):
        browser = site.browser()
        browser.login("root", remember=remember)
        (line,) = [one for one in browser.post("/become/ada").headers.getlist("Set-Cookie") if one.startswith(ACTOR)]
        assert ("Max-Age" in line) is remember
        assert {"HttpOnly", "SameSite=Strict"} <= set(line.split("; "))


def test_a_refresh_leaves_it(site, admin):
    """The impersonated session is refreshed and renewed like any, and the way back stays open."""
    admin.post("/auth/refresh")
    site.clock.advance(700)
    assert admin.get().json["sub"] == "ada"
    assert admin.post("/stop").json == {"sub": "root"}
