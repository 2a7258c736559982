"""The blueprint: what is in it, and where it stands."""

from __future__ import annotations

import pytest
from flask import Flask
from sites import Visitor, error_of, make_app, open_endpoints, verify
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from flask_gosession import ConfigError, GoSession

COOKIES = {"TOKEN_LOCATIONS": ("cookie",)}
ENDPOINTS = {
    "login": ("POST", "/login"),
    "refresh": ("POST", "/refresh"),
    "logout": ("POST", "/logout"),
    "logout_all": ("POST", "/logout-all"),
    "logout_others": ("POST", "/logout-others"),
    "session": ("GET", "/session"),
    "sessions": ("GET", "/sessions"),
    "events": ("GET", "/events"),
    "revoke_session": ("DELETE", "/sessions/<sid>"),
    "jwks": ("GET", "/jwks.json"),
    "revoke": ("POST", "/revoke"),
    "introspect": ("POST", "/introspect"),
    "script": ("GET", "/gosession.js"),
    "events_script": ("GET", "/gosession-events.js"),
    "openapi": ("GET", "/openapi.json"),
}
LET_IN = {"introspection_auth": lambda: True}


def rules(app: Flask, name: str = "gosession") -> dict[str, tuple[str, str]]:
    """Return method and path of each endpoint of a blueprint."""
    found = {}
    for rule in app.url_map.iter_rules():
        blueprint, _, endpoint = rule.endpoint.rpartition(".")
        if blueprint == name:
            (method,) = rule.methods - {"HEAD", "OPTIONS"}
            found[endpoint] = method, rule.rule
    return found


def test_all_there(make):
    """All endpoints are there where the app has a verifier and lets services ask."""
    shop = make(blueprint=LET_IN)
    assert rules(shop.app) == {name: (method, f"/auth{path}") for name, (method, path) in ENDPOINTS.items()}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_leave_out(make, name):
    """Each endpoint can be left out alone, and then is neither there nor in the document."""
    shop = make(blueprint={**LET_IN, "leave_out": [name]})
    method, path = ENDPOINTS[name]
    assert rules(shop.app).keys() == ENDPOINTS.keys() - {name}
    assert shop.send(method, f"/auth{path}".replace("<sid>", "x")).status_code == 404
    if name != "openapi":
        paths = shop.send("GET", "/auth/openapi.json").get_json()["paths"].values()
        assert name not in {one["operationId"] for each in paths for one in each.values()}


@pytest.mark.parametrize("name", ["login", "introspect"])
def test_leave_out_what_is_not_there(make, name):
    """To leave out what the app does not have anyway is no error."""
    shop = make(verifier=None, blueprint={"leave_out": {name}})
    assert rules(shop.app).keys() == ENDPOINTS.keys() - {"login", "introspect"}


def test_one_name_alone(make):
    """One name may be given as it is; it leaves out that endpoint and none that is called alike."""
    shop = make(blueprint={**LET_IN, "leave_out": "logout_all"})
    assert rules(shop.app).keys() == ENDPOINTS.keys() - {"logout_all"}


def test_unknown_names():
    """A name that is no endpoint is a ConfigError that names it, for whoever meant another would not notice."""
    with pytest.raises(ConfigError, match="no endpoint logins, refreshes to leave out"):
        GoSession(make_app()).blueprint(leave_out=["refreshes", "logins", "jwks"])


def test_not_set_up():
    """A blueprint on an app that the extension does not know says what to do."""
    blueprint = GoSession().blueprint()
    with pytest.raises(RuntimeError, match=r"init_app\(app\)"):
        Flask("shop").register_blueprint(blueprint)


def test_init_app_afterwards():
    """The blueprint can be made before the extension meets the app."""
    gosession, app = GoSession(), make_app(URL_PREFIX="/s")
    blueprint = gosession.blueprint()
    gosession.init_app(app)
    app.register_blueprint(blueprint)
    assert rules(app)["session"] == ("GET", "/s/session")


def test_two_apps():
    """One blueprint serves two apps, each at the prefix of its own configuration."""
    gosession = GoSession()
    blueprint = gosession.blueprint()
    apps = [make_app(URL_PREFIX=prefix) for prefix in ("/one", "/two")]
    for app in apps:
        gosession.init_app(app)
        app.register_blueprint(blueprint)
    assert [rules(app)["session"][1] for app in apps] == ["/one/session", "/two/session"]


@pytest.mark.parametrize(
    ("config", "register", "prefix"),
    [
        ({}, {}, "/auth"),
        ({"URL_PREFIX": "/api/v1/auth"}, {}, "/api/v1/auth"),
        ({}, {"url_prefix": "/sessions-here"}, "/sessions-here"),
        ({"URL_PREFIX": "/api"}, {"url_prefix": "/other"}, "/other"),
        ({}, {"url_prefix": None}, "/auth"),
        ({"URL_PREFIX": "/"}, {}, ""),
    ],
    ids=["default", "configured", "registered", "both", "none", "root"],
)
def test_url_prefix(make_any, config, register, prefix):
    """The endpoints, the document's address and the refresh cookie stand where the blueprint was put (COO-01)."""
    shop = make_any(**COOKIES, **config, register=register)
    client = shop.app.test_client()
    login = client.post(f"{prefix}/login", json={"username": "ada", "password": "engine"})
    assert login.status_code == 200
    csrf = {"X-GoSession-CSRF": Visitor(client).cookie("gosession_csrf")}
    assert client.post(f"{prefix}/refresh", headers=csrf).status_code == 200
    assert client.get(f"{prefix}/openapi.json").get_json()["servers"] == [{"url": prefix or "/"}]
    assert client.get_cookie("gosession_refresh", path=prefix or "/") is not None
    assert client.post(f"{prefix}/logout", headers=csrf).status_code == 204
    assert client.get_cookie("gosession_refresh", path=prefix or "/") is None


def test_a_variable_prefix(clock):
    """Below a variable part of the path, which the app takes care of, the refresh cookie stands before it."""
    app = make_app(**COOKIES)
    gosession = GoSession(app, clock=clock)
    gosession.credential_verifier(verify)
    blueprint = gosession.blueprint()
    blueprint.url_value_preprocessor(lambda _endpoint, values: values.pop("shop"))
    app.register_blueprint(blueprint, url_prefix="/shops/<shop>/auth")
    client = app.test_client()
    client.post("/shops/one/auth/login", json={"username": "ada", "password": "engine"})
    assert client.get_cookie("gosession_refresh", path="/shops") is not None
    csrf = {"X-GoSession-CSRF": Visitor(client).cookie("gosession_csrf")}
    assert client.post("/shops/two/auth/refresh", headers=csrf).status_code == 200


def test_mounted_below_a_path(clock):
    """An app that is mounted below a path by its server has its refresh cookie and its document there."""
    shop = open_endpoints(clock, **COOKIES)
    site = Client(DispatcherMiddleware(Flask("outer"), {"/shop": shop.app}))
    login = site.post("/shop/auth/login", json={"username": "ada", "password": "engine"})
    assert login.status_code == 200
    assert site.get_cookie("gosession_refresh", path="/shop/auth") is not None
    csrf = {"X-GoSession-CSRF": site.get_cookie("gosession_csrf").value}
    assert site.post("/shop/auth/refresh", headers=csrf).status_code == 200
    assert site.get("/shop/auth/openapi.json").get_json()["servers"] == [{"url": "/shop/auth"}]
    assert site.post("/shop/auth/logout", headers=csrf).status_code == 204
    assert site.get_cookie("gosession_refresh", path="/shop/auth") is None


def test_its_name(make):
    """The blueprint can have another name, for an app that has one of that name."""
    shop = make(blueprint={"name": "people"})
    assert rules(shop.app, "people").keys() == ENDPOINTS.keys() - {"introspect"}


def test_under_protect(make):
    """Where everything asks for a login, what a guest needs stays open, and the rest is guarded."""
    shop = make(blueprint=LET_IN, TOKEN_LOCATIONS=("header",))
    shop.app.add_url_rule("/secret", view_func=lambda: "secret")
    shop.gosession.protect(shop.app)
    pair = shop.pair()
    assert error_of(shop.send("GET", "/secret")) == (401, "token_missing")
    assert shop.send("POST", "/auth/login", json={"username": "ada", "password": "engine"}).status_code == 200
    assert shop.send("POST", "/auth/refresh", pair.refresh_token).status_code == 200
    assert shop.send("POST", "/auth/logout").status_code == 204
    assert shop.send("POST", "/auth/revoke", data={"token": "x"}).status_code == 200
    assert shop.send("POST", "/auth/introspect", data={"token": "x"}).get_json() == {"active": False}
    for path in ("jwks.json", "gosession.js", "openapi.json"):
        assert shop.send("GET", f"/auth/{path}").status_code == 200
    for method, path in (ENDPOINTS[name] for name in ("logout_all", "logout_others", "session", "sessions")):
        assert error_of(shop.send(method, f"/auth{path}")) == (401, "token_missing")
    assert error_of(shop.send("DELETE", "/auth/sessions/x")) == (401, "token_missing")


@pytest.fixture
def two_realms(clock):
    """Return an app with the endpoints of people and of admins, both by cookie."""
    app = make_app(**COOKIES)
    realms = GoSession(app, clock=clock), GoSession(app, name="admin", clock=clock)
    for realm in realms:
        realm.credential_verifier(verify)
        app.register_blueprint(realm.blueprint())
    return app, *realms


def test_a_second_realm(two_realms):
    """The endpoints of a second realm have names, paths and cookies of their own."""
    app, _, _ = two_realms
    people, admins = rules(app), rules(app, "gosession_admin")
    assert people.keys() == admins.keys()
    assert {path for _, path in people.values()}.isdisjoint(path for _, path in admins.values())
    assert admins["refresh"] == ("POST", "/auth-admin/refresh")
    ada = {"username": "ada", "password": "engine"}
    client = app.test_client()
    assert client.post("/auth/login", json=ada).status_code == 200
    assert client.get("/auth-admin/session").status_code == 401
    assert client.post("/auth-admin/login", json=ada).status_code == 200
    assert client.get_cookie("gosession_admin_refresh", path="/auth-admin") is not None
    csrf = {"X-GoSession-CSRF": client.get_cookie("gosession_admin_csrf").value}
    assert client.post("/auth-admin/refresh", headers=csrf).status_code == 200
    assert client.post("/auth-admin/logout", headers=csrf).status_code == 204
    assert client.get("/auth-admin/session").status_code == 401
    assert client.get("/auth/session").status_code == 200


def test_one_realms_csrf_value_is_nothing_in_the_other(two_realms):
    """A CSRF value counts in its own realm only (CSR-01)."""
    client = two_realms[0].test_client()
    ada = {"username": "ada", "password": "engine"}
    client.post("/auth/login", json=ada)
    client.post("/auth-admin/login", json=ada)
    csrf = {"X-GoSession-CSRF": client.get_cookie("gosession_csrf").value}
    assert error_of(client.post("/auth-admin/logout", headers=csrf)) == (403, "csrf_failed")


def test_a_second_realm_under_protect(two_realms):
    """Where the default realm guards the whole app, an admin's own endpoints ask for an admin, and for no more."""
    app, people, _ = two_realms
    people.protect(app)
    client = app.test_client()
    assert error_of(client.get("/auth-admin/session")) == (401, "token_missing")
    client.post("/auth-admin/login", json={"username": "ada", "password": "engine"})
    assert client.get("/auth-admin/session").status_code == 200
    assert error_of(client.get("/auth/session")) == (401, "token_missing")


def test_a_realms_own_prefix():
    """A realm's own prefix is taken as it is, and without one it stands beside the app's."""
    app = make_app(URL_PREFIX="/api/auth", REALMS={"staff": {"URL_PREFIX": "/staff/auth"}})
    for name in ("default", "staff", "admin"):
        app.register_blueprint(GoSession(app, name=name).blueprint())
    names = ("gosession", "gosession_staff", "gosession_admin")
    assert [rules(app, name)["session"][1] for name in names] == [
        "/api/auth/session",
        "/staff/auth/session",
        "/api/auth-admin/session",
    ]
