"""Whatever is not exactly one of our tokens is refused, with an error of the documented family and nothing else."""

from __future__ import annotations

import base64
import json
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_gosession import ids
from flask_gosession.errors import TokenExpired, TokenInvalid, TokenMalformed, TokenTypeError
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.types import TokenType

from .forging import JTI, NOW, SECRET, Forge, as_json, body, claims

FAMILY = (TokenMalformed, TokenInvalid, TokenTypeError, TokenExpired)
KEYRING = Keyring.from_secret(SECRET)
CODEC = JWTCodec(KEYRING)
FORGE = Forge(KEYRING)
GOOD = CODEC.encode(claims())
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")
ISSUED = JWTCodec(KEYRING, issuer="https://id.example")


def refused(token: object, outcome: type[Exception] = TokenMalformed, codec: JWTCodec = CODEC) -> None:
    with pytest.raises(FAMILY) as caught:
        codec.decode(token, TokenType.ACCESS, NOW)  # type: ignore[arg-type]  # wrong on purpose
    assert isinstance(caught.value, outcome)  # the four have no common class below AuthError


def test_the_forge_makes_good_tokens():
    """The hand-made token that every attack here starts from is accepted: each is refused for what it changes."""
    assert CODEC.decode(FORGE.sign(body()), TokenType.ACCESS, NOW).subject == "u1"
    assert CODEC.decode(FORGE.sign(body(), use="refresh"), TokenType.REFRESH, NOW).subject == "u1"


class Liar(str):
    """A text that lies about its length."""

    __slots__ = ()

    def __len__(self) -> int:
        return 10


@pytest.mark.parametrize(
    "token",
    [None, b"", GOOD.encode(), 7, True, 1.5, [], [GOOD], {}, object(), Liar(GOOD), ("a", "b", "c")],
    ids=lambda token: type(token).__name__,
)
def test_what_is_no_text_is_malformed(token):
    """Bytes, None and any other object are refused as malformed (TOK-20)."""
    refused(token)


SHAPES = {
    "empty": "",
    "dots": "..",
    "many dots": "." * 4000,
    "one segment": HEAD,
    "two segments": f"{HEAD}.{PAYLOAD}",
    "four segments": f"{GOOD}.{SIGNATURE}",
    "five segments (JWE)": f"{HEAD}.{SIGNATURE}.{SIGNATURE}.{PAYLOAD}.{SIGNATURE}",
    "empty header": f".{PAYLOAD}.{SIGNATURE}",
    "empty payload (detached)": f"{HEAD}..{SIGNATURE}",
    "empty signature": f"{HEAD}.{PAYLOAD}.",
    "leading dot": f".{GOOD}",
    "trailing dot": f"{GOOD}.",
    "padded header": f"{HEAD}=.{PAYLOAD}.{SIGNATURE}",
    "padded payload": f"{HEAD}.{PAYLOAD}==.{SIGNATURE}",
    "padded signature": f"{GOOD}=",
    "escaped padding": f"{GOOD}%3D",
    "leading space": f" {GOOD}",
    "trailing newline": f"{GOOD}\n",
    "tab inside": f"{HEAD}.\t{PAYLOAD}.{SIGNATURE}",
    "NUL": f"{GOOD}\0",
    "NUL inside": f"{HEAD}.{PAYLOAD}\0.{SIGNATURE}",
    "standard alphabet +": f"{HEAD}.{PAYLOAD}.+{SIGNATURE[1:]}",
    "standard alphabet /": f"{HEAD}.{PAYLOAD}./{SIGNATURE[1:]}",
    "surrogate": f"{GOOD}\ud800",
    "letter from elsewhere": f"{HEAD}.{PAYLOAD}.\uff21{SIGNATURE[1:]}",
    "zero width": f"{HEAD}.{PAYLOAD}\u200b.{SIGNATURE}",
    "scheme kept": f"Bearer {GOOD}",
    "JWS JSON flattened": json.dumps({"protected": HEAD, "payload": PAYLOAD, "signature": SIGNATURE}),
    "JWS JSON general": json.dumps({"payload": PAYLOAD, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]}),
    "impossible length": f"{HEAD}.{PAYLOAD}.{SIGNATURE}AA",
}


@pytest.mark.parametrize("name", SHAPES)
def test_other_shapes_are_malformed(name):
    """Only three canonical segments are looked at: no padding, no white space, no other form (TOK-06, TOK-07)."""
    refused(SHAPES[name])


def test_one_text_only():
    """The spare bits of the last character must be zero: no second spelling of a signature is accepted (TOK-06)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(SIGNATURE[-1])
    for other in range(last + 1, last + 4):
        twin = SIGNATURE[:-1] + alphabet[other]
        assert base64.urlsafe_b64decode(twin + "=") == base64.urlsafe_b64decode(SIGNATURE + "=")
        refused(f"{HEAD}.{PAYLOAD}.{twin}")


@pytest.mark.parametrize("segment", range(3))
def test_a_cut_token_is_refused(segment):
    """A token cut short in any segment is refused."""
    parts = GOOD.split(".")
    for length in range(len(parts[segment])):
        cut = [*parts[:segment], parts[segment][:length], *parts[segment + 1 :]]
        with pytest.raises((TokenMalformed, TokenInvalid)):
            CODEC.decode(".".join(cut), TokenType.ACCESS, NOW)


HEADER = FORGE.header()
HEADERS = {
    "no alg": FORGE.header(alg=...),
    "no kid": FORGE.header(kid=...),
    "no typ": FORGE.header(typ=...),
    "alg list": FORGE.header(alg=["HS256"]),
    "alg null": FORGE.header(alg=None),
    "alg number": FORGE.header(alg=256),
    "alg true": FORGE.header(alg=True),
    "kid list": FORGE.header(kid=[HEADER["kid"]]),
    "kid number": FORGE.header(kid=1),
    "kid null": FORGE.header(kid=None),
    "typ list": FORGE.header(typ=["at+jwt"]),
    "crit empty": FORGE.header(crit=[]),
    "crit exp": FORGE.header(crit=["exp"]),
    "crit text": FORGE.header(crit="exp"),
    "crit null": FORGE.header(crit=None),
    "b64 false": FORGE.header(b64=False),
    "b64 false, critical": FORGE.header(b64=False, crit=["b64"]),
    "b64 true": FORGE.header(b64=True),
    "zip": FORGE.header(zip="DEF"),
    "nested": FORGE.header(cty="JWT"),
    "jwk": FORGE.header(jwk={"kty": "oct", "k": "AAAA"}),
    "jku": FORGE.header(jku="https://evil.example/jwks"),
    "x5u": FORGE.header(x5u="https://evil.example/x5u"),
    "x5c": FORGE.header(x5c=["MIIB"]),
    "x5t": FORGE.header(x5t="AAAA"),
    "x5t#S256": FORGE.header(**{"x5t#S256": "AAAA"}),
    "PBES2": FORGE.header(alg="PBES2-HS256+A128KW", p2c=2**31, p2s="AAAA"),
    "enc": FORGE.header(enc="A128GCM"),
    "any other name": FORGE.header(colour="red"),
    "list": [HEADER],
    "text": "HS256",
    "null": None,
    "empty object": {},
    "BOM": b"\xef\xbb\xbf" + as_json(HEADER),
    "UTF-16": json.dumps(HEADER).encode("utf-16"),
    "not UTF-8": as_json(HEADER)[:-1] + b',"a":"\xff"}',
    "trailing": as_json(HEADER) + b"{}",
    "trailing NUL": as_json(HEADER) + b"\0",
    "comment": b"/**/" + as_json(HEADER),
    "single quotes": as_json(HEADER).replace(b'"', b"'"),
    "duplicate alg": b'{"alg":"none",' + as_json(HEADER)[1:],
    "duplicate alg, escaped": b'{"\\u0061lg":"none",' + as_json(HEADER)[1:],
    "NaN": as_json(HEADER)[:-1] + b',"a":NaN}',
    "cut": as_json(HEADER)[:-1],
    "deep": b'{"a":' * 900 + b"1" + b"}" * 900,
    "deep lists": b"[" * 3000,
    "long number": b'{"a":' + b"9" * 5000 + b"}",
    "lone surrogate": b'{"alg":"HS256","kid":"\\ud800","typ":"at+jwt"}',
}


@pytest.mark.parametrize("name", HEADERS)
def test_other_headers_are_malformed(name):
    """A header is strict JSON of alg, kid, typ: nothing is followed or inflated (TOK-04, TOK-07, TOK-08, TOK-09)."""
    header = HEADERS[name]
    refused(FORGE.sign(body(), as_json(header)))


ALGS = ["none", "None", "NoNe", "NONE", "", "HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256", "HS256 ", "HS256\0"]


@pytest.mark.parametrize("alg", ALGS)
def test_the_header_does_not_choose_the_algorithm(alg):
    """Whatever `alg` says but the key's own, the token is refused, rightly signed or not signed (TOK-01, TOK-02)."""
    header = FORGE.header(alg=alg)
    refused(FORGE.sign(body(), header), TokenInvalid)
    unsigned = FORGE.sign(body(), header).rpartition(".")[0]
    refused(f"{unsigned}.", TokenMalformed)
    refused(f"{unsigned}.AAAA", TokenInvalid)


KIDS = ["", "../../dev/null", "' OR 1=1 --", "https://evil.example/key", "x" * 5000, "\n\x1b[31m", "é", "\0"]


@pytest.mark.parametrize("kid", [*KIDS, KEYRING.signer("access").kid.swapcase()], ids=range(len(KIDS) + 1))
def test_unknown_kids_are_invalid(kid):
    """A kid is looked up by exact match and nothing else: a path, SQL or a URL is unknown (TOK-05)."""
    refused(FORGE.sign(body(), FORGE.header(kid=kid)), TokenInvalid)


def test_kids_are_escaped_and_cut_in_logs(caplog):
    """An unknown kid is in the debug log only, cut, and without control characters (TOK-05, LOG-01)."""
    with caplog.at_level("DEBUG", "flask_gosession"):
        refused(FORGE.sign(body(), FORGE.header(kid="\n\x1b[31m" + "k" * 5000)), TokenInvalid)
    (record,) = caplog.records
    assert record.levelname == "DEBUG"
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 120


def test_a_kid_of_a_megabyte_is_malformed():
    """A token with a kid of 1 MB is refused by its size (TOK-05, TOK-10)."""
    refused(FORGE.sign(body(), FORGE.header(kid="k" * 1_000_000)))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+JWT", "application/at+jwt", "rt+jwt", "", "at+jwt "])
def test_other_types_are_invalid(typ):
    """A `typ` other than the one that the key signs is refused, though validly signed (TOK-17)."""
    refused(FORGE.sign(body(), FORGE.header(typ=typ)), TokenInvalid)


@pytest.mark.parametrize(
    "signature", ["A" * 43, "AA", SIGNATURE[:-4], SIGNATURE + "AAAA", ids.to_text(bytes(64)), ids.to_text(bytes(5000))]
)
def test_wrong_signatures_are_invalid(signature):
    """A wrong, truncated or extended MAC is refused."""
    refused(f"{HEAD}.{PAYLOAD}.{signature}", TokenInvalid)


TEXTS = [7, None, True, [], ["u1"], {}, "", 1.5]
TIMES = [str(NOW), float(NOW), True, None, [], [NOW], {}, -1, "", 10**19, 10**40]
IDS = [
    "",
    None,
    7,
    [],
    [ids.to_text(JTI)],
    "x",
    "A" * 21,
    "A" * 23,
    "A" * 22 + "==",
    "A" * 21 + "B",
    "é" * 22,
    "\ud800",
]
IDS += ["../../../../etc/passwd", "A" * 21 + "\0", "A" * 21 + "+"]
ATTACKS = [
    *(("sub", value) for value in [*TEXTS, ...]),
    *(("exp", value) for value in [*TIMES, ...]),
    *(("iat", value) for value in [*TIMES, ...]),
    *(("nbf", value) for value in TIMES),
    *(("jti", value) for value in [*IDS, ...]),
    *(("sid", value) for value in [*IDS, ...]),
    *(("gen", value) for value in [..., "3", 3.0, True, None, -1, [3]]),
    *(("auth_time", value) for value in ["1", 1.0, True, None, -1]),
    *(("client", value) for value in [None, 7, [], {}, True]),
    *(("aud", value) for value in [..., None, "", [], {}, 7, True, "defaul", "default ", "default2", "Default"]),
    *(("aud", value) for value in [["other"], [["default"]], ["default", 7], ["default", None], {"default": 1}]),
    *(("iss", value) for value in ["https://id.example", "", None, [], 7]),
]


@pytest.mark.parametrize(("name", "value"), ATTACKS, ids=lambda value: repr(value)[:30])
def test_odd_claims_are_invalid(name, value):
    """A validly signed token is refused for a claim missing, odd-typed or not ours (TOK-11, TOK-13, TOK-15)."""
    token = FORGE.sign(body(**{name: value}))
    refused(token, TokenInvalid)


PAYLOADS = {
    "exp 1e400": as_json(body()).replace(b'"exp":%d' % (NOW + 900), b'"exp":1e400'),
    "exp Infinity": as_json(body()).replace(b'"exp":%d' % (NOW + 900), b'"exp":Infinity'),
    "exp NaN": as_json(body()).replace(b'"exp":%d' % (NOW + 900), b'"exp":NaN'),
    "exp with exponent": as_json(body()).replace(b'"exp":%d' % (NOW + 900), b'"exp":18e8'),
    "exp of 5,000 digits": as_json(body()).replace(b'"exp":%d' % (NOW + 900), b'"exp":' + b"9" * 5000),
    "duplicate sub": as_json(body())[:-1] + b',"sub":"victim"}',
    "duplicate in depth": as_json(body())[:-1] + b',"a":{"b":1,"b":2}}',
    "BOM": b"\xef\xbb\xbf" + as_json(body()),
    "not UTF-8": as_json(body())[:-1] + b',"a":"\xff"}',
    "overlong UTF-8": as_json(body())[:-1] + b',"a":"\xc0\xaf"}',
    "surrogate in UTF-8": as_json(body())[:-1] + b',"a":"\xed\xa0\x80"}',
    "lone surrogate in sub": as_json(body()).replace(b'"u1"', b'"\\ud800"'),
    "lone surrogate in a name": as_json(body())[:-1] + b',"\\udfff":1}',
    "lone surrogate in depth": as_json(body())[:-1] + b',"a":[{"b":"\\udfff"}]}',
    "NaN": as_json(body())[:-1] + b',"a":NaN}',
    "-Infinity in depth": as_json(body())[:-1] + b',"a":[-Infinity]}',
    "1e400": as_json(body())[:-1] + b',"a":1e400}',
    "long integer": as_json(body())[:-1] + b',"a":' + b"9" * 21 + b"}",
    "deep": as_json(body())[:-1] + b',"a":' + b"[" * 17 + b"]" * 17 + b"}",
    "very deep": as_json(body())[:-1] + b',"a":' + b"[" * 2800 + b"]" * 2800 + b"}",
    "trailing": as_json(body()) + b"1",
    "trailing NUL": as_json(body()) + b"\0",
    "list": [body()],
    "text": json.dumps("u1").encode(),
    "number": b"1",
    "null": b"null",
    "nested token": GOOD.encode(),
    "control character": as_json(body()).replace(b"u1", b"u\n1"),
    "raw bytes": bytes(range(256)),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_odd_payloads_are_invalid(name):
    """A validly signed payload that two readers could read differently is refused (TOK-07, TOK-09, TOK-11)."""
    refused(FORGE.sign(PAYLOADS[name]), TokenInvalid)


@pytest.mark.parametrize("payload", [as_json(body())[:-1] + b',"a":' + b"[" * 15 + b"]" * 15 + b"}"], ids=["15 deep"])
def test_ordinary_depth_is_accepted(payload):
    """The limit on depth leaves room for what apps really put into claims (TOK-09)."""
    assert CODEC.decode(FORGE.sign(payload), TokenType.ACCESS, NOW).subject == "u1"


@pytest.mark.parametrize("audience", ["default", ["default"], ["other", "default"]], ids=str)
def test_an_audience_that_has_us_is_accepted(audience):
    """The audience may be our name, or a list of names with ours (TOK-13)."""
    assert CODEC.decode(FORGE.sign(body(aud=audience)), TokenType.ACCESS, NOW).subject == "u1"


def test_the_issuer_matches_exactly():
    """Where an issuer is configured, the token must name exactly it (TOK-13)."""
    assert ISSUED.decode(FORGE.sign(body(iss="https://id.example")), TokenType.ACCESS, NOW).subject == "u1"
    for other in (
        ...,
        "https://id.example/",
        "https://id.exampl",
        "HTTPS://ID.EXAMPLE",
        "",
        None,
        ["https://id.example"],
    ):
        refused(FORGE.sign(body(iss=other)), TokenInvalid, ISSUED)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW + 180 * 86_400 + 1},
        {"iat": NOW - 90 * 86_400, "exp": NOW + 91 * 86_400},
        {"exp": NOW - 1},
        {"iat": NOW + 11, "exp": NOW + 900},
        {"iat": 0},
        {"exp": 10**15},
        {"nbf": NOW + 11},
    ],
    ids=str,
)
def test_times_that_do_not_fit_are_invalid(changes):
    """A token that lives too long, ends before it starts or starts in the future is refused (TOK-11)."""
    refused(FORGE.sign(body(**changes)), TokenInvalid)


@pytest.mark.parametrize("limit", [1, 100, 8191])
def test_the_limit_is_exact(limit):
    """A token one byte over the limit is malformed, one at the limit is not (TOK-10)."""
    token = GOOD if limit < len(GOOD) else FORGE.sign(body(a="x" * 5800))
    assert JWTCodec(KEYRING, max_bytes=len(token)).decode(token, TokenType.ACCESS, NOW).subject == "u1"
    refused(token, TokenMalformed, JWTCodec(KEYRING, max_bytes=min(limit, len(token) - 1)))


def test_large_tokens_are_refused_by_size():
    """Validly signed claims of 8 MB are refused, and cost no more than reading the length (TOK-10)."""
    large = FORGE.sign(body(a="x" * 8_000_000))
    started = time.perf_counter()
    refused(large)
    assert time.perf_counter() - started < 0.2


@pytest.mark.parametrize("unit", ["a", ".", "=", "A.", "é", "{", '"', "\ud800"])
def test_garbage_costs_linear_time(unit):
    """Without a size limit, 8 MB of garbage take no more than a loose multiple of what 1 MB takes (TOK-10)."""
    unlimited = JWTCodec(KEYRING, max_bytes=10**9)

    def cost(length: int) -> float:
        garbage = unit * (length // len(unit))
        started = time.perf_counter()
        refused(garbage, TokenMalformed, unlimited)
        return time.perf_counter() - started

    small = min(cost(1_000_000) for _ in range(3))
    assert min(cost(8_000_000) for _ in range(2)) < 30 * small + 0.1


def test_no_token_opens_a_connection(monkeypatch):
    """Headers that name keys elsewhere cause no network connection (TOK-04)."""

    def forbidden(*_args: object, **_more: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    for name in ("jku", "x5u", "x5c", "jwk"):
        refused(FORGE.sign(body(), FORGE.header(**{name: "http://127.0.0.1:9/"})))


def test_errors_show_nothing_of_the_token():
    """Neither the text nor the causes of an error hold any of the token (LOG-01)."""
    for token in (*SHAPES.values(), FORGE.sign(body(exp="x")), FORGE.sign(b"{"), FORGE.sign(body(), b"{")):
        with pytest.raises(FAMILY) as caught:
            CODEC.decode(token, TokenType.ACCESS, NOW)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert PAYLOAD[:12] not in repr(caught.value) + str(caught.value) + str(caught.value.data)


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_no_changed_token_verifies(position, character):
    """Any character of a token replaced by any other is refused by an error of the family (TOK-20)."""
    changed = GOOD[:position] + character + GOOD[position + 1 :]
    if changed == GOOD:
        return
    with pytest.raises(FAMILY):
        CODEC.decode(changed, TokenType.ACCESS, NOW)


@given(st.integers(0, 2), st.data())
def test_no_changed_byte_verifies(segment, data):
    """Any byte of header, payload or signature changed, and encoded properly again, is refused (TOK-20)."""
    parts = [bytearray(base64.urlsafe_b64decode(part + "==")) for part in GOOD.split(".")]
    position = data.draw(st.integers(0, len(parts[segment]) - 1))
    parts[segment][position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FAMILY):
        CODEC.decode(".".join(ids.to_text(bytes(part)) for part in parts), TokenType.ACCESS, NOW)


@given(st.text() | st.binary() | st.from_regex(r"[\w=.-]*\.[\w=-]*\.[\w=-]*"))
def test_no_garbage_escapes_the_family(garbage):
    """Any text or bytes raise one of the four errors and nothing else (TOK-20)."""
    with pytest.raises(FAMILY):
        CODEC.decode(garbage, TokenType.REFRESH, NOW, allow_expired=True)


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(body())) | st.text("ab"), inner),
        max_leaves=6,
    )
)
def test_no_signed_garbage_escapes_the_family(payload):
    """Any payload at all, validly signed, raises one of the four errors and nothing else (TOK-20)."""
    with pytest.raises(FAMILY):
        CODEC.decode(FORGE.sign(payload), TokenType.ACCESS, NOW)


@given(
    st.sampled_from(sorted(body())), st.none() | st.booleans() | st.floats() | st.text("A.=") | st.lists(st.integers())
)
def test_no_odd_claim_escapes_the_family(name, value):
    """Any one claim replaced by a value of another type is refused by one of the four errors (TOK-11, TOK-20)."""
    if name == "sub" and isinstance(value, str) and value:
        return
    with pytest.raises(FAMILY):
        CODEC.decode(FORGE.sign(body(**{name: value})), TokenType.ACCESS, NOW)
