"""Signing in by cookies: another site cannot put its own account into somebody's browser."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_gosession import GoSession

OWN = "http://localhost"


@pytest.fixture
def client(clock):
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="not a secret, for tests only",
        GOSESSION_TOKEN_LOCATIONS=("header", "cookie"),
        GOSESSION_CSRF_TRUSTED_ORIGINS=("https://id.example",),
    )
    gosession = GoSession(app, clock=clock)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        gosession.login_user("alice")
        return "", 204

    @app.post("/token")
    def token():
        return gosession.login_user("alice", cookies=False).to_dict()

    app.add_url_rule("/me", "me", gosession.login_required(lambda: ""))

    with app.test_client() as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"Origin": OWN, "Sec-Fetch-Site": "same-origin"}, 204),
        ({"Origin": "https://id.example", "Sec-Fetch-Site": "cross-site"}, 204),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_sign_in_by_cookies_comes_from_the_own_pages(client, headers, status):
    """CSR-03: a form of another site signs nobody in, unless that site is on the allow-list."""
    answer = client.post("/login", headers=headers)
    assert answer.status_code == status
    assert bool(answer.headers.getlist("Set-Cookie")) is (status == 204)


def test_coming_back_from_an_identity_provider_is_no_forgery(client):
    """A redirect back is a GET from elsewhere; the app checks its own state there."""
    answer = client.get("/login", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 204


def test_tokens_in_the_body_need_no_origin(client):
    """A page of another site cannot read the answer, so there is nothing to forge."""
    assert client.post("/token", headers={"Origin": "https://evil.example"}).status_code == 200


def test_another_site_ends_no_session_by_a_sign_in(client):
    """CSR-01: tokens in the body end the session of the cookies that came along, so then the origin counts, too."""
    client.post("/login")
    before = client.get_cookie("gosession_access").value
    assert client.post("/token", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.get("/me", headers={"Authorization": f"Bearer {before}"}).status_code == 200
    assert client.post("/token", headers={"Origin": OWN}).status_code == 200
    assert client.get("/me", headers={"Authorization": f"Bearer {before}"}).status_code == 401
