"""Some views want the credentials seen recently, and say how recently (RFC 9470)."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from sites import FIREFOX

from flask_gosession import ConfigError, GoSession, events


@pytest.fixture
def site(make_any_site):
    site = make_any_site(FRESH_LIFETIME="10m", ACCESS_LIFETIME="1h", TOKEN_LOCATIONS=("header", "cookie"))
    add_views(site)
    return site


def add_views(site):
    gosession = site.gosession
    for path, decorate in {
        "/fresh": gosession.fresh_login_required,
        "/fresh-as-login": gosession.login_required(fresh=True),
        "/fresher": gosession.fresh_login_required(within=60),
        "/fresher-text": gosession.fresh_login_required(within="1m"),
        "/fresher-delta": gosession.fresh_login_required(within=timedelta(minutes=1)),
    }.items():
        site.app.add_url_rule(path, path[1:], decorate(lambda: "fresh"), methods=["GET", "POST"])

    @site.app.post("/confirm")
    @gosession.login_required
    def confirm():
        pair = gosession.confirm_login()
        return {"age": site.clock() - gosession.current_session.authenticated, **pair.to_dict()}


OVERLAP = 70
"""How long a superseded token is honoured once its successor was used: the grace period and the leeway."""

WITHIN = {"/fresh": 600, "/fresh-as-login": 600, "/fresher": 60, "/fresher-text": 60, "/fresher-delta": 60}


@pytest.mark.parametrize("path", WITHIN)
def test_a_login_is_fresh_for_a_while(site, path):
    """Within the time the view runs, after it the answer says how recent a sign-in is asked for."""
    token = site.login(client="ios")["access_token"]
    site.clock.advance(WITHIN[path])
    assert site.get(token, path).text == "fresh"
    site.clock.advance(1)
    answer = site.get(token, path)
    assert (answer.status_code, answer.json["error"]) == (401, "fresh_login_required")
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer error="insufficient_user_authentication"')
    assert challenge.endswith(f"max_age={WITHIN[path]}")
    assert site.get(token).status_code == 200


def test_a_login_without_credentials_is_no_fresher(site):
    """A session that takes the place of another one says when the credentials were seen, and never in the future."""
    old, early = (site.manager.login("ada", authenticated=site.clock() + offset) for offset in (-601, 9999))
    assert site.get(old.access_token, "/fresh").json["error"] == "fresh_login_required"
    assert site.get(early.access_token, "/fresh").text == "fresh"
    site.clock.advance(601)
    assert site.get(early.access_token, "/fresh").json["error"] == "fresh_login_required"


def test_nobody_is_not_fresh(site):
    """Without a token the answer is that of any protected view."""
    for path in WITHIN:
        assert site.get(None, path).json["error"] == "token_missing"


def test_use_does_not_make_fresh(site):
    """Neither use nor refresh counts as showing the credentials."""
    pair = site.login(client="ios")
    site.clock.advance(601)
    pair = site.refresh(pair).json
    assert site.get(pair["access_token"], "/fresh").status_code == 401


def test_confirmed_credentials_do(site):
    """confirm_login brings a fresh pair of the same session, and is told."""
    token = site.login(client="ios")["access_token"]
    (before,) = site.manager.sessions("ada")
    site.clock.advance(601)
    answer = site.send("POST", "/confirm", token)
    assert answer.json["age"] == 0
    assert site.get(answer.json["access_token"], "/fresher").status_code == 200
    assert site.refresh(answer.json).status_code == 200
    assert len(site.told(events.Confirmed)) == 1
    assert [session.sid for session in site.manager.sessions("ada")] == [before.sid]


def test_a_stolen_copy_does_not_become_fresh(site):
    """LIF-03: the token from before, whoever has it, goes on a while and is never fresh; its refresh token is over."""
    stolen = site.login(client="ios")
    site.clock.advance(30)
    owner = site.send("POST", "/confirm", stolen["access_token"]).json
    assert site.get(stolen["access_token"]).status_code == 200
    assert site.get(stolen["access_token"], "/fresh").json["error"] == "fresh_login_required"
    assert site.refresh(stolen).json["error"] == "token_rotated"
    assert site.get(owner["access_token"], "/fresh").status_code == 200
    site.clock.advance(OVERLAP)
    assert site.get(stolen["access_token"]).json["error"] == "token_rotated"
    assert site.get(owner["access_token"], "/fresh").status_code == 200


def test_a_lost_answer_costs_a_login_at_worst(site):
    """LIF-03: where the answer is lost, the old access token confirms again; the old refresh token is no theft."""
    held = site.login(client="ios")
    for _ in range(2):
        site.send("POST", "/confirm", held["access_token"])
    assert site.refresh(held).json["error"] == "token_rotated"
    site.clock.advance(OVERLAP)
    assert site.get(held["access_token"]).status_code == 200
    answer = site.send("POST", "/confirm", held["access_token"])
    assert site.get(answer.json["access_token"], "/fresher").status_code == 200


def test_confirming_needs_a_session(site):
    """A session that has ended is not made fresh: it stays ended."""
    token = site.login(client="ios")["access_token"]
    site.manager.revoke_all("ada")
    assert site.send("POST", "/confirm", token).json["reason"] == "revoked_all"


def test_auth_time_stands_in_the_token(make_site):
    """A service without the store reads when the credentials were seen; a browser's new cookies say so."""
    site = make_site(ACCESS_LIFETIME="1h", TOKEN_LOCATIONS=("cookie",))
    add_views(site)
    browser = site.browser()
    browser.login()

    def auth_time():
        return jwt.decode(browser.cookie("gosession_access"), options={"verify_signature": False})["auth_time"]

    began = int(site.clock())
    assert auth_time() == began
    site.clock.advance(1000)
    browser.post("/auth/refresh")
    assert auth_time() == began
    assert browser.post("/confirm").status_code == 200
    assert auth_time() == int(site.clock())
    assert browser.get("/fresher").status_code == 200


def test_confirmed_here_is_bound_to_here(make_any_site):
    """Who shows the credentials in a new place has moved there."""
    site = make_any_site(BINDING=("ip", "agent"), BINDING_ACTION="step_up")
    add_views(site)
    token = site.login(environ={"REMOTE_ADDR": "192.0.2.1"})["access_token"]
    away = {"environ_overrides": {"REMOTE_ADDR": "198.51.100.1", "HTTP_USER_AGENT": FIREFOX}}
    assert site.get(token, "/fresh", **away).json["error"] == "fresh_login_required"
    confirmed = site.send("POST", "/confirm", token, **away).json["access_token"]
    assert site.get(confirmed, "/fresh", **away).status_code == 200
    assert site.manager.sessions("ada")[0].label == "Firefox on Linux"


@pytest.mark.parametrize("within", [0, "soon", -1, [], True], ids=str)
def test_a_wrong_time_is_told_at_once(within):
    """A within that is no duration fails when the view is decorated."""
    with pytest.raises(ConfigError, match="must be"):
        GoSession().fresh_login_required(within=within)
