"""POST /login: in with what the app's verifier accepts."""

from __future__ import annotations

import pytest
from sites import cookies_of, error_of, make_app

from flask_gosession import ConfigError, GoSession

ADA = {"username": "ada", "password": "engine"}
COOKIES = {"TOKEN_LOCATIONS": ("cookie",)}
BOTH = {"TOKEN_LOCATIONS": ("header", "cookie")}


def sign_in(shop, **body):
    return shop.send("POST", "/auth/login", json={**ADA, **body})


def test_tokens_in_the_body(make_any):
    """The right credentials are answered with tokens, never to be cached (COO-05)."""
    shop = make_any()
    answer = sign_in(shop)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert shop.send("GET", "/auth/session", answer.get_json()["access_token"]).status_code == 200
    assert cookies_of(answer) == set()
    assert shop.manager.sessions("ada")[0].client == "web"


def test_not_there_without_a_verifier(make):
    """Without a function that knows credentials there is no such endpoint."""
    assert make(verifier=None).send("POST", "/auth/login", json=ADA).status_code == 404


def test_a_verifier_that_comes_too_late():
    """A verifier that is registered after the blueprint was made is a clear error, not a missing endpoint."""
    gosession = GoSession(make_app())
    gosession.blueprint()
    with pytest.raises(ConfigError, match=r"before calling blueprint\(\)"):
        gosession.credential_verifier(lambda _name, _password: None)


def test_a_verifier_for_another_use():
    """Where the endpoint was left out on purpose, a verifier may come whenever it likes."""
    gosession = GoSession(make_app())
    gosession.blueprint(leave_out=["login"])
    verifier = gosession.credential_verifier(lambda _name, _password: "ada")
    assert gosession.verifies_credentials
    assert verifier("x", "y") == "ada"


def test_no_verifier_to_ask():
    """Who asks for a check of credentials that nobody can do is told how to register it."""
    with pytest.raises(RuntimeError, match="credential_verifier"):
        GoSession(make_app()).verify_credentials("ada", "engine")


@pytest.mark.parametrize("body", [{"password": "wrong"}, {"username": "nobody"}, {"password": ""}])
def test_wrong_credentials(make_any, body):
    """Wrong name and wrong password are one and the same answer, and nothing is written."""
    shop = make_any()
    answer = sign_in(shop, **body)
    assert error_of(answer) == (401, "invalid_credentials")
    assert answer.get_json()["message"] == "User name or password is wrong."
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert shop.store.calls == []


def test_a_verifier_that_says_false(make):
    """A verifier that answers False, as a comparison does, has refused."""
    assert error_of(sign_in(make(verifier=lambda *_: False))) == (401, "invalid_credentials")


@pytest.mark.parametrize("name", ["", "a" * 256])
def test_a_name_that_nobody_can_have_is_refused(make, name):
    """A verifier that passes on any name with the right password makes no 500 of an empty or an endless one."""
    site = make(verifier=lambda username, _password: username)
    assert error_of(sign_in(site, username=name)) == (401, "invalid_credentials")


UNREADABLE = (b"", b"{", b"\xff\xfe", b"[" * 60_000)
NO_OBJECT = (b"[]", b"null", b"7", b'"ada"')
NO_TEXTS = (
    b'{"username": "ada"}',
    b'{"username": "ada", "password": 7}',
    b'{"username": null, "password": "x"}',
    b'{"username": ["ada"], "password": "x"}',
    b'{"username": "\\ud800", "password": "x"}',
    b'{"username": "ada", "password": "\\udfff"}',
)


@pytest.mark.parametrize("body", [*UNREADABLE, *NO_OBJECT, *NO_TEXTS], ids=range(14))
def test_bad_bodies(make, body):
    """What is no JSON object with two texts is 400, and the verifier is not asked."""
    asked = []
    shop = make(verifier=lambda *given: asked.append(given))
    answer = shop.send("POST", "/auth/login", data=body, content_type="application/json")
    assert error_of(answer) == (400, "bad_request")
    assert asked == []


@pytest.mark.parametrize("remember", [2, -1, 1.0, "maybe", "on ", [], {}, ["on"]])
def test_remember_is_true_or_false(make, remember):
    """Whoever says something else about being remembered is asked to say it properly, and nothing is written."""
    shop = make()
    assert error_of(sign_in(shop, remember=remember)) == (400, "bad_request")
    assert shop.store.calls == []


@pytest.mark.parametrize(("remember", "meant"), [("on", True), (1, True), ("", False), (0, False), (None, False)])
def test_remember_as_a_form_sends_it(make, remember, meant):
    """A page that passes on the value of its checkbox is understood."""
    shop = make()
    assert sign_in(shop, remember=remember).status_code == 200
    assert shop.manager.sessions("ada")[0].remember is meant


def test_a_form_is_no_login(make):
    """A form, which another site could send, is not a login (CSR-03)."""
    shop = make()
    answer = shop.send("POST", "/auth/login", data=ADA)
    assert error_of(answer) == (400, "bad_request")
    assert "application/json" in answer.json["message"]
    text = '{"username": "ada", "password": "engine"}'
    assert error_of(shop.send("POST", "/auth/login", data=text, content_type="text/plain")) == (400, "bad_request")


@pytest.mark.parametrize("client", ["", " web", "a" * 33, "é", "web\n", 7, None, ["web"], "\ud800"])
def test_a_client_class_that_is_none(make, client):
    """A text that cannot name a class of clients is 400, and does not come back in the answer (HTT-04)."""
    answer = sign_in(make(), client=client)
    assert error_of(answer) == (400, "bad_request")
    assert answer.get_json()["message"].startswith("A client class has 1 to 32")


def test_a_client_class_that_is_not_listed(make):
    """A class without a limit of its own, where there is no "*", is refused as the limit's matter."""
    shop = make(CLIENT_LIMITS={"web": 1})
    assert error_of(sign_in(shop, client="tv")) == (409, "session_limit")
    assert sign_in(shop, client="web").status_code == 200


def test_the_client_class_is_kept(make_any):
    """The class that the client names is the session's."""
    shop = make_any()
    sign_in(shop, client="ios")
    assert [session.client for session in shop.manager.sessions("ada")] == ["ios"]


def test_banned(make_any):
    """A banned person is told so, with the right credentials only."""
    shop = make_any()
    shop.manager.ban("ada", until=shop.clock() + 60, reason="spam")
    answer = sign_in(shop)
    assert error_of(answer) == (401, "banned")
    assert answer.get_json()["until"] == int(shop.clock() + 60)
    assert error_of(sign_in(shop, password="wrong")) == (401, "invalid_credentials")


def test_the_limit_refuses(make_any):
    """Where the newcomer is refused, that is 409."""
    shop = make_any(SESSION_LIMIT=1, ON_LIMIT="refuse")
    assert sign_in(shop).status_code == 200
    assert error_of(sign_in(shop)) == (409, "session_limit")


def test_remember(make_any):
    """Remember me makes the cookies last as long as the session, and the session longer."""
    shop = make_any(**COOKIES, REMEMBER_ABSOLUTE_TIMEOUT="90d")
    browser = shop.browser()
    browser.sign_in(remember=True)
    kept = browser.client.get_cookie("gosession_access")
    assert kept.max_age == 90 * 86_400
    other = shop.browser()
    other.sign_in(remember=False)
    assert other.client.get_cookie("gosession_access").max_age is None


def test_cookies(make_any):
    """Where cookies are the way, tokens come as cookies and the body has times only."""
    shop = make_any(**COOKIES)
    answer = sign_in(shop)
    assert answer.get_json().keys() == {"expires_in", "refresh_after", "session_expires_at"}
    assert cookies_of(answer) >= {"gosession_access", "gosession_csrf", "gosession_state"}


def test_cookies_or_body(make_any):
    """Where both ways are open, browsers get cookies and other clients get a body."""
    shop = make_any(**BOTH)
    assert "access_token" not in sign_in(shop).get_json()
    answer = sign_in(shop, client="ios")
    assert "access_token" in answer.get_json()
    assert cookies_of(answer) == set()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_cannot_sign_in(make_any, headers):
    """Another site cannot leave its own session in a person's browser (CSR-03)."""
    asked = []
    shop = make_any(**BOTH, verifier=lambda *given: asked.append(given))
    answer = shop.send("POST", "/auth/login", json=ADA, headers=headers)
    assert error_of(answer) == (403, "csrf_failed")
    assert asked == []
    assert cookies_of(answer) == set()


@pytest.mark.parametrize("origin", ["http://localhost", "https://localhost", "https://partner.example"])
def test_own_pages_sign_in(make_any, origin):
    """The host's own pages and trusted sites sign in."""
    shop = make_any(**COOKIES, CSRF_TRUSTED_ORIGINS=["https://partner.example"])
    assert shop.send("POST", "/auth/login", json=ADA, headers={"Origin": origin}).status_code == 200


def test_where_there_are_no_cookies_any_page_may(make_any):
    """Tokens in the body leave nothing in a browser, so a page of another origin may sign its people in."""
    answer = make_any().send("POST", "/auth/login", json=ADA, headers={"Origin": "https://app.example"})
    assert answer.status_code == 200


def test_the_old_session_ends(make_any):
    """A browser that signs in again leaves no second session behind (REV-05)."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in("bob")
    browser.sign_in("ada")
    assert shop.manager.sessions("bob") == []
    assert len(shop.manager.sessions("ada")) == 1


def test_an_async_verifier(make_any):
    """The verifier may be async."""

    async def verify(username: str, password: str) -> str | None:
        return username if password == "engine" else None

    shop = make_any(verifier=verify)
    assert sign_in(shop).status_code == 200
    assert error_of(sign_in(shop, password="wrong")) == (401, "invalid_credentials")


def test_a_verifier_that_returns_an_object(make):
    """What the verifier returns goes through the subject getter."""
    shop = make(verifier=lambda name, _password: {"id": 7, "name": name})
    shop.gosession.subject_getter(lambda user: user["id"])
    sign_in(shop)
    assert len(shop.manager.sessions(7)) == 1


def test_store_down(make_any):
    """While the store is down nobody is signed in, and no cookie says otherwise."""
    shop = make_any(**COOKIES)
    shop.store.fail("swap", 2)
    answer = sign_in(shop)
    assert error_of(answer) == (503, "store_unavailable")
    assert cookies_of(answer) == set()


def test_refusals_in_the_apps_format(make):
    """Where errors are problem+json, those of the login are too (RFC 9457), and handlers of the app are asked."""
    shop = make(ERROR_FORMAT="problem")
    for answer, status in ((sign_in(shop, password="x"), 401), (sign_in(shop, username=7), 400)):
        assert (answer.mimetype, answer.get_json()["status"]) == ("application/problem+json", status)
    shop.gosession.error_handler("invalid_credentials")(lambda error: (f"no: {error.error}", 401))
    assert sign_in(shop, password="x").get_data(as_text=True) == "no: invalid_credentials"
