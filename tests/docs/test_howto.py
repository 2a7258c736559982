"""The how-to guides do what they say."""

from __future__ import annotations

import re
from unittest.mock import Mock

from drawn import drawn
from flask import Flask

from docs.conftest import bearer
from docs.pages import text_of
from flask_gosession import GoSession, errors, login_user
from flask_gosession.client.expiry import claims_of

HTML = {"Accept": "text/html"}
HTTPS = "https://localhost"


def test_json_api(run):
    """The API signs in with JSON and says who is asking."""
    page = run("howto/json-api.md")
    credentials = {"username": "ada", "password": "engine", "client": "ios"}
    ada = page.sign_in("/auth/login", **credentials)
    assert page.client().get("/api/me", headers=ada).json == {"name": "ada", "client": "ios"}
    assert page.client().post("/auth/login", json={**credentials, "password": "x"}).status_code == 401


def test_server_rendered(run):
    """A guest is sent to the form, is told why, signs in by it, and signs out by a form of Flask-WTF."""
    page = run("howto/server-rendered.md")
    client = page.client()
    sent = client.get("/", headers=HTML, base_url=HTTPS)
    assert sent.location.startswith("/login?next=")
    form = client.get(sent.location, base_url=HTTPS).text
    assert "Please sign in." in form
    fields = {"csrf_token": re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)[1]}
    headers = {"Referer": f"{HTTPS}/login"}
    wrong = client.post("/login", data={**fields, "name": "ada", "password": "x"}, base_url=HTTPS, headers=headers)
    assert "is wrong" in wrong.text
    came = client.post(
        sent.location, data={**fields, "name": "ada", "password": "engine"}, base_url=HTTPS, headers=headers
    )
    assert came.location == "/"
    assert client.get("/", base_url=HTTPS).text == "Hello, ada!"
    assert client.post("/logout", base_url=HTTPS, headers=headers).status_code == 400
    assert client.post("/logout", data=fields, base_url=HTTPS, headers=headers).location == "/login"
    assert client.get("/", base_url=HTTPS).status_code == 401


def test_protect(run):
    """Guests pass where they may, `protect` leaves out what is public, and an own decorator refuses like ours."""
    page = run("howto/protect.md")
    client = page.client()
    ada, bob = page.sign_in("/login/ada"), page.sign_in("/login/bob")
    assert client.get("/me").status_code == 401
    assert client.get("/me", headers=ada).json == {"user": "ada"}
    assert (client.get("/news").json, client.get("/news", headers=ada).json) == ({"for": "everybody"}, {"for": "ada"})
    assert client.get("/news", headers={"Authorization": "Bearer x"}).status_code == 401
    assert (client.get("/papers/final").status_code, client.get("/papers/draft").status_code) == (200, 401)
    assert (client.get("/api/orders").status_code, client.get("/api/health").status_code) == (401, 200)
    assert client.get("/api/orders", headers=ada).status_code == 200
    assert (client.get("/card").status_code, client.get("/card", headers=ada).json) == (401, {"card": "ada"})
    assert (client.get("/export").status_code, client.get("/export", headers=ada).status_code) == (401, 200)
    assert client.get("/export", headers=bob).json["error"] == "insufficient_scope"


def test_users(run):
    """The loader's user is shown, claims are in the token, data stays on the server, and an API key has no session."""
    page = run("howto/users.md")
    page.app.add_url_rule("/name", "name", page.login_required(lambda: page.current_user["name"]))
    client = page.client()
    pair = client.post("/login/7").json
    headers = bearer(pair)
    assert client.get("/me", headers=headers).json == {"name": "Ada", "subject": "7"}
    assert claims_of(pair["access_token"])["team"] == "engine"
    assert client.post("/theme/dark", headers=headers).status_code == 204
    assert client.get("/theme", headers=headers).json == {"theme": "dark"}
    with page.app.test_request_context():
        assert page.login_user(page.Member(7)).to_dict()["access_token"]
    assert client.get("/theme", headers={"X-API-Key": "wrong"}).status_code == 401
    assert client.get("/name", headers={"X-API-Key": "key-of-ada"}).text == "Ada"
    del page.TABLE[7]
    with page.app.app_context():
        page.gosession.manager.users.forget("7")
    assert client.get("/me", headers=headers).json["error"] == "user_not_found"


def test_token_locations(run):
    """The header and cookies open the app, and the query one view; the cookies are those that the page names."""
    page = run("howto/token-locations.md")
    client = page.client()
    pair = client.post("/login/ada", base_url=HTTPS).json
    assert client.get("/me", headers=bearer(pair), base_url=HTTPS).json == {"user": "ada"}
    assert client.get(f"/me?access_token={pair['access_token']}", base_url=HTTPS).status_code == 401
    assert client.get(f"/files/a?access_token={pair['access_token']}", base_url=HTTPS).json["for"] == "ada"
    browser = page.client()
    sent = browser.post("/login-page/bob", base_url=HTTPS).headers.getlist("Set-Cookie")
    names = {line.partition("=")[0] for line in sent if "Max-Age=0" not in line}
    told = set(re.findall(r"`(gosession_\w+)`", text_of("howto/token-locations.md")))
    assert names == told
    assert browser.get("/me", base_url=HTTPS).json == {"user": "bob"}
    assert browser.get("/me", headers={"Authorization": "Bearer x"}, base_url=HTTPS).status_code == 401


def test_refusals(run):
    """A browser is sent to the login view and told why, a script gets JSON, and handlers answer their errors."""
    page = run("howto/refusals.md")
    client = page.client()
    sent = client.get("/", headers=HTML, base_url=HTTPS)
    assert sent.location == "/sign-in?next=%2F"
    assert "Please sign in." in client.get(sent.location, base_url=HTTPS).text
    told = client.get("/", headers={"Accept": "application/json"}, base_url=HTTPS)
    assert (told.status_code, told.mimetype) == (401, "application/json")
    client.post("/login/ada", base_url=HTTPS)
    refused = client.get("/admin", base_url=HTTPS)
    assert (refused.status_code, refused.text) == (
        403,
        "<h1>Not for you</h1><p>You do not have permission to do this.</p>",
    )
    with page.app.app_context():
        page.gosession.manager.revoke_all("ada")
    assert client.get("/", headers=HTML, base_url=HTTPS).text == "Your session has ended: revoked_all."


def test_single_page_app(run):
    """The login of the blueprint brings cookies, which the API takes."""
    page = run("howto/single-page-app.md")
    client = page.client()
    assert "/static/app.js" in client.get("/", base_url=HTTPS).text
    assert client.get("/auth/gosession.js", base_url=HTTPS).mimetype == "text/javascript"
    answer = client.post("/auth/login", json={"username": "ada", "password": "engine"}, base_url=HTTPS)
    assert "access_token" not in answer.json
    assert client.get("/api/me", base_url=HTTPS).json == {"user": "ada"}


def test_keys(run):
    """The last list on the page starts an app that signs in; the secret before stays good as a fallback."""
    app = Flask("shop")
    app.config.update(TESTING=True, SECRET_KEY=drawn("today"))
    names = {"old_secret": drawn("today"), "new_secret": drawn("tomorrow"), "vault": Mock(), "gosession": Mock()}
    page = run("howto/keys.md", app=app, **names)
    assert app.config["SECRET_KEY_FALLBACKS"] == [drawn("today")]
    del app.config["GOSESSION_KEY_ROTATION"]
    gosession = GoSession(app)
    with app.app_context():
        pair = gosession.manager.login("ada")
        assert gosession.manager.claims(pair.access_token).header["kid"] == page.app.config["GOSESSION_KEYS"][0]["kid"]


def test_background_jobs(run, monkeypatch, tmp_path):
    """A job asks whether a session lives, and ends all of a user; so does a worker with an app of its own."""
    monkeypatch.setenv("FLASK_GOSESSION_STORE", f"file://{tmp_path}/sessions")
    page = run("howto/background-jobs.md")
    with page.app.app_context():
        first, second = (page.gosession.manager.login("ada").sid for _ in range(2))
    with page.worker.app_context():
        page.sessions.manager.revoke("ada", first)
    assert (page.is_live("ada", first), page.is_live("ada", second)) == (False, True)
    assert page.sign_out_everywhere("ada") == 1
    assert not page.is_live("ada", second)


def test_realms(run):
    """What one realm issues opens nothing in the other."""
    page = run("howto/realms.md")
    customer, member = page.sign_in("/login/ada"), page.sign_in("/staff/login/ada")
    client = page.client()
    assert client.get("/orders", headers=customer).json == {"customer": "ada"}
    assert client.get("/staff/orders", headers=member).json == {"staff": "ada"}
    assert client.get("/staff/orders", headers=customer).status_code == 401
    assert client.get("/orders", headers=member).status_code == 401


def test_devices(run):
    """A third browser evicts the first; devices are listed, signed out one by one, and all but this one."""
    page = run("howto/devices.md")
    first, second, third = (page.sign_in("/login/ada/web") for _ in range(3))
    phone = page.sign_in("/login/ada/ios")
    client = page.client()
    evicted = client.get("/devices", headers=first).json
    assert (evicted["reason"], evicted["client"]) == ("evicted", "web")
    shown = client.get("/devices", headers=second).json
    assert sorted(one["client"] for one in shown) == ["ios", "web", "web"]
    sid = next(one["sid"] for one in shown if one["client"] == "ios")
    assert client.delete(f"/devices/{sid}", headers=second).status_code == 204
    assert client.get("/devices", headers=phone).json["reason"] == "logged_out"
    assert client.delete("/devices", headers=second).json == {"ended": 1}
    assert client.get("/devices", headers=third).json["reason"] == "revoked_all"


def test_step_up(run):
    """An old login is asked for its password, and goes on with new tokens."""
    page = run("howto/step-up.md")
    ada = page.sign_in("/login", name="ada", password="engine")
    client = page.client()
    assert client.post("/transfer", headers=ada).json == {"done": True}
    with page.app.app_context():
        old = page.gosession.manager.login("ada", authenticated=page.gosession.manager.clock() - 3600)
    headers = bearer(old.to_dict())
    refused = client.post("/transfer", headers=headers)
    assert refused.json["error"] == "fresh_login_required"
    told = refused.headers["WWW-Authenticate"]
    assert told.startswith('Bearer error="insufficient_user_authentication"')
    assert told.endswith("max_age=900")
    assert client.post("/confirm", json={"password": "x"}, headers=headers).status_code == 401
    fresh = bearer(client.post("/confirm", json={"password": "engine"}, headers=headers).json)
    assert client.post("/transfer", headers=fresh).json == {"done": True}
    assert client.post("/transfer", headers=headers).json["error"] == "fresh_login_required"


def test_impersonation(run):
    """Only an admin acts as somebody; the session says who is behind it, and ends with theirs."""
    page = run("howto/impersonation.md")
    client = page.client()
    ada, root = page.sign_in("/login/ada"), page.sign_in("/login/root")
    assert client.post("/act-as/ada", headers=ada).status_code == 403
    acting = bearer(client.post("/act-as/ada", headers=root).json)
    assert client.get("/me", headers=acting).json == {"user": "ada", "actor": "root"}
    assert client.get("/me", headers=ada).json == {"user": "ada", "actor": None}
    with page.app.app_context():
        page.gosession.manager.revoke_all("root")
    assert client.get("/me", headers=acting).status_code == 401


def test_roles(run):
    """Roles are compared, permissions matched, and a granted role counts from the next request on."""
    page = run("howto/roles.md")
    client = page.client()
    ada, bob = page.sign_in("/login/ada"), page.sign_in("/login/bob")
    assert client.get("/drafts", headers=ada).status_code == 200
    assert client.get("/drafts", headers=bob).json["error"] == "insufficient_scope"
    assert client.get("/drafts").json["error"] == "token_missing"
    assert client.post("/orders", headers=ada).status_code == 201
    assert client.post("/orders", headers=bob).status_code == 403
    page.grant("bob", "admin")
    assert client.get("/drafts", headers=bob).status_code == 200


def test_guests(run):
    """The cart of a guest is there after the login, and goes on to grow."""
    page = run("howto/guests.md")
    client = page.client()
    assert client.post("/cart/book", base_url=HTTPS).status_code == 204
    assert client.get("/cart", base_url=HTTPS).status_code == 401
    assert client.post("/login/ada", base_url=HTTPS).status_code == 204
    assert client.post("/cart/pen", base_url=HTTPS).status_code == 204
    assert client.get("/cart", base_url=HTTPS).json == ["book", "pen"]


def test_deploy(run):
    """Behind a proxy, a session has the address that the proxy was asked from."""
    page = run("howto/deploy.md")
    page.app.add_url_rule("/in", view_func=lambda: login_user("ada").to_dict())
    page.client().get("/in", headers={"X-Forwarded-For": "203.0.113.7"})
    with page.app.app_context():
        assert [one.ip for one in page.gosession.manager.sessions("ada")] == ["203.0.113.7"]


def test_end_sessions(run):
    """A password change leaves this device alone; a login with the old password is refused afterwards."""
    page = run("howto/end-sessions.md")
    client = page.client()
    here, elsewhere = page.sign_in("/login/ada"), page.sign_in("/login/ada")
    assert client.post("/password", headers=here).json == {"ended": 1}
    assert client.get("/me", headers=here).status_code == 200
    assert client.get("/me", headers=elsewhere).json["reason"] == "password_changed"
    page.ban("ada", days=7)
    assert client.get("/me", headers=here).json["error"] == "banned"
    assert client.post("/login/ada").json["message"] == "Please write to us."
    page.unban("ada")
    assert client.post("/login/ada").status_code == 200


def test_troubleshooting_knows_every_error():
    """Each error that a client can get is in the table, once, and no other."""
    table = text_of("howto/troubleshooting.md").partition("## By error")[2].partition("## By symptom")[0]
    told = [name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    told.remove("error")
    leaves = {vars(one)["error"] for one in vars(errors).values() if isinstance(one, type) and "error" in vars(one)}
    assert sorted(told) == sorted(leaves)
