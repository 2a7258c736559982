"""Who acts as somebody else must go on being somebody who may (LIF-04), and not for long."""

from __future__ import annotations

import jwt
import pytest
from sites import error_of, open_site

from flask_gosession.errors import InsufficientScope, SessionEnded
from flask_gosession.testing.faulty import FaultyStore


class Staff:
    """The app's own users, who come and go and change their roles."""

    def __init__(self):
        self.roles = {"root": "admin", "ada": "user", "bob": "user"}

    def load(self, subject):
        return {"id": subject, "role": self.roles[subject]} if subject in self.roles else None

    def may_act(self, actor, subject):
        return actor["role"] == "admin" and subject != "bob"


@pytest.fixture
def staff():
    return Staff()


@pytest.fixture
def make_staffed(any_store, clock, staff, token_mode):
    def making(check=staff.may_act, **config):
        settings = {"TOKEN_MODE": token_mode, "USER_TTL": 0, "rng": lambda: 0.0, **config}
        site = open_site(clock, FaultyStore(any_store), loader=staff.load, blueprint={}, **settings)
        if check is not None:
            site.gosession.impersonation_check(check)

        @site.app.post("/become/<subject>")
        @site.gosession.login_required
        def become(subject):
            return site.gosession.impersonate(subject).to_dict()

        return site

    return making


@pytest.fixture
def site(make_staffed):
    return make_staffed()


def become(site, subject="ada", actor="root"):
    return site.send("POST", f"/become/{subject}", site.pair(actor).access_token)


LOSSES = {
    "the user is gone": lambda staff: staff.roles.pop("root"),
    "the role is gone": lambda staff: staff.roles.update(root="user"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_it_ends_with_the_right(site, staff, loss):
    """LIF-04: an actor who is gone, or may no longer act, has no use of the session by any way that leads in."""
    acting = become(site).json
    assert site.get(acting["access_token"]).status_code == 200
    LOSSES[loss](staff)
    refused = site.get(acting["access_token"])
    assert (*error_of(refused), refused.json["reason"]) == (401, "session_ended", "kicked")
    assert error_of(site.refresh(acting)) == (401, "session_ended")
    for way in (site.manager.extend, site.manager.check):
        with pytest.raises(SessionEnded):
            way(acting["access_token"])
    assert site.manager.sessions("ada") == []


def test_the_person_s_own_session_is_not_asked_about(site, staff):
    """The check is about those who act: a person's own session has none to ask about."""
    own = site.pair("ada")
    staff.roles["root"] = "user"
    assert site.lives(own)


def test_only_who_may_can_begin(site):
    """Whoever the check refuses, or whomever it protects, makes no session: 403."""
    for subject, actor in (("ada", "bob"), ("bob", "root")):
        assert error_of(become(site, subject, actor)) == (403, "insufficient_scope")
    own = site.manager.authenticate(site.pair("bob").access_token)
    with pytest.raises(InsufficientScope):
        site.manager.impersonate(own, "ada")
    assert site.manager.sessions("ada") == []


def test_an_async_check_is_awaited(make_staffed, staff):
    """A coroutine function says it as well, on an app that is set up already."""

    async def may_act(actor, subject):
        return staff.may_act(actor, subject)

    site = make_staffed(may_act)
    assert become(site).status_code == 200
    assert become(site, "bob").status_code == 403


def test_without_a_check_the_view_decides(make_staffed):
    """An app that registers none has decided in its views: everybody there may act."""
    site = make_staffed(None)
    assert become(site, "bob", "ada").status_code == 200


def test_a_slow_check_costs_the_store_nothing(make_staffed, monkeypatch):
    """The time that the app's own code takes is not taken from the store's half a second."""
    now = [0.0]
    monkeypatch.setattr("flask_gosession.deadline.time.monotonic", lambda: now[0])

    def may_act(actor, subject):
        now[0] += 10
        return True

    site = make_staffed(may_act)
    acting = become(site).json
    site.clock.advance(site.manager.policy.touch_interval)
    assert site.get(acting["access_token"]).status_code == 200
    assert site.manager.sessions("ada")[0].seen == site.clock()


@pytest.mark.parametrize(("setting", "lifetime"), [({}, 3600), ({"IMPERSONATION_LIFETIME": "5m"}, 300)])
def test_it_ends_soon(make_staffed, setting, lifetime):
    """An hour by default, and never longer than a session of the person's own."""
    site = make_staffed(**setting)
    become(site)
    (session,) = site.manager.sessions("ada")
    assert session.expires == site.clock() + lifetime


def test_it_is_no_longer_than_any_session(make_staffed):
    """A shorter absolute timeout holds for it, too; a lifetime that is asked for is what it gets."""
    site = make_staffed(ABSOLUTE_TIMEOUT=600)
    become(site)
    (session,) = site.manager.sessions("ada")
    assert session.expires == site.clock() + 600
    own = site.manager.authenticate(site.pair("root").access_token)
    site.manager.impersonate(own, "ada", lifetime="2h")
    assert max(session.expires for session in site.manager.sessions("ada")) == site.clock() + 7200


def test_nothing_says_when_credentials_were_seen(make_site):
    """Neither token has an auth_time, so that no service takes the login for fresh; nor has what introspection says."""
    site = make_site()
    own = site.manager.authenticate(site.pair("root").access_token)
    pair = site.manager.impersonate(own, "ada")
    for token in (pair.access_token, pair.refresh_token):
        assert "auth_time" not in jwt.decode(token, options={"verify_signature": False})
    assert "auth_time" in jwt.decode(site.pair("ada").access_token, options={"verify_signature": False})
