"""The JSON API: each status it answers with."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

ALICE = {"username": "alice", "password": "wonderland"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def login(at: FlaskClient, **more: object) -> dict[str, str]:
    answer = at.post("/auth/login", json={**ALICE, **more})
    assert answer.status_code == 200
    return answer.json


def test_login_answers_with_a_pair_of_tokens_in_the_body(client):
    """A login over the API puts both tokens into the body, none into cookies, and may not be cached."""
    answer = client.post("/auth/login", json=ALICE)
    assert answer.status_code == 200
    assert {"access_token", "refresh_token", "expires_in", "token_type"} <= set(answer.json)
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("username", ["alice", "nobody", "", "ALICE"])
def test_wrong_credentials_look_alike(client, username):
    """A wrong password and a name that nobody has get the same 401."""
    answer = client.post("/auth/login", json={"username": username, "password": "wrong"})
    assert answer.status_code == 401
    assert answer.json == {
        "error": "invalid_credentials",
        "message": "User name or password is wrong.",
        "reason": None,
    }


def test_an_unknown_user_costs_a_hash_too(client, monkeypatch):
    """A name that nobody has is checked against a hash as slow as a real one, so that time tells nothing."""
    hashes = []
    monkeypatch.setattr("example_app.users.check_password_hash", lambda hashed, _: hashes.append(hashed))
    client.post("/auth/login", json=ALICE)
    client.post("/auth/login", json={**ALICE, "username": "nobody"})
    assert [hashed.split("$")[0] for hashed in hashes] == [hashes[0].split("$")[0]] * 2


@pytest.mark.parametrize("password", ["wonderland", "builder", "overlord"])
def test_an_unknown_user_has_nobody_elses_password(client, password):
    """A name that nobody has is refused with any password, also the one it is checked against."""
    assert client.post("/auth/login", json={"username": "nobody", "password": password}).status_code == 401


BODIES = {
    "empty": b"",
    "no JSON": b"username=alice",
    "half a JSON": b'{"username": "alice"',
    "a list": b'["alice", "wonderland"]',
    "null": b"null",
    "a number": b"7",
    "no password": b'{"username": "alice"}',
    "no name": b'{"password": "wonderland"}',
    "a number as password": b'{"username": "alice", "password": 1}',
    "a list as name": b'{"username": ["alice"], "password": "wonderland"}',
    "half a character": b'{"username": "\\ud800", "password": "wonderland"}',
    "half a character as password": b'{"username": "alice", "password": "\\ud800"}',
    "no UTF-8": b'{"username": "\xff", "password": "wonderland"}',
    "deeply nested": b"[" * 60_000,
    "a number of many digits": b'{"username": ' + b"9" * 5000 + b"}",
    "client in brackets": b'{"username": "alice", "password": "wonderland", "client": "<toaster>"}',
    "every client": b'{"username": "alice", "password": "wonderland", "client": "*"}',
    "client null": b'{"username": "alice", "password": "wonderland", "client": null}',
    "client a list": b'{"username": "alice", "password": "wonderland", "client": ["web"]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_bad_body_is_told_so(client, body):
    """What cannot be a login gets 400 in the shape of every other error, never a 5xx."""
    answer = client.post("/auth/login", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["error"] == "bad_request"
    assert answer.json["message"]
    assert set(answer.json) == {"error", "message", "reason"}


def test_a_form_is_not_a_login_over_the_api(client):
    """The API takes JSON only: another site's form cannot post that."""
    assert client.post("/auth/login", data=ALICE).status_code == 400


def test_a_huge_body_is_refused(client):
    """More than 64 KiB are refused unread, in the same shape."""
    answer = client.post("/auth/login", json={**ALICE, "password": "x" * 70_000})
    assert (answer.status_code, answer.json["error"]) == (413, "bad_request")


@pytest.mark.parametrize("settings", [{"GOSESSION_CLIENT_LIMITS": {"ios": 1, "*": 5}}])
def test_client_classes_are_a_closed_list(client):
    """A client says which of the known ones it is; each is limited by its own number or by that of all others."""
    for known in ("web", "ios", "android", "desktop"):
        assert login(client, client=known)
    for unknown in ("kitchen tablet", "*", "iOS", "", "web "):
        answer = client.post("/auth/login", json={**ALICE, "client": unknown})
        assert (answer.status_code, "web, ios, android, desktop" in answer.json["message"]) == (400, True)


def test_me_shows_the_user_and_the_session(client):
    """The access token opens the user's own data and the session's."""
    pair = login(client, client="ios")
    answer = client.get("/api/me", headers=bearer(pair["access_token"]))
    assert answer.status_code == 200
    assert answer.json["user"] == {"id": 1, "username": "alice", "role": "user"}
    session = answer.json["session"]
    assert session["client"] == "ios"
    assert session["expires"] == pair["session_expires_at"]
    assert set(session) == {"sid", "client", "created", "authenticated", "expires"}


def test_the_administrator_has_the_role(client):
    """The seeded administrator is one."""
    answer = client.post("/auth/login", json={"username": "admin", "password": "overlord"})
    me = client.get("/api/me", headers=bearer(answer.json["access_token"]))
    assert me.json["user"]["role"] == "admin"


def test_me_without_a_token_is_refused(client):
    """Nothing presented: 401 with the bare challenge."""
    answer = client.get("/api/me")
    assert (answer.status_code, answer.json["error"]) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_logout_ends_the_session(client):
    """After a logout the access token and the refresh token are both told why they open nothing."""
    pair = login(client)
    answer = client.post("/auth/logout", headers=bearer(pair["access_token"]))
    assert (answer.status_code, answer.data) == (204, b"")
    for refused in (
        client.get("/api/me", headers=bearer(pair["access_token"])),
        client.post("/auth/refresh", headers=bearer(pair["refresh_token"])),
    ):
        assert refused.status_code == 401
        assert (refused.json["error"], refused.json["reason"]) == ("session_ended", "logged_out")


def test_logout_twice_is_no_error(client):
    """Logging out again, or without a token, is 204."""
    pair = login(client)
    for _ in range(2):
        assert client.post("/auth/logout", headers=bearer(pair["access_token"])).status_code == 204
    assert client.post("/auth/logout").status_code == 204


def test_refresh_gives_a_new_pair(client):
    """The refresh token buys a new pair, whose access token opens the same session."""
    pair = login(client)
    answer = client.post("/auth/refresh", headers=bearer(pair["refresh_token"]))
    assert answer.status_code == 200
    before = client.get("/api/me", headers=bearer(pair["access_token"]))
    after = client.get("/api/me", headers=bearer(answer.json["access_token"]))
    assert after.json["session"]["sid"] == before.json["session"]["sid"]
    assert answer.json["access_token"] != pair["access_token"]


def test_an_access_token_does_not_refresh(client):
    """An access token is refused where a refresh token is asked for (TOK-17)."""
    pair = login(client)
    answer = client.post("/auth/refresh", headers=bearer(pair["access_token"]))
    assert (answer.status_code, answer.json["error"]) == (401, "token_type")


@pytest.mark.parametrize("settings", [{"GOSESSION_SESSION_LIMIT": 1}])
def test_a_second_login_ends_the_first(client):
    """With a session limit of 1 the first client is told that it was replaced, and by what."""
    first, second = login(client, client="web"), login(client, client="ios")
    refused = client.get("/api/me", headers=bearer(first["access_token"]))
    assert refused.status_code == 401
    assert (refused.json["error"], refused.json["reason"]) == ("session_ended", "evicted")
    assert refused.json["client"] == "ios"
    assert client.get("/api/me", headers=bearer(second["access_token"])).status_code == 200
