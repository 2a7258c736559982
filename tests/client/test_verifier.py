"""A service without the sessions verifies access tokens by the keys that the issuer publishes."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from msgspec.structs import replace
from tokens.forging import NOW, SECRET, claims
from tokens.pairs import pair

from flask_gosession.client import KeysUnavailable, jwks
from flask_gosession.client.verifier import Verifier
from flask_gosession.errors import (
    ConfigError,
    TokenExpired,
    TokenInvalid,
    TokenMalformed,
    TokenTypeError,
)
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.types import TokenType

ISSUER = "https://id.example"


def codec_of(*entries: dict[str, str]) -> JWTCodec:
    return JWTCodec(Keyring.from_config(entries), issuer=ISSUER, audience="api")


FIRST = codec_of(pair("ES256", "k1"))
ROTATED = codec_of(pair("ES256", "k1", "retired"), pair("EdDSA", "k2"))


class Issuer:
    """A real HTTP server whose answer is what the test puts there."""

    def __init__(self) -> None:
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                status, headers, body = issuer.answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/.well-known/jwks.json"

    def publish(self, codec: JWTCodec) -> None:
        self.answer = (200, {}, json.dumps(codec.keyring.jwks()).encode())

    def break_down(self) -> None:
        self.answer = (500, {}, b"oops")

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def issuer():
    running = Issuer()
    running.publish(FIRST)
    yield running
    running.stop()


class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def verifier(issuer, clock):
    return Verifier(issuer.url, issuer=ISSUER, audience="api", clock=clock)


def test_tokens_of_the_issuer_are_verified(issuer, verifier):
    """A token of the issuer says the same here as there, and the keys are fetched once for many tokens."""
    told = claims(extra={"role": "admin"})
    said = [verifier.verify(FIRST.encode(told)) for _ in range(5)]
    assert [replace(one, issuer=None, audience=(), header={}) for one in said] == [told] * 5
    assert issuer.asked == 1


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_each_default_algorithm(issuer, verifier, alg):
    """RS256, ES256 and EdDSA keys are read from the JWK Set as they were published."""
    codec = codec_of(pair(alg))
    issuer.publish(codec)
    assert verifier.verify(codec.encode(claims())).subject == "u1"


def test_the_rules_are_those_of_the_issuer(verifier, clock):
    """Shape, type, audience, issuer and end are checked as the issuer's own codec does."""
    other = JWTCodec(FIRST.keyring, issuer=ISSUER, audience="web")
    token = FIRST.encode(claims())
    outcomes = {
        "garbage": TokenMalformed,
        token + "=": TokenMalformed,
        FIRST.encode(claims(type=TokenType.REFRESH)): TokenTypeError,
        other.encode(claims()): TokenInvalid,
        JWTCodec(FIRST.keyring, audience="api").encode(claims()): TokenInvalid,
    }
    for odd, outcome in outcomes.items():
        with pytest.raises(outcome):
            verifier.verify(odd)
    clock.now = NOW + 910
    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_garbage_asks_nobody(issuer, verifier):
    """What does not have the shape of a token, or points to keys elsewhere, costs no connection (TOK-04)."""
    for odd in (None, b"x", "", "a.b.c", FIRST.encode(claims()) + "\n"):
        with pytest.raises(TokenMalformed):
            verifier.verify(odd)
    assert issuer.asked == 0


def test_a_new_key_is_found(issuer, verifier, clock):
    """After the issuer rotated, an unknown kid makes us ask again, and tokens of both keys are accepted."""
    old = FIRST.encode(claims())
    verifier.verify(old)
    issuer.publish(ROTATED)
    clock.now += 31
    assert verifier.verify(ROTATED.encode(claims())).subject == "u1"
    assert verifier.verify(old).subject == "u1"
    assert issuer.asked == 2


def test_invented_kids_ask_once_in_thirty_seconds(issuer, verifier, clock):
    """However many tokens with unknown kids come, the issuer is asked at most once in 30 s (TOK-05)."""
    verifier.verify(FIRST.encode(claims()))
    for index in range(50):
        with pytest.raises(TokenInvalid):
            verifier.verify(codec_of(pair("ES256", f"invented-{index}")).encode(claims()))
        clock.now += 1
    assert issuer.asked == 2


def test_an_issuer_that_is_down_is_not_the_tokens_fault(issuer, verifier, clock):
    """Without any key the answer is 503, not 401; the issuer is not asked again at once, and later all is well."""
    issuer.break_down()
    token = FIRST.encode(claims())
    for _ in range(3):
        with pytest.raises(KeysUnavailable, match="keys"):
            verifier.verify(token)
    assert issuer.asked == 1
    issuer.publish(FIRST)
    clock.now += 31
    assert verifier.verify(token).subject == "u1"


def test_known_keys_outlive_an_outage(issuer, verifier, clock, caplog):
    """When the keys cannot be renewed, tokens of known keys are verified on, with a warning that shows no token."""
    token = FIRST.encode(claims(expires_at=NOW + 7200))
    verifier.verify(token)
    issuer.break_down()
    clock.now += 601
    with caplog.at_level(logging.WARNING, "flask_gosession"):
        assert verifier.verify(token).subject == "u1"
        assert verifier.verify(token).subject == "u1"
    assert issuer.asked == 2
    assert [record.name for record in caplog.records] == ["flask_gosession"]
    assert token not in caplog.text
    with pytest.raises(KeysUnavailable):
        verifier.verify(ROTATED.encode(claims()))


def test_a_withdrawn_key_is_forgotten(issuer, verifier, clock):
    """Once the key set was renewed, a key that is no longer published verifies nothing, also not from memory."""
    token = FIRST.encode(claims(expires_at=NOW + 7200))
    verifier.verify(token)
    issuer.publish(codec_of(pair("EdDSA", "k2")))
    clock.now += 601
    with pytest.raises(TokenInvalid):
        verifier.verify(token)


def test_many_threads_fetch_once(issuer, verifier):
    """Thirty-two first tokens at once make one fetch, and every one of them is verified."""
    tokens = [FIRST.encode(claims(gen=gen)) for gen in range(32)]
    with ThreadPoolExecutor(32) as pool:
        assert [said.gen for said in pool.map(verifier.verify, tokens)] == list(range(32))
    assert issuer.asked == 1


def test_a_thread_that_read_the_clock_earlier_does_not_ask_again(caplog):
    """A thread that missed the key before a fetch ended, by an earlier reading of the clock, makes no second one."""
    asked, missed, others = [], threading.Event(), []
    token = FIRST.encode(claims())

    def clock() -> float:
        return NOW + (5 if threading.current_thread() is threading.main_thread() else 0)

    class Seen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.threadName == "other":
                missed.set()

    def fetch(url: str) -> bytes:
        asked.append(url)
        if not others:
            others.append(threading.Thread(target=verifier.verify, args=(token,), name="other"))
            others[0].start()
            assert missed.wait(10)
        return json.dumps(FIRST.keyring.jwks()).encode()

    verifier = Verifier("https://id.example/k", issuer=ISSUER, audience="api", clock=clock, fetch=fetch)
    logger, seen = logging.getLogger("flask_gosession"), Seen()
    logger.addHandler(seen)
    try:
        with caplog.at_level("DEBUG", "flask_gosession"):
            assert verifier.verify(token).subject == "u1"
            others[0].join(10)
    finally:
        logger.removeHandler(seen)
    assert len(asked) == 1


def test_a_clock_set_back_does_not_stop_us(issuer, verifier, clock):
    """After the clock was set back by a day, a new key is still found."""
    verifier.verify(FIRST.encode(claims()))
    issuer.publish(ROTATED)
    clock.now -= 86_400
    token = ROTATED.encode(claims(issued_at=NOW - 86_400, expires_at=NOW))
    assert verifier.verify(token).subject == "u1"


@pytest.mark.parametrize(
    "answer",
    [
        (404, {}, b""),
        (200, {}, b""),
        (200, {}, b"[]"),
        (200, {}, b'{"keys": {}}'),
        (200, {}, b'{"keys": [1, null, {}, {"kty": "RSA"}]}'),
        (200, {}, b'{"keys": [], "keys": []}'),
        (200, {}, b"\xff\xfe"),
        (200, {}, json.dumps(FIRST.keyring.jwks()).encode() + b" " * jwks.MAX_BYTES),
    ],
    ids=["404", "empty", "list", "object", "odd", "duplicate", "utf-16", "large"],
)
def test_odd_answers_are_an_outage(issuer, verifier, answer):
    """An answer that is not a JWK Set, or is longer than 256 KiB, is an issuer that is down."""
    issuer.answer = answer
    with pytest.raises(KeysUnavailable):
        verifier.verify(FIRST.encode(claims()))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n"


@pytest.fixture
def dripping():
    """Yield the address of an issuer that says *first* at once, and then sends a byte whenever it has a chance."""
    with ExitStack() as stack:

        def drip(first: bytes) -> str:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            over = threading.Event()

            def serve() -> None:
                with suppress(OSError), listening.accept()[0] as connection:
                    connection.sendall(first)
                    while not over.wait(0.02):
                        connection.sendall(b"x")

            thread = threading.Thread(target=serve)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(over.set)
            return f"http://127.0.0.1:{listening.getsockname()[1]}/"

        yield drip


@pytest.mark.parametrize(
    "first", [b"", HEAD, HEAD + b"X-Odd: ", HEAD + b"\r\n"], ids=["status", "head", "line", "body"]
)
def test_an_issuer_that_drips_gets_no_more_time(dripping, monkeypatch, first):
    """One deadline for the whole answer, its head included, however regularly the next bytes arrive."""
    monkeypatch.setattr(jwks, "TIMEOUT", 0.3)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        jwks.fetch(dripping(first))
    assert time.monotonic() - began < 5  # without it, the bytes would come for ever


@pytest.fixture
def resolved(monkeypatch):
    """Return what lets every name have these addresses."""

    def resolve(*places):
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)

    return resolve


@pytest.fixture
def silent():
    """Return an address that takes no connection: its queue is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        place = listening.getsockname()
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(place)
        yield place


def test_many_silent_addresses_get_no_more_time(resolved, silent, monkeypatch):
    """One deadline for all addresses of the issuer: a hundred that take a quarter each would take 25 times as long."""
    monkeypatch.setattr(jwks, "TIMEOUT", 0.4)
    resolved(*[silent] * 100)
    began = time.monotonic()
    with pytest.raises(OSError, match="took too long"):
        jwks.fetch("http://id.example/jwks.json")
    assert 0.35 < time.monotonic() - began < 5


def test_a_silent_address_leaves_time_for_the_next(resolved, silent, issuer):
    """The issuer's second address is tried after a quarter of the time."""
    host, port = issuer.url.split("/")[2].split(":")
    resolved(silent, (host, int(port)))
    assert json.loads(jwks.fetch(issuer.url)) == FIRST.keyring.jwks()


def test_a_name_without_an_address_is_an_outage(resolved):
    """A resolver that finds nothing is an OSError, which the verifier knows."""
    resolved()
    with pytest.raises(OSError, match="no address"):
        jwks.fetch("https://id.example/jwks.json")


def test_nobody_with_a_known_key_waits(clock):
    """While one thread asks for newer keys, tokens of known keys are verified, and others wait for that one fetch."""
    asked, may_answer, published = threading.Semaphore(0), threading.Event(), [FIRST]

    def fetch(url: str) -> bytes:
        asked.release()
        if len(published) > 1:
            assert may_answer.wait(10)
        return json.dumps(published[-1].keyring.jwks()).encode()

    verifier = Verifier("https://id.example/k", issuer=ISSUER, audience="api", clock=clock, fetch=fetch)
    verifier.verify(FIRST.encode(claims()))
    published.append(ROTATED)
    clock.now += 31
    with ThreadPoolExecutor(3) as pool:
        newer = [pool.submit(verifier.verify, ROTATED.encode(claims(gen=gen))) for gen in range(3)]
        assert asked.acquire(timeout=10)
        assert asked.acquire(timeout=10)
        assert verifier.verify(FIRST.encode(claims(gen=9))).gen == 9
        assert not any(one.done() for one in newer)
        may_answer.set()
        assert [one.result(10).gen for one in newer] == [0, 1, 2]
    assert not asked.acquire(blocking=False)


def test_whoever_waits_for_another_s_fetch_waits_no_longer_than_for_their_own(clock, monkeypatch):
    """A fetch of the app's own that never comes back costs the others their time, and not more: 503."""
    monkeypatch.setattr(jwks, "TIMEOUT", 0.1)
    asked, may_answer = threading.Event(), threading.Event()

    def fetch(url: str) -> bytes:
        asked.set()
        assert may_answer.wait(10)
        return json.dumps(FIRST.keyring.jwks()).encode()

    verifier = Verifier("https://id.example/k", issuer=ISSUER, audience="api", clock=clock, fetch=fetch)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(verifier.verify, FIRST.encode(claims()))
        assert asked.wait(10)
        with pytest.raises(KeysUnavailable) as refused:
            verifier.verify(FIRST.encode(claims()))
        may_answer.set()
        assert first.result(10).subject == "u1"
    assert (refused.value.code, refused.value.error) == (503, "keys_unavailable")
    assert refused.value.headers["Retry-After"] == "1"


def test_no_redirect_is_followed(issuer, verifier):
    """The address of the keys is pinned: a redirect, even to good keys, is an outage and is not followed (TOK-04)."""
    elsewhere = Issuer()
    elsewhere.publish(FIRST)
    issuer.answer = (302, {"Location": elsewhere.url}, b"")
    try:
        with pytest.raises(KeysUnavailable):
            verifier.verify(FIRST.encode(claims()))
    finally:
        elsewhere.stop()
    assert elsewhere.asked == 0


def _published(**changes: object) -> bytes:
    (key,) = FIRST.keyring.jwks()["keys"]
    entry = {name: value for name, value in {**key, **changes}.items() if value is not ...}
    return json.dumps({"keys": [entry]}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "oct", "k": "a" * 43, "alg": "HS256"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": "ES384"},
        {"alg": "EdDSA"},
        {"alg": ["ES256"]},
        {"alg": ...},
        {"kid": ...},
        {"kid": 7},
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"key_ops": 5},
        {"crv": "P-384"},
        {"crv": "P-999"},
        {"x": "AAAA"},
        {"x": "A" * 43},
        {"x": 7},
        {"kty": "OKP"},
        {"kty": "RSA"},
        {"kty": "RSA", "alg": "RS256", "n": "AQAB", "e": "AQAB"},
        {"d": "A" * 43},
    ],
    ids=str,
)
def test_keys_that_do_not_fit_are_left_out(changes):
    """A secret, a foreign algorithm, a wrong curve or a small key never become a key (TOK-03, TOK-19)."""
    with pytest.raises(ValueError, match="not a JWK Set"):
        jwks.read_keys(_published(**changes), ("RS256", "ES256", "EdDSA"))


def test_two_keys_of_one_kid_are_refused():
    """A key set in which a kid is not unique is not used: which key is meant would be a guess (KEY-03)."""
    (key,) = FIRST.keyring.jwks()["keys"]
    with pytest.raises(ValueError, match="its own kid"):
        jwks.read_keys(json.dumps({"keys": [key, key]}).encode(), ("ES256",))


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/jwks",
        "http://127.0.0.1.id.example/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "https://",
        "https://id.example:99999/",
        "http://[::1/",
        "",
    ],
)
def test_only_https_or_this_host(url):
    """An address that a stranger could answer for is a start-up error (TOK-04)."""
    with pytest.raises(ConfigError, match="address"):
        Verifier(url, issuer=ISSUER, audience="api")


@pytest.mark.parametrize(
    "url", ["https://id.example/jwks", "http://localhost:1/", "http://127.9.9.9/", "http://[::1]:80/"]
)
def test_allowed_addresses(url):
    """Https anywhere, and http to this host, are taken; nothing is fetched before the first token."""
    assert Verifier(url, issuer=ISSUER, audience="api")


@pytest.mark.parametrize("algorithms", [(), ("HS256",), ("RS256", "HS256"), ("none",), "RS256"], ids=str)
def test_a_verifier_takes_no_secrets(algorithms):
    """HMAC, `none` or no algorithm at all for published keys is a start-up error (TOK-01, TOK-02, TOK-03)."""
    with pytest.raises(ConfigError, match="published keys are public"):
        Verifier("https://id.example/", issuer=ISSUER, audience="api", algorithms=algorithms)


def test_an_own_fetch(clock):
    """The function that fetches can be given; whatever it raises is an outage with that error as its cause."""
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        raise RuntimeError("no route")

    verifier = Verifier("https://id.example/k", issuer=ISSUER, audience="api", clock=clock, fetch=fetch)
    with pytest.raises(KeysUnavailable) as caught:
        verifier.verify(FIRST.encode(claims()))
    assert asked == ["https://id.example/k"]
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_hmac_tokens_are_refused(verifier):
    """A token signed with a secret is refused by a verifier of published keys (TOK-03)."""
    with pytest.raises(TokenInvalid):
        verifier.verify(JWTCodec(Keyring.from_secret(SECRET), issuer=ISSUER, audience="api").encode(claims()))
