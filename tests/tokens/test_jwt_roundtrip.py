"""What is put into a JWT comes out of it, for as long as it holds, and nothing reserved can be overwritten."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_gosession import ids
from flask_gosession.errors import ConfigError, TokenExpired, TokenInvalid, TokenTypeError
from flask_gosession.tokens.jwt import RESERVED_CLAIMS, JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.types import Codec, TokenType

from .forging import JTI, NOW, SECRET, SID, Forge, body, claims

CODEC = JWTCodec(Keyring.from_secret(SECRET), issuer="https://id.example", audience="admin")

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
numbers = st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
own_claims = st.dictionaries(texts.filter(lambda name: name not in {*RESERVED_CLAIMS, "par"}), plain, max_size=4)


def as_read(codec, told):
    """Return *told* with what only reading a token adds: who has issued it, for whom, and its header."""
    token = codec.encode(told)
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return msgspec.structs.replace(told, issuer=payload.get("iss"), audience=(payload["aud"],), header=header)


@given(
    subject=texts,
    sid=st.binary(min_size=16, max_size=16),
    jti=st.binary(min_size=16, max_size=16),
    kind=st.sampled_from(TokenType),
    gen=st.integers(0, 10**9),
    lifetime=st.integers(0, 180 * 86_400),
    auth_time=st.integers(0, NOW),
    client=texts | st.just(""),
    extra=own_claims,
)
def test_round_trip(subject, sid, jti, kind, gen, lifetime, auth_time, client, extra):
    """Any claims come back as they were, the app's own among them."""
    told = claims(
        subject=subject,
        sid=sid,
        jti=jti,
        type=kind,
        gen=gen,
        expires_at=NOW + lifetime,
        auth_time=auth_time,
        client=client,
        extra=extra,
    )
    assert CODEC.decode(CODEC.encode(told), kind, NOW) == as_read(CODEC, told)


def test_it_is_a_codec(codec):
    """The codec fits the protocol that the session manager asks for."""
    fitting: Codec = codec
    assert fitting.dated


def test_ids_are_random(codec):
    """Each jti of a pair has 128 random bits of its own (TOK-15)."""
    seeds = codec.seed(), codec.seed()
    pairs = [codec.pair_ids(b"", None, seed) for seed in (*seeds, seeds[0])]
    assert pairs[0] == pairs[2]
    drawn = {jti for pair in pairs for jti in (pair.access, pair.refresh)}
    assert (len(drawn), {len(jti) for jti in drawn}) == (4, {16})
    assert {pair.salt for pair in pairs} == {b""}


def test_only_a_refresh_token_names_its_parent(codec):
    """A refresh token says which one it follows; in an access token the name is the app's."""
    told = claims(type=TokenType.REFRESH, parent=SID)
    assert codec.decode(codec.encode(told), TokenType.REFRESH, NOW) == as_read(codec, told)
    own = claims(extra={"par": "of the app"}, parent=SID)
    assert codec.decode(codec.encode(own), TokenType.ACCESS, NOW) == as_read(codec, claims(extra={"par": "of the app"}))


@pytest.mark.parametrize("parent", ["", "x", 7, [], "A" * 21 + "B"])
def test_another_parent_is_no_parent(forge, codec, parent):
    """A refresh token whose parent is not a jti is not ours."""
    with pytest.raises(TokenInvalid):
        codec.decode(forge.sign(body(par=parent), use="refresh"), TokenType.REFRESH, NOW)


def test_issuer_audience_and_header_are_told(forge, codec):
    """TOK-13: claims say who has issued the token and for whom, one or several, and what its header says."""
    assert CODEC.decode(CODEC.encode(claims()), TokenType.ACCESS, NOW).issuer == "https://id.example"
    told = codec.decode(forge.sign(body(aud=["other", "default"])), TokenType.ACCESS, NOW)
    assert (told.issuer, told.audience) == (None, ("other", "default"))
    assert told.header == {"alg": "HS256", "kid": codec.keyring.signer("access").kid, "typ": "at+jwt"}
    with pytest.raises(TypeError):
        told.header["typ"] = "rt+jwt"  # the verified token is remembered: nobody may change what it says


def test_a_second_credential_is_of_its_own_type(codec):
    """TOK-17: a remember token serves neither as an access token nor as a refresh token, nor they as one."""
    for kind in TokenType:
        token = codec.encode(claims(type=kind))
        assert codec.decode(token, kind, NOW).type is kind
        for other in set(TokenType) - {kind}:
            with pytest.raises(TokenTypeError):
                codec.decode(token, other, NOW)


def test_header_and_claims_on_the_wire():
    """The header has typ, alg and kid, the payload the standard names of claims."""
    header, payload = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in CODEC.encode(claims()).split(".")[:2]
    )
    assert header == {"alg": "HS256", "kid": CODEC.keyring.signer("access").kid, "typ": "at+jwt"}
    assert payload == {
        **body(aud="admin", iss="https://id.example"),
        "auth_time": NOW - 5,
        "client": "web",
    }


def test_ids_have_the_text_that_tokens_have():
    """`sid_text`, `jti_text` and `parent_text` are what stands in the token; without a parent there is no text."""
    told = claims(type=TokenType.REFRESH, parent=bytes(16))
    payload = json.loads(base64.urlsafe_b64decode(CODEC.encode(told).split(".")[1] + "=="))
    assert (told.sid_text, told.jti_text, told.parent_text) == (payload["sid"], payload["jti"], payload["par"])
    assert claims().parent_text is None


@pytest.mark.parametrize("name", sorted(RESERVED_CLAIMS - {"act"}))
def test_reserved_claims_cannot_be_overwritten(codec, name):
    """An app's own claim with a reserved name is refused, and named."""
    with pytest.raises(ValueError, match=f"claims {name} are reserved"):
        codec.encode(claims(extra={name: 1}))


def test_actor_goes_through_extra(codec):
    """An actor is put in as a dict with its sub, and comes back in the same place."""
    told = claims(extra={"act": {"sub": "admin", "sid": ids.to_text(JTI)}})
    assert codec.decode(codec.encode(told), TokenType.ACCESS, NOW).extra == told.extra


@pytest.mark.parametrize("act", ["admin", {}, {"sub": ""}, {"sub": 1}, {"sub": "a", "sid": 1}, None])
def test_odd_actors_are_refused(codec, forge, act):
    """An actor without a textual sub is refused when written and when read."""
    with pytest.raises(ValueError, match="act"):
        codec.encode(claims(extra={"act": act}))
    with pytest.raises(TokenInvalid):
        codec.decode(forge.sign(body(act=act)), TokenType.ACCESS, NOW)


@pytest.mark.parametrize(
    "extra",
    [{"a": float("nan")}, {"a": {1, 2}}, {"a": "\ud800"}, {"a": 10**30}, {1: "a"}, {"a": {1: "x", "1": "y"}}],
)
def test_what_is_not_plain_json_is_refused_at_issue(codec, extra):
    """Own claims that could not be read back the same are a ValueError at the login, not a 401 afterwards."""
    with pytest.raises(ValueError, match=r"JSON|claims"):
        codec.encode(claims(extra=extra))


def test_deep_claims_are_refused_at_issue(codec):
    """Own claims nested a thousand deep are a ValueError, whatever the recursion limit."""
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="JSON"):
        codec.encode(claims(extra={"a": deep}))


@pytest.mark.parametrize(
    "changes", [{"expires_at": NOW + 181 * 86_400}, {"expires_at": NOW - 1}, {"subject": ""}, {"gen": -1}]
)
def test_what_would_never_verify_is_not_issued(codec, changes):
    """A token that no verifier of ours would accept is a ValueError at issue."""
    with pytest.raises(ValueError, match="cannot be put into a token"):
        codec.encode(claims(**changes))


def test_too_large_a_token_is_not_issued(codec):
    """A token longer than the limit of decode is a ValueError that names both sizes (TOK-10)."""
    with pytest.raises(ValueError, match="at most 8192"):
        codec.encode(claims(extra={"a": "x" * 8000}))


@pytest.mark.parametrize(("late", "outcome"), [(0, None), (9.999, None), (10, TokenExpired), (1e9, TokenExpired)])
def test_the_end_is_exp_plus_leeway(codec, late, outcome):
    """A token holds until exp + leeway, that instant excluded (TOK-11)."""
    token = codec.encode(claims())
    now = NOW + 900 + late
    if outcome is None:
        assert codec.decode(token, TokenType.ACCESS, now).subject == "u1"
        return
    with pytest.raises(outcome):
        codec.decode(token, TokenType.ACCESS, now)


def test_allow_expired_waives_the_end_alone(codec):
    """With allow_expired a token long past its end is read, but none of the other type and none before its start."""
    token = codec.encode(claims())
    assert codec.decode(token, TokenType.ACCESS, NOW + 10**9, allow_expired=True).sid == claims().sid
    with pytest.raises(TokenTypeError):
        codec.decode(token, TokenType.REFRESH, NOW + 10**9, allow_expired=True)
    with pytest.raises(TokenInvalid):
        codec.decode(token, TokenType.ACCESS, NOW - 11, allow_expired=True)


def test_allow_early_waives_the_beginning_alone(codec):
    """With allow_early a token from before its start is read, but none past its end."""
    token = codec.encode(claims())
    assert codec.decode(token, TokenType.ACCESS, NOW - 11, allow_early=True).sid == claims().sid
    with pytest.raises(TokenExpired):
        codec.decode(token, TokenType.ACCESS, NOW + 10**9, allow_early=True)


@pytest.mark.parametrize("early", [0, 10])
def test_the_start_is_iat_minus_leeway(codec, early):
    """A token from a clock up to the leeway ahead is accepted, one from further ahead is not (TOK-11)."""
    token = codec.encode(claims())
    assert codec.decode(token, TokenType.ACCESS, NOW - early).issued_at == NOW
    with pytest.raises(TokenInvalid):
        codec.decode(token, TokenType.ACCESS, NOW - 10.5)


def test_not_before_is_honoured(codec, forge):
    """A signed nbf in the future holds the token back, one in the past does not (TOK-11)."""
    token = forge.sign(body(nbf=NOW + 60))
    with pytest.raises(TokenInvalid):
        codec.decode(token, TokenType.ACCESS, NOW)
    assert codec.decode(token, TokenType.ACCESS, NOW + 60).subject == "u1"


@pytest.mark.parametrize("kind", list(TokenType))
def test_one_type_never_serves_as_the_other(codec, kind):
    """An access token is no refresh token, nor the other way round (TOK-17)."""
    other = TokenType.REFRESH if kind is TokenType.ACCESS else TokenType.ACCESS
    with pytest.raises(TokenTypeError):
        codec.decode(codec.encode(claims(type=kind)), other, NOW)


def test_derived_keys_bind_the_type(codec, forge):
    """A refresh token signed with the derived key of access tokens is refused (KEY-04, TOK-17)."""
    token = forge.sign(body(), forge.header(use="refresh"))
    with pytest.raises(TokenInvalid):
        codec.decode(token, TokenType.REFRESH, NOW)


def test_remembered_claims_cannot_be_changed_by_a_caller(codec):
    """What a view does to the claims it was given is not seen by the next request of the same token."""
    token = codec.encode(claims(extra={"roles": ["user"], "deep": {"a": 1}}))
    first = codec.decode(token, TokenType.ACCESS, NOW)
    first.extra["roles"].append("admin")
    first.extra["deep"]["a"] = 2
    assert codec.decode(token, TokenType.ACCESS, NOW).extra == {"roles": ["user"], "deep": {"a": 1}}


def test_a_remembered_token_still_expires(codec):
    """A token seen before is refused at its end: the times are checked on every use."""
    token = codec.encode(claims())
    codec.decode(token, TokenType.ACCESS, NOW)
    with pytest.raises(TokenExpired):
        codec.decode(token, TokenType.ACCESS, NOW + 910)
    with pytest.raises(TokenTypeError):
        codec.decode(token, TokenType.REFRESH, NOW)


def test_what_is_remembered_is_bounded(keyring):
    """The cache of verified tokens never grows beyond its size, and refused tokens are not in it."""
    codec = JWTCodec(keyring, cache_size=2)
    for number in range(5):
        codec.decode(codec.encode(claims(jti=bytes([number]) * 16)), TokenType.ACCESS, NOW)
    with pytest.raises(TokenInvalid):
        codec.decode(Forge(Keyring.from_secret(SECRET[::-1])).sign(body()), TokenType.ACCESS, NOW)
    assert codec._verified.cache_info().currsize == 2


def test_a_realm_does_not_accept_the_tokens_of_another():
    """The realm's name is in every derived key, so even the same audience does not help (KEY-04)."""
    user, admin = (JWTCodec(Keyring.from_secret(SECRET, realm=realm)) for realm in ("user", "admin"))
    with pytest.raises(TokenInvalid):
        admin.decode(user.encode(claims()), TokenType.ACCESS, NOW)


def test_a_token_of_a_fallback_secret_is_accepted(codec):
    """After SECRET_KEY was changed, tokens of the former one hold as long as it is a fallback (KEY-03)."""
    token, newer = codec.encode(claims()), SECRET[::-1]
    rotated = JWTCodec(Keyring.from_secret(newer, [SECRET]))
    assert rotated.decode(token, TokenType.ACCESS, NOW).subject == "u1"
    assert rotated.encode(claims()) == JWTCodec(Keyring.from_secret(newer)).encode(claims())
    with pytest.raises(TokenInvalid):
        JWTCodec(Keyring.from_secret(newer)).decode(token, TokenType.ACCESS, NOW)


def test_a_ring_without_an_active_key_cannot_sign():
    """Encoding with a keyring that only verifies says so."""
    with pytest.raises(ConfigError, match="not sign"):
        JWTCodec(Keyring([])).encode(claims())
