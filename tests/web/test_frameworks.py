"""Under Flask-RESTX and flask-smorest refusals look the same, and their views can be guarded."""

from __future__ import annotations

import flask_restx
import flask_smorest
import marshmallow
import pytest
from flask.views import MethodView

from flask_gosession import AuthError


class Credentials(marshmallow.Schema):
    """What a login sends."""

    client = marshmallow.fields.String(required=True)


def with_restx(site, handler=None):
    """Return the site with resources of Flask-RESTX; *handler* answers refusals."""
    gosession = site.gosession
    api = flask_restx.Api(site.app, prefix="/api", doc="/docs")

    @api.route("/orders")
    class Orders(flask_restx.Resource):
        method_decorators = (gosession.login_required,)

        def get(self):
            return {"sub": gosession.current_session.subject}

        def post(self):
            gosession.current_session.data["ordered"] = 1
            return {}, 201

    @api.route("/boss")
    class Boss(flask_restx.Resource):
        @gosession.roles_required("boss")
        def get(self):
            return {}

    @api.route("/fresh")
    class Fresh(flask_restx.Resource):
        @gosession.fresh_login_required
        def get(self):
            return {}

    @api.route("/login")
    class SignIn(flask_restx.Resource):
        def post(self):
            return gosession.login_user("ada", client=api.payload["client"]).to_dict()

    @api.route("/open")
    class Open(flask_restx.Resource):
        def get(self):
            return {"open": True}

    if handler is not None:
        api.errorhandler(AuthError)(handler)
    return site


def with_smorest(site, handler=None):
    """Return the site with views of flask-smorest; *handler* answers refusals."""
    gosession = site.gosession
    site.app.config.update(API_TITLE="Orders", API_VERSION="1", OPENAPI_VERSION="3.1.0")
    orders = flask_smorest.Blueprint("orders", __name__, url_prefix="/api")

    @orders.route("/orders")
    class Orders(MethodView):
        decorators = (gosession.login_required,)

        @orders.response(200)
        def get(self):
            return {"sub": gosession.current_session.subject}

        @orders.response(201)
        def post(self):
            gosession.current_session.data["ordered"] = 1
            return {}

    @orders.route("/boss")
    @gosession.roles_required("boss")
    @orders.response(200)
    def boss():
        return {}

    @orders.route("/fresh")
    @gosession.fresh_login_required
    @orders.response(200)
    def fresh():
        return {}

    @orders.route("/login", methods=["POST"])
    @orders.arguments(Credentials)
    @orders.response(200)
    def login(credentials):
        return gosession.login_user("ada", client=credentials["client"]).to_dict()

    @orders.route("/open")
    @orders.response(200)
    def open_to_all():
        return {"open": True}

    if handler is not None:
        orders.errorhandler(AuthError)(handler)
    flask_smorest.Api(site.app).register_blueprint(orders)
    return site


@pytest.fixture(params=[with_restx, with_smorest])
def framework(request):
    return request.param


@pytest.fixture
def site(make_any_site, framework):
    return framework(make_any_site())


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


def test_a_step_up(make_any_site, framework):
    """The challenge of RFC 9470 passes unchanged."""
    site = framework(make_any_site(FRESH_LIFETIME=60))
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


def test_a_handler_of_restx(make_any_site):
    """RESTX's own handlers may change status and headers; the body is what the error carries as data."""
    site = with_restx(make_any_site(), lambda error: ({}, 418, {"X-Refused": error.error}))
    answer = site.get(None, "/api/orders")
    assert (answer.status_code, answer.headers["X-Refused"]) == (418, "token_missing")
    assert answer.json["error"] == "token_missing"


def test_a_handler_of_smorest(make_any_site):
    """A handler of a blueprint of smorest may answer our errors."""
    site = with_smorest(make_any_site(), lambda error: ({"refused": error.error}, error.code))
    assert site.get(None, "/api/orders").json["refused"] == "token_missing"
