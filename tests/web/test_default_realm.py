"""What an app imports and calls for its default realm, without a GoSession at hand."""

from __future__ import annotations

import pytest
from flask import jsonify

import flask_gosession
from flask_gosession import current_session, current_user, require_login


@pytest.fixture(params=["module", "object"])
def site(make_site, request):
    """Return a site with views that call the functions of the module, or the methods of the object."""
    site = make_site(TOKEN_LOCATIONS=("header", "cookie"), FRESH_LIFETIME="5m")
    ours = flask_gosession if request.param == "module" else site.gosession
    add = site.app.add_url_rule
    add("/in", "in", lambda: jsonify(ours.login_user("ada", cookies=False).to_dict()), methods=["POST"])
    add("/out", "out", lambda: str(ours.logout_user().count), methods=["POST"])
    add("/confirm", "confirm", lambda: jsonify(ours.confirm_login().to_dict()), methods=["POST"])
    add("/fresh", "fresh", lambda: str(ours.login_fresh()))
    add("/ask", "ask", lambda: str(bool(ours.require_login())))
    add("/optional", "optional", lambda: str(bool(ours.require_login(optional=True))))
    add("/lenient", "lenient", lambda: str(bool(ours.require_login(optional="lenient"))))
    add("/only-fresh", "only_fresh", lambda: str(bool(ours.require_login(fresh=True))))
    add("/by-cookie", "by_cookie", lambda: str(bool(ours.require_login(locations="cookies"))))
    return site


def test_login_confirm_and_logout(site):
    """A login, its freshness, its confirmation and its end."""
    token = site.send("POST", "/in", None).json["access_token"]
    assert site.get(token, "/fresh").text == "True"
    site.clock.advance(301)
    assert site.get(token, "/fresh").text == "False"
    token = site.send("POST", "/confirm", token).json["access_token"]
    assert site.get(token, "/fresh").text == "True"
    assert site.send("POST", "/out", token).text == "1"
    assert site.get(token, "/ask").status_code == 401
    assert site.get(None, "/fresh").text == "False"


def test_a_login_asked_for_inside_a_view(site):
    """As the decorator asks before the view: strictly, optionally, fresh, or by certain locations."""
    token = site.send("POST", "/in", None).json["access_token"]
    assert [site.get(one, "/ask").status_code for one in (token, None, "x")] == [200, 401, 401]
    assert [site.get(one, "/optional").text for one in (token, None)] == ["True", "False"]
    assert site.get("x", "/optional").status_code == 401
    assert site.get("x", "/lenient").text == "False"
    assert site.get(token, "/by-cookie").json["error"] == "token_missing"
    assert site.get(token, "/only-fresh").status_code == 200
    site.clock.advance(301)
    assert site.get(token, "/only-fresh").json["error"] == "fresh_login_required"


def test_what_a_session_says(make_site):
    """Whether it is fresh and remembered, and the id of its token."""
    site = make_site()

    @site.app.get("/says")
    @site.gosession.login_required
    def says():
        return jsonify(fresh=current_session.fresh, remember=current_session.remember, jti=current_session.jti)

    pair = site.login(remember=True)
    said = site.get(pair["access_token"], "/says").json
    assert (said["fresh"], said["remember"]) == (True, True)
    assert said["jti"] == site.manager.claims(pair["access_token"]).jti_text
    other = site.get(site.login()["access_token"], "/says").json
    assert other["remember"] is False
    assert other["jti"] != said["jti"]


def test_an_api_key(make_site):
    """A request without a token may be somebody's by its key: a user without a session, who is never fresh."""
    site = make_site(loader=lambda subject: {"name": subject})
    asked = []

    @site.gosession.request_loader
    async def by_key(request):
        asked.append(request.path)
        return {"name": "robot", "roles": ["reader"]} if request.headers.get("X-API-Key") == "secret" else None

    view = lambda: jsonify(name=current_user["name"], session=bool(current_session))  # noqa: E731
    site.app.add_url_rule("/who", "who", site.gosession.login_required(view))
    site.app.add_url_rule("/read", "read", site.gosession.roles_required("reader")(view))
    site.app.add_url_rule("/write", "write", site.gosession.roles_required("writer")(view))
    site.app.add_url_rule("/fresh", "fresh", site.gosession.fresh_login_required(view))
    site.app.add_url_rule("/header", "header", site.gosession.login_required(locations="header")(view))
    key, wrong = {"X-API-Key": "secret"}, {"X-API-Key": "guess"}
    assert site.get(None, "/who", headers=key).json == {"name": "robot", "session": False}
    assert site.get(None, "/who", headers=wrong).json["error"] == "token_missing"
    statuses = [site.get(None, path, headers=key).status_code for path in ("/read", "/write", "/fresh", "/header")]
    assert statuses == [200, 403, 401, 401]
    token = site.login()["access_token"]
    asked.clear()
    assert site.get(token, "/who", headers=key).json == {"name": "ada", "session": True}
    assert site.get("x", "/who", headers=key).status_code == 401
    assert asked == []


def test_a_user_by_key_in_public_pages(make_site):
    """`current_user` knows such a user on pages that ask for no login, and signing out changes nothing for the key."""
    site = make_site()
    site.gosession.request_loader(lambda request: request.headers.get("X-API-Key"))
    site.app.add_url_rule("/maybe-who", "maybe_who", lambda: str(current_user or "guest"))
    site.app.add_url_rule("/ask", "ask", lambda: str(require_login()))
    assert site.get(None, "/maybe-who", headers={"X-API-Key": "robot"}).text == "robot"
    assert site.get(None, "/maybe-who").text == "guest"
    assert site.get(None, "/ask", headers={"X-API-Key": "robot"}).text == "robot"
    assert site.send("POST", "/auth/logout", None, headers={"X-API-Key": "robot"}).status_code == 204
