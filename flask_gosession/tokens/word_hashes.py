"""Whether a secret is the hash of nothing, or of a well-known word: an attacker who tries words tries their hashes."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from flask_gosession.tokens.typed_secrets import WORDS, forms

_HASHES = {16: ("md5",), 20: ("sha1",), 28: ("sha224",), 32: ("sha256", "sha3_256"), 48: ("sha384",), 64: ("sha512",)}
"""The hashes by the number of their bytes."""
_PHRASES = """
123 1234 12345 123456 1234567 12345678 123456789 1234567890 qwerty abc123 foo bar foobar letmein iloveyou
changeme changethis mysecret mysecretkey my-secret-key my_secret_key secretkey secret-key secret_key supersecret
supersecretkey super-secret-key super_secret_key topsecret jwtsecret jwt-secret jwt_secret jwtsecretkey
jwt_secret_key password1 password123 admin123 root toor helloworld hello-world test123 testing123 asdf asdfgh
"""


def is_hash_of_a_word(secret: bytes) -> bool:
    """Return whether *secret* is such a hash, raw, in hexadecimal or in base64."""
    found = (form.encode("latin-1") for form in forms(secret.strip()))
    return any(raw in _hashes_of_words(name) for raw in (secret, *found) for name in _HASHES.get(len(raw), ()))


@lru_cache
def _hashes_of_words(name: str) -> frozenset[bytes]:
    """Return the words' hashes by one algorithm, also with the newline that a shell adds."""
    words = {form for word in (*WORDS, *_PHRASES.split()) for form in (word, word.upper(), word.capitalize())}
    texts = {"", " ", "hello world", "Hello World", "Hello, World!", "my secret key", *words}
    return frozenset(hashlib.new(name, end.encode()).digest() for text in texts for end in (text, text + "\n"))
