"""Under Flask-RESTX refusals look the same, and its resources can be guarded."""

from __future__ import annotations

import pytest
from flask_restx import Api, Resource

from flask_gosession import AuthError


def with_api(site):
    gosession = site.gosession
    api = Api(site.app, prefix="/api", doc="/docs")

    @api.route("/orders")
    class Orders(Resource):
        method_decorators = (gosession.login_required,)

        def get(self):
            return {"sub": gosession.current_session.subject}

        def post(self):
            gosession.current_session.data["ordered"] = 1
            return {}, 201

    @api.route("/boss")
    class Boss(Resource):
        @gosession.roles_required("boss")
        def get(self):
            return {}

    @api.route("/fresh")
    class Fresh(Resource):
        @gosession.fresh_login_required
        def get(self):
            return {}

    @api.route("/login")
    class SignIn(Resource):
        def post(self):
            return gosession.login_user("ada", client=api.payload["client"]).to_dict()

    @api.route("/open")
    class Open(Resource):
        def get(self):
            return {"open": True}

    return site, api


@pytest.fixture
def site(make_any):
    return with_api(make_any())[0]


def same(answer, status, error):
    """Whether an answer is what a plain view would give."""
    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    assert answer.json["error"] == error
    assert set(answer.json) >= {"error", "message", "reason"}
    assert answer.headers["Cache-Control"] == "no-store"
    return True


def test_a_resource_is_guarded(site):
    """A signed-in person gets in, a guest gets 401 with the challenge."""
    token = site.login()["access_token"]
    assert site.get(token, "/api/orders").json == {"sub": "ada"}
    answer = site.get(None, "/api/orders")
    assert same(answer, 401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json == site.get(None).json


def test_every_kind_of_refusal_keeps_its_answer(site):
    """401, 403, 400 and 503 alike: status, body and headers are ours, not the framework's."""
    token = site.login()["access_token"]
    assert same(site.get("x", "/api/orders"), 401, "token_malformed")
    boss = site.get(token, "/api/boss")
    assert same(boss, 403, "insufficient_scope")
    assert 'error="insufficient_scope"' in boss.headers["WWW-Authenticate"]
    assert same(site.send("POST", "/api/login", None, json={"client": "<b>"}), 400, "bad_request")


def test_a_step_up(make_any):
    """The challenge of RFC 9470 passes unchanged."""
    site, _ = with_api(make_any(FRESH_LIFETIME=60))
    token = site.login()["access_token"]
    assert site.get(token, "/api/fresh").status_code == 200
    site.clock.advance(61)
    answer = site.get(token, "/api/fresh")
    assert same(answer, 401, "fresh_login_required")
    assert "max_age=60" in answer.headers["WWW-Authenticate"]


def test_a_store_that_is_down(site):
    """503 with Retry-After."""
    token = site.login()["access_token"]
    site.store.fail("load", 5)
    answer = site.get(token, "/api/orders")
    assert same(answer, 503, "store_unavailable")
    assert answer.headers["Retry-After"] == "1"


def test_a_failing_save(site):
    """What goes wrong after the resource is answered as after a view."""
    token = site.login()["access_token"]
    site.store.fail("swap", 5)
    assert same(site.send("POST", "/api/orders", token), 503, "store_unavailable")


def test_the_reason_is_told(site):
    """An ended session says why, when and by whom."""
    token = site.login()["access_token"]
    site.manager.revoke_all("ada", "kicked", message="Call us.", client="desk")
    body = site.get(token, "/api/orders").json
    assert body == {
        "error": "session_ended",
        "message": "Call us.",
        "reason": "kicked",
        "at": int(site.clock()),
        "client": "desk",
    }


def test_a_protected_app(site):
    """Protect guards resources too."""
    token = site.manager.login("ada").access_token
    site.gosession.protect(site.app)
    assert same(site.get(None, "/api/open"), 401, "token_missing")
    assert site.get(token, "/api/open").json == {"open": True}


def test_a_handler_of_the_framework(make_any):
    """The framework's own handlers may change status and headers; the body is what the error carries as data."""
    site, api = with_api(make_any())

    @api.errorhandler(AuthError)
    def refused(error):
        return {}, 418, {"X-Refused": error.error}

    answer = site.get(None, "/api/orders")
    assert (answer.status_code, answer.headers["X-Refused"]) == (418, "token_missing")
    assert answer.json["error"] == "token_missing"
