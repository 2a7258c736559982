"""Whatever a request brings, the answer is a documented one: never 422, never 500, never somebody else's."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sites import make_app

from flask_gosession import GoSession

LATIN = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f\x85"), max_size=30)
ODD = st.sampled_from(
    [
        "",
        "x",
        "a.b.c",
        "Bearer",
        "Bearer x",
        "bearer a.b.c",
        "Basic eA==",
        "v1.YQ.a.b.c",
        "null",
        "[]",
        "\xff" * 9,
        "%00",
    ]
)
WORDS = st.one_of(ODD, LATIN)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
HEADERS = ["Authorization", "Cookie", "Origin", "Sec-Fetch-Site", "X-GoSession-CSRF", "Referer", "User-Agent", "Accept"]
COOKIES = ["gosession_access", "gosession_refresh", "gosession_csrf", "gosession_state"]
TARGETS = [
    ("GET", "/me"),
    ("POST", "/me"),
    ("GET", "/maybe"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/logout-all"),
    ("GET", "/auth/session"),
    ("GET", "/auth/sessions"),
    ("DELETE", "/auth/sessions/x"),
    ("POST", "/auth/revoke"),
]
ERRORS = {
    "token_missing",
    "token_malformed",
    "token_invalid",
    "token_type",
    "token_expired",
    "csrf_failed",
    "invalid_request",
    "bad_request",
}


@pytest.fixture
def site(make_any_site):
    site = make_any_site(
        TOKEN_LOCATIONS=("header", "json", "query", "cookie"), BINDING=("ip", "agent"), LOGIN_VIEW="form"
    )
    site.login("ada", cookies=False)
    return site


def is_documented(answer):
    if answer.status_code in {200, 204}:
        return True
    if answer.status_code == 303:
        return answer.headers["Location"].startswith("/form?next=")
    return answer.status_code in {400, 401, 403} and answer.json["error"] in ERRORS


@given(
    target=st.sampled_from(TARGETS),
    headers=st.dictionaries(st.sampled_from(HEADERS), WORDS, max_size=5),
    cookies=st.dictionaries(st.sampled_from(COOKIES), LATIN, max_size=3),
    query=st.dictionaries(st.sampled_from(["access_token", "next", "token", "gosession_csrf"]), st.text(max_size=9)),
    body=JSON,
)
@example(target=TARGETS[1], headers={"Cookie": "gosession_access=\xff"}, cookies={}, query={}, body={"access_token": 7})
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_request_gets_a_documented_answer(site, target, headers, cookies, query, body):
    """Odd headers, cookies, queries and bodies, alone and together, on each endpoint: nobody is signed in by them."""
    method, path = target
    if cookies:
        headers = {**headers, "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    client = site.app.test_client(use_cookies=False)
    answer = client.open(path, method=method, headers=headers, query_string=query, json=body)
    assert is_documented(answer), (answer.status_code, answer.text)
    if path == "/maybe" and answer.status_code == 200:
        assert answer.json == {"sub": None}
    assert len(site.manager.sessions("ada")) == 1


@pytest.fixture
def signing_in(any_store, token_mode, clock):
    app = make_app(STORE=any_store, TOKEN_MODE=token_mode, SESSION_LIMIT=3)
    gosession = GoSession(app, clock=clock)
    gosession.credential_verifier(lambda username, password: "ada" if password else None)
    app.register_blueprint(gosession.blueprint())
    return app


@given(body=st.one_of(JSON, st.fixed_dictionaries({"username": JSON, "password": JSON}, optional={"client": JSON})))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_login_body_gets_a_documented_answer(signing_in, body):
    """Whatever the login endpoint is sent, it answers 200, 400 or 401."""
    answer = signing_in.test_client(use_cookies=False).post("/auth/login", json=body)
    assert answer.status_code in {200, 400, 401}, answer.text
    if answer.status_code != 200:
        assert answer.json["error"] in {"bad_request", "invalid_credentials"}
