"""Bad input, one example of each class, by header through a real app: the right 401, and no look at the store."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sites import make_app
from tokens.forging import Forge

from flask_gosession import ids


class Workshop:
    """Makes tokens of a live session with one thing wrong about them."""

    def __init__(self, shop):
        self.shop = shop
        self.pair = shop.pair()
        self.forge = Forge(shop.codec.keyring)
        self.head, self.payload, self.mac = self.pair.access_token.split(".")

    def signed(self, header=None, **claims):
        """Return a validly signed token of the session's claims, with *claims*; ``...`` leaves one out."""
        return self.forge.sign(self.body(**claims), header)

    def body(self, **claims):
        own = json.loads(ids_of(self.payload))
        return {name: value for name, value in {**own, **claims}.items() if value is not ...}

    def header(self, **changes):
        return self.signed(self.forge.header(**changes))

    def unsigned(self, alg, mac=""):
        return f"{text_of(json.dumps(self.forge.header(alg=alg)).encode())}.{self.payload}.{mac}"


def ids_of(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text_of(raw):
    return ids.to_text(raw)


@pytest.fixture
def workshop(shop, store, monkeypatch):
    """Return a workshop whose app may use no network (TOK-04)."""
    made = Workshop(shop)
    assert shop.get(made.signed()).status_code == 200
    store.calls.clear()
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was made"))
    return made


RAW_HEADER = b'{"alg":"HS256","kid":"%s","typ":"at+jwt"}'


def raw(workshop, text):
    """Return a token whose header is exactly those bytes, %s being the kid."""
    return workshop.signed(text % workshop.forge.header()["kid"].encode())


BEFORE_THE_STORE = {
    "TOK-02 alg none": (lambda w: w.header(alg="none"), "token_invalid"),
    "TOK-02 alg NoNe": (lambda w: w.header(alg="NoNe"), "token_invalid"),
    "TOK-02 alg none, unsigned": (lambda w: w.unsigned("none"), "token_malformed"),
    "TOK-02 alg none, old signature": (lambda w: w.unsigned("none", w.mac), "token_invalid"),
    "TOK-02 alg list": (lambda w: w.header(alg=["HS256"]), "token_malformed"),
    "TOK-01 alg HS512": (lambda w: w.header(alg="HS512"), "token_invalid"),
    "TOK-01 alg missing": (lambda w: w.header(alg=...), "token_malformed"),
    "TOK-06 signature empty": (lambda w: f"{w.head}.{w.payload}.", "token_malformed"),
    # Of the 43 characters 41 stand for no bytes at all, whatever they are, and 40 for thirty.
    "TOK-06 signature truncated": (lambda w: f"{w.head}.{w.payload}.{w.mac[:41]}", "token_malformed"),
    "TOK-06 signature truncated to whole bytes": (lambda w: f"{w.head}.{w.payload}.{w.mac[:40]}", "token_invalid"),
    "TOK-06 signature padded": (lambda w: f"{w.pair.access_token}=", "token_malformed"),
    "TOK-06 signature of another": (lambda w: f"{w.head}.{w.payload}.{w.forge.mac('x.y')}", "token_invalid"),
    "TOK-06 two segments": (lambda w: f"{w.head}.{w.payload}", "token_malformed"),
    "TOK-06 NUL": (lambda w: f"{w.pair.access_token}%00", "token_malformed"),
    "TOK-07 five segments": (lambda w: f"{w.pair.access_token}.a.b", "token_malformed"),
    "TOK-07 flattened JSON": (
        lambda w: json.dumps({"payload": w.payload, "protected": w.head, "signature": w.mac}, separators=(",", ":")),
        "token_malformed",
    ),
    "TOK-07 zip": (lambda w: w.header(zip="DEF"), "token_malformed"),
    "TOK-07 b64 false": (lambda w: w.header(b64=False), "token_malformed"),
    "TOK-04 embedded jwk": (lambda w: w.header(jwk={"kty": "oct", "k": "AAAA"}), "token_malformed"),
    "TOK-04 jku": (lambda w: w.header(jku="http://127.0.0.1:1/keys"), "token_malformed"),
    "TOK-05 kid path": (lambda w: w.header(kid="../../dev/null"), "token_invalid"),
    "TOK-05 kid SQL": (lambda w: w.header(kid="' OR 1=1 --"), "token_invalid"),
    "TOK-05 kid URL": (lambda w: w.header(kid="http://127.0.0.1:1/key"), "token_invalid"),
    "TOK-05 kid list": (lambda w: w.header(kid=["k"]), "token_malformed"),
    "TOK-05 kid of 1 MB": (lambda w: w.header(kid="k" * 1_000_000), "token_malformed"),
    "TOK-08 crit empty": (lambda w: w.header(crit=[]), "token_malformed"),
    "TOK-08 crit text": (lambda w: w.header(crit="exp"), "token_malformed"),
    "TOK-09 byte order mark": (lambda w: raw(w, b"\xef\xbb\xbf" + RAW_HEADER), "token_malformed"),
    "TOK-09 duplicate alg": (lambda w: raw(w, b'{"alg":"none",' + RAW_HEADER[1:]), "token_malformed"),
    "TOK-09 trailing bytes": (lambda w: raw(w, RAW_HEADER + b"{}"), "token_malformed"),
    "TOK-09 payload list": (lambda w: w.forge.sign([1]), "token_invalid"),
    "TOK-09 payload deep": (lambda w: w.signed(x=json.loads("[" * 40 + "]" * 40)), "token_invalid"),
    "TOK-11 exp text": (lambda w: w.signed(exp="9999999999"), "token_invalid"),
    "TOK-11 exp float": (lambda w: w.signed(exp=9e9), "token_invalid"),
    "TOK-11 exp true": (lambda w: w.signed(exp=True), "token_invalid"),
    "TOK-11 exp 1e400": (
        lambda w: w.forge.sign(json.dumps(w.body(exp=0)).replace('"exp": 0', '"exp": 1e400').encode()),
        "token_invalid",
    ),
    "TOK-11 exp negative": (lambda w: w.signed(exp=-1), "token_invalid"),
    "TOK-11 exp missing": (lambda w: w.signed(exp=...), "token_invalid"),
    "TOK-11 exp null": (lambda w: w.signed(exp=None), "token_invalid"),
    "TOK-11 exp in 10 years": (lambda w: w.signed(exp=int(w.shop.clock()) + 3650 * 86_400), "token_invalid"),
    "TOK-11 exp past": (lambda w: w.signed(iat=1, exp=2), "token_expired"),
    "TOK-11 iat in the future": (
        lambda w: w.signed(iat=int(w.shop.clock()) + 60, exp=int(w.shop.clock()) + 900),
        "token_invalid",
    ),
    "TOK-13 aud of another": (lambda w: w.signed(aud="admin"), "token_invalid"),
    "TOK-13 aud prefix": (lambda w: w.signed(aud="default2"), "token_invalid"),
    "TOK-13 aud empty": (lambda w: w.signed(aud=[]), "token_invalid"),
    "TOK-13 iss though none is configured": (lambda w: w.signed(iss="x"), "token_invalid"),
    "TOK-15 jti missing": (lambda w: w.signed(jti=...), "token_invalid"),
    "TOK-15 jti empty": (lambda w: w.signed(jti=""), "token_invalid"),
    "TOK-15 jti list": (lambda w: w.signed(jti=["a"]), "token_invalid"),
    "TOK-15 sid short": (lambda w: w.signed(sid="abc"), "token_invalid"),
    "TOK-15 sub number": (lambda w: w.signed(sub=7), "token_invalid"),
    "TOK-17 refresh token": (lambda w: w.pair.refresh_token, "token_type"),
    "TOK-17 refresh typ by the access key": (lambda w: w.header(typ="rt+jwt"), "token_invalid"),
    "TOK-17 typ JWT": (lambda w: w.header(typ="JWT"), "token_invalid"),
}


@pytest.mark.parametrize(("make_token", "error"), BEFORE_THE_STORE.values(), ids=BEFORE_THE_STORE)
def test_refused_before_the_store(workshop, store, make_token, error):
    """TOK-01 to TOK-20: what is wrong about a token is found without the store, and without any connection."""
    answer = workshop.shop.get(make_token(workshop))
    assert (answer.status_code, answer.json["error"]) == (401, error)
    assert store.calls == []


SIGNED_BUT_UNKNOWN = {
    "TOK-16 unknown jti": (lambda w: w.signed(jti=ids.to_text(ids.new_id())), "token_rotated"),
    "TOK-16 unknown sid": (lambda w: w.signed(sid=ids.to_text(ids.new_id())), "session_ended"),
    "TOK-16 another subject": (lambda w: w.signed(sub="bob"), "session_ended"),
    "TOK-16 refresh jti": (
        lambda w: w.signed(jti=json.loads(ids_of(w.pair.refresh_token.split(".")[1]))["jti"]),
        "token_rotated",
    ),
}


@pytest.mark.parametrize(("make_token", "error"), SIGNED_BUT_UNKNOWN.values(), ids=SIGNED_BUT_UNKNOWN)
def test_a_stolen_key_alone_opens_nothing(workshop, store, make_token, error):
    """TOK-16: a valid signature over what is not in the record is refused, after one look."""
    answer = workshop.shop.get(make_token(workshop))
    assert (answer.status_code, answer.json["error"]) == (401, error)
    assert [call.verb for call in store.calls] == ["load"]


def test_three_kilobytes_are_fine(workshop):
    """TOK-10: a large token within the limit is one like any other."""
    token = workshop.shop.pair("bob", claims={"text": "x" * 3000}).access_token
    assert workshop.shop.get(token).json["sub"] == "bob"


def test_eight_megabytes_cost_no_time(workshop, store):
    """TOK-10: refusing is linear in time: 8 MB take nowhere near what parsing them would."""
    token = workshop.signed(x="x" * 8_000_000)
    begun = time.perf_counter()
    answer = workshop.shop.get(token)
    took = time.perf_counter() - begun
    assert (answer.status_code, answer.json["error"], store.calls) == (401, "token_malformed", [])
    assert took < 3.0


AUTHORIZATIONS = {
    "tab": ("Bearer\t{}", "token_malformed"),
    "glued": ("Bearer{}", "token_malformed"),
    "empty": ("Bearer", "token_malformed"),
    "blank": ("Bearer ", "token_malformed"),
    "two tokens": ("Bearer {} {}", "token_malformed"),
    "two schemes": ("Bearer {}, Bearer {}", "token_malformed"),
    "parameter": ("Bearer token={}", "token_malformed"),
    "quoted": ('Bearer "{}"', "token_malformed"),
    "not ASCII": ("Bearer \xe9{}", "token_malformed"),
    "bearer of another": ("Bearers {}", "token_malformed"),
    "colon": ("Bearer: {}", "token_malformed"),
    "Basic": ("Basic {}", "token_missing"),
    "Token": ("Token {}", "token_missing"),
    "no scheme": ("{}", "token_missing"),
    "nothing": ("", "token_missing"),
}


@pytest.mark.parametrize(("value", "error"), AUTHORIZATIONS.values(), ids=AUTHORIZATIONS)
def test_odd_authorization_headers(workshop, store, value, error):
    """HTT-03: only the scheme Bearer, a space and one token are taken; another scheme is not ours to judge."""
    header = {"Authorization": value.format(workshop.pair.access_token, workshop.pair.access_token)}
    answer = workshop.shop.get(None, headers=header)
    assert (answer.status_code, answer.json["error"]) == (401, error)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (answer.headers["WWW-Authenticate"] == "Bearer") == (error == "token_missing")
    assert store.calls == []


@pytest.mark.parametrize("others", [0, 1], ids=["good first", "good last"])
def test_two_authorization_headers(workshop, store, others):
    """Two headers are one client too many: refused, whichever of them is good."""
    values = [f"Bearer {workshop.pair.access_token}", "Bearer other"]
    client = workshop.shop.app.test_client()
    answer = client.get("/me", headers=[("Authorization", value) for value in (values[::-1] if others else values)])
    assert (answer.status_code, answer.json["error"]) == (401, "token_malformed")
    assert store.calls == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
def test_the_scheme_in_any_case(workshop, scheme):
    """HTT-03: the scheme is not case-sensitive, and more than one space may follow it (RFC 9110 section 11.4)."""
    header = {"Authorization": f"{scheme} {workshop.pair.access_token}"}
    assert workshop.shop.get(None, headers=header).status_code == 200


@pytest.fixture(scope="module")
def private_key():
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key, key.private_bytes(serialization.Encoding.PEM, *form).decode()


@pytest.fixture
def rsa_shop(make, private_key):
    keys = [{"kid": "k1", "alg": "RS256", "private_key": private_key[1], "status": "active"}]
    return make(make_app(), KEYS=keys)


def test_the_public_key_is_no_secret(rsa_shop, private_key, store):
    """TOK-03: an HS256 signature made with the server's public key, in any of its forms, is worth nothing."""
    _, payload, _ = rsa_shop.pair().access_token.split(".")
    store.calls.clear()
    public = private_key[0].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, pem.strip(), der, pem.replace(b"\n", b"\r\n"), base64.b64encode(der)):
        text = f"{text_of(RAW_HEADER % b'k1')}.{payload}"
        answer = rsa_shop.get(f"{text}.{text_of(hmac.digest(secret, text.encode(), 'sha256'))}")
        assert (answer.status_code, answer.json["error"]) == (401, "token_invalid")
    assert store.calls == []


def test_another_algorithm_of_the_family(rsa_shop, store):
    """TOK-01: RS256 turned into RS384 with the signature kept is refused, and so is the right one's MAC of another."""
    head, payload, signature = rsa_shop.pair().access_token.split(".")
    store.calls.clear()
    for alg in ("RS384", "PS256", "ES256"):
        header = text_of(json.dumps({**json.loads(ids_of(head)), "alg": alg}).encode())
        answer = rsa_shop.get(f"{header}.{payload}.{signature}")
        assert (answer.status_code, answer.json["error"]) == (401, "token_invalid")
    assert store.calls == []
