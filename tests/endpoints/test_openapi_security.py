"""openapi_security and openapi_security_schemes: what the app's own decorators say."""

from __future__ import annotations

import pytest
from flask import Blueprint
from flask.views import MethodView
from sites import make_app

from flask_gosession import GoSession, public

HEADER = [{"header": []}]
GUEST = [{}, *HEADER]


@pytest.fixture
def app():
    return make_app()


@pytest.fixture
def gosession(app):
    gosession = GoSession(app)
    with app.app_context():
        yield gosession


def view():
    return "ok"


def test_login_required(gosession):
    """A guarded view asks for a token in the configured place."""
    assert gosession.openapi_security(gosession.login_required(view)) == HEADER
    assert gosession.openapi_security(gosession.login_required(fresh=True)(view)) == HEADER
    assert gosession.openapi_security(gosession.fresh_login_required(view)) == HEADER
    assert gosession.openapi_security(gosession.roles_required("admin")(view)) == HEADER
    assert gosession.openapi_security(gosession.permissions_required("orders:read")(view)) == HEADER


@pytest.mark.parametrize("optional", [True, "lenient"])
def test_optional(gosession, optional):
    """Where guests may pass, the empty requirement is among the alternatives."""
    assert gosession.openapi_security(gosession.login_required(optional=optional)(view)) == GUEST


def test_optional_under_a_strict_one(gosession):
    """One decorator that lets no guest pass is enough."""
    both = gosession.roles_required("admin")(gosession.login_required(optional=True)(view))
    assert gosession.openapi_security(both) == HEADER


def test_public(gosession):
    """A view without a decorator, or marked public, asks for nothing."""
    assert gosession.openapi_security(view) == []
    assert gosession.openapi_security(public(lambda: "ok")) == []


def test_method_views(app, gosession):
    """A MethodView's decorators are those of its view."""

    class Orders(MethodView):
        decorators = (gosession.login_required,)

        def get(self):
            return "ok"

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    assert gosession.openapi_security(app.view_functions["orders"]) == HEADER


def test_protect_an_app(app, gosession):
    """Where the app is guarded as a whole, views without a decorator are, too, and public ones are not."""
    app.add_url_rule("/a", "a", lambda: "a")
    app.add_url_rule("/b", "b", public(lambda: "b"))
    app.add_url_rule("/c", "c", gosession.login_required(optional=True)(lambda: "c"))
    gosession.protect(app)
    told = {name: gosession.openapi_security(app.view_functions[name]) for name in "abc"}
    assert told == {"a": HEADER, "b": [], "c": HEADER}


def test_protect_a_blueprint(app, gosession):
    """Where a blueprint is guarded, its views are, those of blueprints within it, and no others."""
    outer, inner, other = Blueprint("outer", __name__), Blueprint("inner", __name__), Blueprint("other", __name__)
    for each in (outer, inner, other):
        each.add_url_rule(f"/{each.name}", "page", lambda: "ok")
    gosession.protect(outer)
    outer.register_blueprint(inner)
    for each in (outer, other):
        app.register_blueprint(each)
    views = app.view_functions
    assert gosession.openapi_security(views["outer.page"]) == HEADER
    assert gosession.openapi_security(views["outer.inner.page"]) == HEADER
    assert gosession.openapi_security(views["other.page"]) == []


def test_two_realms(app, gosession):
    """Each realm answers for its own decorators, under names of its own."""
    admins = GoSession(app, name="admin")
    for_people, for_admins = gosession.login_required(view), admins.login_required(view)
    assert gosession.openapi_security(for_people) == HEADER
    assert gosession.openapi_security(for_admins) == []
    assert admins.openapi_security(for_admins) == [{"admin_header": []}]
    assert admins.openapi_security(for_people) == []
    both = gosession.login_required(for_admins)
    assert (gosession.openapi_security(both), admins.openapi_security(both)) == (HEADER, [{"admin_header": []}])
    gosession.protect(app)
    app.add_url_rule("/", "home", lambda: "home")
    assert admins.openapi_security(app.view_functions["home"]) == []
    assert list(admins.openapi_security_schemes()) == ["admin_header"]


def test_all_ways():
    """Each place a token may come from is an alternative; a cookie only with its CSRF value."""
    app = make_app(TOKEN_LOCATIONS=("cookie", "header", "query"), CSRF_HEADER="X-Proof", QUERY_NAME="token")
    gosession = GoSession(app)
    with app.app_context():
        assert gosession.openapi_security(gosession.login_required(view)) == [
            {"header": []},
            {"query": []},
            {"cookie": [], "csrf": []},
        ]
        assert gosession.openapi_security_schemes() == {
            "header": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "query": {"type": "apiKey", "in": "query", "name": "token"},
            "cookie": {"type": "apiKey", "in": "cookie", "name": "gosession_access"},
            "csrf": {"type": "apiKey", "in": "header", "name": "X-Proof"},
        }


def test_without_csrf():
    """Where no CSRF value is asked for, none is described; the cookie's name is the one that browsers see."""
    app = make_app(TOKEN_LOCATIONS=("cookie",), CSRF=False, COOKIE_PRESET="host", COOKIE_SECURE=True)
    gosession = GoSession(app)
    with app.app_context():
        assert gosession.openapi_security(gosession.login_required(view)) == [{"cookie": []}]
        assert gosession.openapi_security_schemes() == {
            "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-gosession_access"}
        }


def test_a_views_own_locations(app, gosession):
    """A view that names its own places is described by those, and they are among the schemes."""
    download = gosession.login_required(locations=["query"])(view)
    app.add_url_rule("/download", "download", download)
    assert gosession.openapi_security(download) == [{"query": []}]
    assert gosession.openapi_security_schemes().keys() == {"header", "query"}


def test_opaque_tokens():
    """A reference token is a bearer token of no told format."""
    app = make_app(TOKEN_MODE="opaque")
    gosession = GoSession(app)
    with app.app_context():
        assert gosession.openapi_security_schemes() == {"header": {"type": "http", "scheme": "bearer"}}


def test_outside_of_an_app():
    """Without an app there is nothing to describe, and Flask says so."""
    with pytest.raises(RuntimeError, match="application context"):
        GoSession().openapi_security_schemes()
