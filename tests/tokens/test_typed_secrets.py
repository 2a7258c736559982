"""What a person has typed, or hashed, is no secret (KEY-01); what was drawn at random always is one."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import random
import string
from uuid import UUID

import pytest
from drawn import drawn
from sites import make_app

from flask_gosession import GoSession
from flask_gosession.errors import ConfigError
from flask_gosession.tokens import typed_secrets as typed
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.weak_secrets import weakness
from flask_gosession.tokens.word_hashes import is_hash_of_a_word

TYPED = [
    "our-tokens-are-signed-with-this-key",
    "WeSignEverythingWithThisLongKeyHere",
    "OUR_SIGNING_KEY_FOR_THE_WEB_SHOP_2025",
    "nobodywilleverguesswhatisays1234",
    "Please do not tell this to anybody, ever!",
    "w3S1gnEv3ryth1ngW1thTh1sL0ngK3y!!",
    "unser-schluessel-fuer-alle-anwendungen-hier",
    "esta es la clave secreta de nuestra aplicacion",
    "banana-banana-banana-banana-banana1",
    "tokentokentokentokentokentokentoke",
    "qwertyuiopasdfghjklzxcvbnmqwertyuiop",
    "QWERTYUIOPASDFGHJKLZXCVBNM1234567890",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,",
    "abcdefghijklmnopqrstuvwxyz9876543210",
    "0123456789abcdef0123456789abcdef",
    "98765432109876543210987654321098",
    "cafebabecafebabecafebabecafebabe1",
    bytes(range(32)).decode("latin-1"),
    bytes(range(200, 140, -1)).decode("latin-1"),
]


@pytest.mark.parametrize("secret", TYPED, ids=range(len(TYPED)))
def test_what_was_typed_is_refused(secret):
    """KEY-01: sentences, words over and over, ways over the keyboard and series are no secrets, however long."""
    raw = secret.encode("latin-1")
    assert weakness(raw, 32) is not None
    assert all(typed.is_typed(form) for form in (raw, base64.b64encode(raw), raw.hex().encode()))


RANDOM = {
    "bytes": lambda rng: rng.randbytes(32),
    "hex": lambda rng: rng.randbytes(32).hex().encode(),
    "half as much hex": lambda rng: rng.randbytes(16).hex().encode(),
    "HEX": lambda rng: rng.randbytes(32).hex().upper().encode(),
    "base64": lambda rng: base64.b64encode(rng.randbytes(32)),
    "urlsafe": lambda rng: base64.urlsafe_b64encode(rng.randbytes(32)).rstrip(b"="),
    "base32": lambda rng: base64.b32encode(rng.randbytes(32)),
    "uuid": lambda rng: str(UUID(bytes=rng.randbytes(16), version=4)).encode(),
    "letters and digits": lambda rng: "".join(rng.choices(string.ascii_letters + string.digits, k=32)).encode(),
    "all that can be printed": lambda rng: "".join(rng.choices(string.printable[:94], k=32)).encode(),
    "small letters and digits": lambda rng: "".join(rng.choices(string.ascii_lowercase + string.digits, k=40)).encode(),
    "digits": lambda rng: "".join(rng.choices(string.digits, k=48)).encode(),
}


@pytest.mark.parametrize("form", RANDOM)
def test_what_was_drawn_is_taken(form):
    """No false alarm, however the secret is written down."""
    rng = random.Random(form)
    assert {weakness(RANDOM[form](rng), 32) for _ in range(100)} == {None}


@pytest.mark.long
@pytest.mark.parametrize("form", ["hex", "base64", "urlsafe"])
def test_thousands_that_were_drawn_are_taken(form):
    """No false alarm in ten thousand secrets of 32 bytes; DRAWN_SECRETS=333334 makes it a million in all (15 min)."""
    rng = random.Random(f"a million: {form}")
    assert not any(typed.is_typed(RANDOM[form](rng)) for _ in range(int(os.environ.get("DRAWN_SECRETS", "10000"))))


def test_a_false_alarm_is_far_away():
    """By calculation: it is a code (Kraft's inequality), so one in 2 ** 30 saves so much, in each of three forms."""
    kinds = (typed._WORD, typed._RUN, typed._MARK, typed._COPY, typed._PLAIN, typed._WALK, typed._DIGIT, typed._SERIES)
    assert sum(2.0**-bits for bits in kinds) <= 1
    for row in typed._PAIRS:
        bits = {letter: (ord(char) - ord("!")) / 4 for letter, char in zip(string.ascii_lowercase, row, strict=False)}
        as_it_is = sum(2 ** -(each + typed._AS_IT_IS) for each in bits.values())
        leet = sum(2 ** -(bits[letter] + typed._LEET_BITS) for letter in typed._LEET.values())
        assert as_it_is + leet + 2 ** -((ord(row[26]) - ord("!")) / 4) <= 1
    assert sum(2.0 ** -typed._length_bits(length) for length in range(typed._LEAST_COPIED, 10_000)) <= 1
    assert 3 * 2**-typed.SAVED * 1_000_000 < 0.003


def test_words_before_a_random_secret_do_no_harm():
    """A secret that says what it is for, and then goes on at random, is taken."""
    assert weakness(f"prod-{drawn('prefix')}".encode(), 32) is None
    assert weakness(f"{drawn('suffix')}.shop.example".encode(), 32) is None


@pytest.mark.parametrize("word", ["", "secret", "Password", "changeme\n"])
@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_hashes_of_words_are_refused(name, word):
    """KEY-01: the hash of nothing, or of a well-known word, is refused in each of its forms."""
    made = hashlib.new(name, word.encode()).digest()
    for form in (made, made.hex().encode(), made.hex().upper().encode(), base64.urlsafe_b64encode(made).rstrip(b"=")):
        assert is_hash_of_a_word(form)
    assert "hash of a well-known word" in weakness(hashlib.sha256(word.encode()).hexdigest().encode(), 32)


def test_other_hashes_are_not_known():
    """The hash of what nobody would try is as good as drawn."""
    assert weakness(drawn("a hash").encode(), 32) is None


def test_an_app_under_test_may_have_what_its_author_typed(clock):
    """Readable secrets are a start-up error, and let pass while TESTING is on, as SECRET_KEY and among the KEYS."""
    keys = [{"kid": "a", "alg": "HS256", "status": "active", "secret": TYPED[0]}]
    GoSession(make_app(secret_key=TYPED[1], KEYS=keys), clock=clock)
    with pytest.raises(ConfigError) as refused:
        GoSession(make_app(testing=False, secret_key=TYPED[1], KEYS=keys, STORE="file:///nowhere"), clock=clock)
    assert sum("typed" in problem for problem in refused.value.problems) == 2
    with pytest.raises(ConfigError, match="typed"):
        Keyring.from_secret(drawn("fine"), [TYPED[0]])


def test_a_key_that_is_the_secret_key_is_told(clock, caplog):
    """KEY-04: whoever is given that key to verify tokens with could sign Flask's cookies, too: one warning."""
    keys = [{"kid": "mine", "alg": "HS256", "status": "active", "secret": drawn("both")}]
    with caplog.at_level(logging.WARNING, "flask_gosession"):
        GoSession(make_app(secret_key=drawn("another"), KEYS=keys), clock=clock)
        assert "is the SECRET_KEY" not in caplog.text
        GoSession(make_app(secret_key=drawn("both").encode(), KEYS=keys), clock=clock)
    assert caplog.text.count("'mine' in GOSESSION_KEYS is the SECRET_KEY") == 1
    assert drawn("both") not in caplog.text
