"""Two kinds of people in one app: realms that share nothing, though they may share a store and a key."""

from __future__ import annotations

import pytest
import redis
from sites import make_app

from flask_gosession import AuthError, ConfigError, GoSession
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.faulty import FaultyStore

REALMS = {"admin": {"SESSION_LIMIT": 1, "IDLE_TIMEOUT": 100, "TOKEN_LOCATIONS": ["header", "cookie"]}}
SHARED = {"kid": "one", "alg": "HS256", "status": "active", "secret": "u7Gq-2mZx9!fWv0pLk3sYt8RbNc5hJdA"}


def make_realms(store, clock, *, settings=REALMS, loader=None, **config):
    """Return an app with a shop and its administration, and the two of them."""
    app = make_app(STORE=store, REALMS=settings, TOKEN_LOCATIONS=("header", "cookie"), **config)
    people, admins = (
        GoSession(app, clock=clock, user_loader=loader),
        GoSession(app, name="admin", clock=clock, user_loader=loader),
    )
    for realm, prefix in ((people, ""), (admins, "/admin")):
        app.register_blueprint(realm.blueprint())
        add_views(app, realm, prefix)
    return app, people, admins


def add_views(app, realm, prefix):
    def login():
        return realm.login_user("ada", cookies=False).to_dict()

    def login_by_cookie():
        return realm.login_user("ada", cookies=True).to_dict()

    @realm.login_required
    def me():
        return {"realm": realm.name, "sub": realm.current_session.subject}

    @realm.permissions_required("everything")
    def forbidden():
        return ""

    for view, method in ((login, "POST"), (login_by_cookie, "POST"), (me, "GET"), (forbidden, "GET")):
        app.add_url_rule(f"{prefix}/{view.__name__}", f"{realm.name}_{view.__name__}", view, methods=[method])


def bearer(pair):
    return {"Authorization": f"Bearer {pair['access_token']}"}


@pytest.fixture(params=["redis"])
def url(request, backends):
    return backends.get(request.param).url


@pytest.fixture(params=["own keys", "one secret", "opaque"])
def realms(request, url, clock, key_prefix):
    more = {"own keys": {}, "one secret": {"KEYS": [SHARED]}, "opaque": {"TOKEN_MODE": "opaque"}}[request.param]
    app, people, admins = make_realms(url, clock, KEY_PREFIX=key_prefix, **more)
    yield app, people, admins
    with app.app_context():
        people.manager.close()
        admins.manager.close()


def test_each_opens_its_own(realms):
    """A token of a realm opens that realm's views, and logs in to nothing else."""
    app, *_ = realms
    client = app.test_client(use_cookies=False)
    person, admin = client.post("/login").json, client.post("/admin/login").json
    assert client.get("/me", headers=bearer(person)).json == {"realm": "default", "sub": "ada"}
    assert client.get("/admin/me", headers=bearer(admin)).json == {"realm": "admin", "sub": "ada"}


def test_a_token_of_one_opens_nothing_in_the_other(realms):
    """No view, no refresh, no list, no logout, at any level, also where both sign with one secret (TOK-13)."""
    app, people, admins = realms
    client = app.test_client(use_cookies=False)
    person, admin = client.post("/login").json, client.post("/admin/login").json
    for pair, prefix, view in ((person, "/auth-admin", "/admin/me"), (admin, "/auth", "/me")):
        for path in (view, f"{prefix}/sessions", f"{prefix}/session"):
            assert client.get(path, headers=bearer(pair)).status_code == 401
        for token in {pair["access_token"], pair.get("refresh_token", "x")}:
            headers = {"Authorization": f"Bearer {token}"}
            assert client.post(f"{prefix}/refresh", headers=headers).json["error"] in {
                "token_invalid",
                "token_malformed",
            }
            assert client.post(f"{prefix}/logout", headers=headers).status_code == 204
    with app.app_context():
        assert len(people.manager.sessions("ada")) == len(admins.manager.sessions("ada")) == 1


def test_each_has_its_own_policy(realms, clock):
    """Limits and lifetimes are those of the realm, and of the root where it says nothing."""
    app, people, admins = realms
    client = app.test_client(use_cookies=False)
    for _ in range(2):
        person, admin = client.post("/login").json, client.post("/admin/login").json
    with app.app_context():
        assert (len(people.manager.sessions("ada")), len(admins.manager.sessions("ada"))) == (2, 1)
    clock.advance(101)
    assert client.get("/me", headers=bearer(person)).status_code == 200
    assert client.get("/admin/me", headers=bearer(admin)).json["error"] == "session_idle"


def test_each_has_its_own_cookies(realms):
    """Both are signed in side by side in one browser, and sign out one by one."""
    app, *_ = realms
    client = app.test_client()
    client.post("/login_by_cookie")
    client.post("/admin/login_by_cookie")
    assert client.get_cookie("gosession_access").value != client.get_cookie("gosession_admin_access").value
    assert (client.get("/me").json["realm"], client.get("/admin/me").json["realm"]) == ("default", "admin")
    wrong = {"X-GoSession-CSRF": client.get_cookie("gosession_csrf").value}
    assert client.post("/auth-admin/logout", headers=wrong).json["error"] == "csrf_failed"
    right = {"X-GoSession-CSRF": client.get_cookie("gosession_admin_csrf").value}
    assert client.post("/auth-admin/logout", headers=right).status_code == 204
    assert client.get_cookie("gosession_admin_access") is None
    assert (client.get("/me").status_code, client.get("/admin/me").status_code) == (200, 401)


def test_a_ban_is_a_realm_s(realms, clock):
    """Who is banned in the shop may still administer it."""
    app, people, _ = realms
    with app.app_context():
        people.manager.ban("ada", until=clock() + 100)
    client = app.test_client(use_cookies=False)
    assert client.post("/login").json["error"] == "banned"
    assert client.post("/admin/login").status_code == 200


def test_the_realm_that_refuses_answers(url, clock, key_prefix):
    """Format, login view and handlers are those of the realm that said no, whichever step said it."""
    settings = {"admin": {"ERROR_FORMAT": "problem"}}
    app, people, admins = make_realms(url, clock, settings=settings, KEY_PREFIX=key_prefix)
    client = app.test_client(use_cookies=False)
    admin, person = client.post("/admin/login").json, client.post("/login").json
    with app.app_context():
        admins.manager.ban("bob", until=clock() + 100)
    asked = [
        ("GET", "/me", "/admin/me", {}, {}),
        ("GET", "/forbidden", "/admin/forbidden", bearer(person), bearer(admin)),
        ("POST", "/auth/refresh", "/auth-admin/refresh", {}, {}),
    ]
    for method, path, admin_path, headers, admin_headers in asked:
        assert client.open(path, method=method, headers=headers).mimetype == "application/json"
        answer = client.open(admin_path, method=method, headers=admin_headers)
        assert answer.mimetype == "application/problem+json"
    for realm in (people, admins):
        with app.app_context():
            realm.manager.close()


@pytest.mark.parametrize("name", ["KEY_PREFIX", "COOKIE_NAME"])
def test_what_would_mix_them_up_is_refused_at_the_start(clock, name):
    """A realm that is given the other's key prefix or cookie names is a configuration error."""
    with pytest.raises(ConfigError, match=name):
        make_realms("memory://", clock, settings={"admin": {name: "gosession"}})


def test_a_shared_audience_still_tells_realms_apart(clock):
    """An audience that is set for both gets the realm's name, so that one key never makes one of two realms."""
    app, people, admins = make_realms("memory://", clock, settings={"admin": {}}, AUDIENCE="shop", KEYS=[SHARED])
    with app.app_context():
        token = people.manager.login("ada").access_token
        with pytest.raises(AuthError) as refused:
            admins.manager.check(token)
    assert refused.value.error == "token_invalid"


def test_a_store_object_cannot_serve_two(any_store, clock):
    """One store object has one prefix: two realms over it would read each other's records."""
    with pytest.raises(ConfigError, match="STORE object"):
        make_realms(any_store, clock)


def test_each_memory_is_its_own(clock):
    """memory:// is a store for each realm."""
    app, people, admins = make_realms("memory://", clock)
    with app.app_context():
        people.manager.login("ada")
        assert admins.manager.sessions("ada") == []


def test_a_client_object_serves_both(url, clock, key_prefix):
    """A ready Redis client is taken by each realm under its own prefix."""
    with redis.Redis.from_url(url) as client:
        app, people, admins = make_realms(client, clock, KEY_PREFIX=key_prefix)
        with app.app_context():
            people.manager.login("ada")
            assert admins.manager.sessions("ada") == []
            assert len(people.manager.sessions("ada")) == 1


def test_unknown_settings_of_a_realm_are_told(clock):
    """A misspelt key inside a realm is an error that names it."""
    with pytest.raises(ConfigError, match="SESION_LIMIT"):
        make_realms("memory://", clock, settings={"admin": {"SESION_LIMIT": 1}})


def test_a_realm_is_set_up_once(clock):
    """A second GoSession of the same name is refused, with the advice to name it."""
    app = make_app()
    GoSession(app, clock=clock)
    with pytest.raises(ConfigError, match="name"):
        GoSession(app, clock=clock)


def test_two_apps_in_one_process(clock):
    """One extension object serves several apps, each with its own sessions."""
    shop = GoSession(clock=clock)
    first, second = make_app(STORE=open_store("memory://")), make_app(STORE=open_store("memory://"))
    for app in (first, second):
        shop.init_app(app)
    with first.app_context():
        shop.manager.login("ada")
    with second.app_context():
        assert shop.manager.sessions("ada") == []


def test_a_look_at_another_app_forgets_nothing(clock):
    """A view that enters the context of another app for a while keeps who it has signed in, and their cookies."""
    shop, (first, second) = GoSession(clock=clock), (make_app(TOKEN_LOCATIONS=["cookie"]) for _ in range(2))
    for app in (first, second):
        shop.init_app(app)

    @first.post("/login")
    def login():
        shop.login_user("ada")
        with second.app_context():
            assert not shop.current_user
        return {"sub": shop.current_session.subject}

    answer = first.test_client().post("/login")
    assert answer.json == {"sub": "ada"}
    assert any(cookie.startswith("gosession_access=") for cookie in answer.headers.getlist("Set-Cookie"))


@pytest.fixture
def failing(clock):
    """Return a store that fails on cue."""
    return FaultyStore(MemoryStore(clock=clock))


def test_a_save_that_fails_leaves_the_other_realm_its_cookies(failing, clock):
    """The answer becomes 503 because one realm could not save its data; the login to the other still arrives."""
    settings = {"admin": {**REALMS["admin"], "STORE": failing, "KEY_PREFIX": "admin"}}
    app, people, admins = make_realms(MemoryStore(clock=clock), clock, settings=settings)

    @app.post("/both")
    def both():
        people.login_user("ada", cookies=True)
        admins.current_session.data["seen"] = 1
        failing.fail("swap", 5)
        return "both"

    client = app.test_client()
    admin = client.post("/admin/login").json
    answer = client.post("/both", headers=bearer(admin))
    assert (answer.status_code, answer.json["error"]) == (503, "store_unavailable")
    assert any(cookie.startswith("gosession_access=") for cookie in answer.headers.getlist("Set-Cookie"))
