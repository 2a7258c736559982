"""A service that asks the issuer about each token: a revocation counts at once."""

from __future__ import annotations

import pytest


def test_a_revocation_is_seen_at_once(fleet):
    """The first request after the sign-out was answered is refused, and other sessions go on (REV-01)."""
    issuer, service = fleet.issuer, fleet.by_asking
    token, other = issuer.login()["access_token"], issuer.login()["access_token"]
    status, body = service.me(token)
    assert (status, body["sub"]) == (200, "ada")
    assert issuer.post("logout", token).status_code == 204
    assert service.me(token) == (401, {"error": "token_invalid"})
    assert service.me(other)[0] == 200
    assert issuer.post("logout-all", other).json()["ended"] >= 1
    assert service.me(other)[0] == 401


def test_only_access_tokens(fleet):
    """A refresh token, which is active, and garbage, which is not, open nothing (TOK-17)."""
    for token in (fleet.issuer.login()["refresh_token"], "garbage", None):
        assert fleet.by_asking.me(token)[0] == 401


@pytest.mark.parametrize("auth", [None, ("by-asking", "guessed")], ids=["nobody", "guessed"])
def test_a_service_that_is_not_known(fleet, auth):
    """The issuer tells nothing to whoever does not have the services' secret."""
    token = fleet.issuer.login()["access_token"]
    answer = fleet.issuer.http.post("/auth/introspect", data={"token": token}, auth=auth)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
