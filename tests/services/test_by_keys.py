"""Services that verify access tokens by the published keys: what they accept, refuse, and survive."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest
import servers
from tokens.pairs import PAIR_OF, pair, public_pem

from flask_gosession import Claims, ids
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.types import TokenType

from .fleet import AUDIENCE, ISSUER, NODE, WITHOUT_NODE, running_fleet, start_service


def signed(*keys, audience=AUDIENCE, issuer=ISSUER, kind=TokenType.ACCESS, age=0.0, life=900.0):
    """Return a token that the issuer's own key has signed, of any age."""
    issued = int(time.time() - age)
    jti = ids.new_id()
    claims = Claims("ada", ids.new_id(), jti, kind, issued_at=issued, expires_at=int(issued + life))
    return JWTCodec(Keyring.from_config(keys), issuer=issuer, audience=audience).encode(claims)


def encoded(part) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def decoded(part: str):
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def with_claims(token: str, **claims) -> str:
    header, payload, signature = token.split(".")
    return ".".join((header, encoded({**decoded(payload), **claims}), signature))


def with_header(token: str, **header) -> str:
    first, *rest = token.split(".")
    return ".".join((encoded({**decoded(first), **header}), *rest))


def as_secret(token: str, alg: str) -> str:
    """Return the token signed anew with the public key as an HMAC secret (TOK-03)."""
    header, payload, _ = token.split(".")
    text = f"{encoded({**decoded(header), 'alg': 'HS256'})}.{payload}"
    mac = hmac.digest(public_pem(PAIR_OF[alg]).encode(), text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def refused(key, access, refresh):
    """Return what is no access token of the issuer, whose active key is *key*."""
    alg, kid = key["alg"], key["kid"]
    return {
        "nothing": None,
        "garbage": "garbage",
        "a refresh token": refresh,
        "another subject": with_claims(access, sub="root"),
        "a later end": with_claims(access, exp=int(time.time()) + 10**6),
        "no signature": access.rpartition(".")[0] + ".",
        "alg none": with_header(access, alg="none").rpartition(".")[0] + ".",
        "the public key as a secret": as_secret(access, alg),
        "another key of that name": signed(pair("ES256", kid)),
        "an unknown key": signed(pair(alg, "unknown")),
        "an invented kid": with_header(access, kid="../../dev/null"),
        "a kid of another type": with_header(access, kid=[kid]),
        "padding": access + "=",
        "expired": signed(key, age=3600),
        "not yet": signed(key, age=-3600),
        "for somebody else": signed(key, audience="another-shop"),
        "of somebody else": signed(key, issuer="https://evil.example"),
        "signed as a refresh token": signed(key, kind=TokenType.REFRESH),
        "too long": "a" * 9000,
    }


def test_tokens(issuer, by_keys):
    """A service without the store accepts the issuer's tokens and refuses whatever else there is."""
    key, tokens = pair("RS256", "first"), issuer.login()
    status, body = by_keys.me(tokens["access_token"])
    assert (status, body["sub"]) == (200, "ada")
    bad = refused(key, tokens["access_token"], tokens["refresh_token"])
    assert {name: by_keys.me(token)[0] for name, token in bad.items()} == dict.fromkeys(bad, 401)
    assert by_keys.me(signed(key))[0] == 200
    assert by_keys.me(signed(key, age=3600))[1]["error"] == "token_expired"


def test_a_revocation_is_not_seen(issuer, by_keys):
    """What the documentation says of this way: a token counts until it expires, signed out or not."""
    token = issuer.login()["access_token"]
    assert issuer.post("logout", token).status_code == 204
    assert by_keys.me(token)[0] == 200


def test_rotation(folder):
    """A key that was published as next signs without a refusal; the one before counts while it is published (KEY-03).

    That a token of the new key is verified while the issuer is down shows that the services had the key before. Who
    asks the issuer knows nothing then.
    """
    first, second = pair("RS256", "first"), pair("EdDSA", "second")
    retired = {"kid": "first", "alg": "RS256", "public_key": public_pem(PAIR_OF["RS256"]), "status": "retired"}
    with running_fleet(folder, first, {**second, "status": "next"}) as (issuer, by_keys, by_asking):
        old = issuer.login()["access_token"]
        assert {site.me(old)[0] for site in (*by_keys.values(), by_asking)} == {200}
        issuer.stop()
        issuer.start(retired, second)
        tokens = issuer.login()
        new = tokens["access_token"]
        assert decoded(new.split(".")[0])["kid"] == "second"
        assert [by_asking.me(token)[0] for token in (old, new)] == [200, 200]
        issuer.stop()
        assert by_asking.me(new) == (503, {"error": "issuer_unavailable"})
        bad = refused(second, new, tokens["refresh_token"])
        for name, site in by_keys.items():
            assert [(name, site.me(token)[0]) for token in (old, new)] == [(name, 200), (name, 200)]
            known = {what: site.me(token)[0] for what, token in bad.items() if what not in UNKNOWN_KID}
            assert known == dict.fromkeys(known, 401)


UNKNOWN_KID = {"an unknown key", "an invented kid", "a kid of another type"}
"""While the issuer is down nobody knows whether these are of a newer key."""


@pytest.mark.parametrize("name", ["by_keys.py", "by_keys.mjs"])
def test_the_issuer_was_never_there(folder, name):
    """A service that has never seen the keys says that it cannot know: 503, neither yes nor no."""
    if name.endswith("mjs") and NODE is None:
        pytest.skip(WITHOUT_NODE)
    service = start_service(name, servers.free_port(), folder)
    try:
        assert [service.me(signed(pair("EdDSA")))[0] for _ in range(2)] == [503, 503]
    finally:
        service.close()
