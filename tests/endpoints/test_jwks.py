"""GET /jwks.json: the public keys, and only those."""

from __future__ import annotations

from secrets import token_urlsafe

import pytest
from tokens.pairs import PAIR_OF, pair, private_pem, public_pem

PUBLIC = {
    "RS256": {"kty", "n", "e"},
    "ES256": {"kty", "crv", "x", "y"},
    "EdDSA": {"kty", "crv", "x"},
}
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


@pytest.mark.parametrize("alg", PUBLIC)
def test_public_members_only(make, alg):
    """Each kind of key is published by its public members, with kid, alg and use (RFC 7517, RFC 8037)."""
    answer = make(KEYS=[pair(alg)]).send("GET", "/auth/jwks.json")
    (key,) = answer.get_json()["keys"]
    assert answer.status_code == 200
    assert key.keys() == PUBLIC[alg] | {"kid", "alg", "use"}
    assert (key["kid"], key["alg"], key["use"]) == ("a", alg, "sig")
    assert not key.keys() & PRIVATE


def test_no_private_key_in_the_text(make):
    """No part of the private key stands in the answer in any way."""
    text = make(KEYS=[pair("RS256")]).send("GET", "/auth/jwks.json").get_data(as_text=True)
    assert "PRIVATE" not in text
    assert not any(line in text for line in private_pem(PAIR_OF["RS256"]).splitlines()[1:-1] if len(line) > 20)


def test_next_active_and_retired(make):
    """A key is published before it signs and while anything it signed may live (KEY-03)."""
    retired = {"kid": "old", "alg": "RS256", "public_key": public_pem(PAIR_OF["RS256"]), "status": "retired"}
    keys = [retired, pair("ES256", "now"), pair("EdDSA", "soon", "next")]
    answer = make(KEYS=keys).send("GET", "/auth/jwks.json")
    assert [key["kid"] for key in answer.get_json()["keys"]] == ["soon", "now", "old"]


@pytest.mark.parametrize(
    "config",
    [{}, {"KEYS": [{"kid": "a", "alg": "HS256", "secret": token_urlsafe(48), "status": "active"}]}],
    ids=["derived", "given"],
)
def test_secrets_are_not_published(make, config):
    """Where tokens are signed with secrets there is nothing to publish, and that is an answer."""
    answer = make(**config).send("GET", "/auth/jwks.json")
    assert (answer.status_code, answer.get_json()) == (200, {"keys": []})


def test_opaque_tokens_have_no_keys(make):
    """Where tokens are opaque there is nothing to publish either."""
    assert make(TOKEN_MODE="opaque").send("GET", "/auth/jwks.json").get_json() == {"keys": []}


def test_may_be_cached(make):
    """The answer is the same for all and may be kept for five minutes, without a look at the store."""
    shop = make(KEYS=[pair("EdDSA")])
    answer = shop.send("GET", "/auth/jwks.json")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in answer.headers
    assert shop.store.calls == []
