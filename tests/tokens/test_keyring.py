"""Which keys a keyring takes, which one signs, and what it says about those it refuses."""

from __future__ import annotations

import base64
import json
import secrets
import sys

import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_gosession.errors import ConfigError
from flask_gosession.tokens.derive import DerivedKeys, hkdf_sha256
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.weak_secrets import weakness

from .forging import SECRET
from .pairs import ED, P256, RSA, private_pem, public_pem

GOOD = "k9Vt2mQ7xZ4bN1cR8sL5wY0uE3aH6jDfGqPoTiKeBnM-_XzCvAsWdFgHrJ1k2L3p4"


def entry(**changes: object) -> dict[str, object]:
    ordinary = {"kid": "a", "alg": "HS256", "secret": GOOD, "status": "active", **changes}
    return {name: value for name, value in ordinary.items() if value is not ...}


def problems(*entries: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        Keyring.from_config(entries)  # type: ignore[arg-type]  # wrong on purpose
    return caught.value.problems


def test_the_active_key_signs_and_all_verify():
    """Whatever the order in the configuration: next, active, retired; one signs, each is found by its kid (KEY-03)."""
    ring = Keyring.from_config(
        [
            entry(kid="old", status="retired"),
            entry(kid="now", secret=GOOD + "1"),
            entry(kid="soon", secret=GOOD + "2", status="next"),
        ]
    )
    assert [key.kid for key in ring.keys] == ["soon", "now", "old"]
    assert ring.signer("access").kid == ring.signer("refresh").kid == "now"
    assert ring.get("old") is not None
    assert ring.get("OLD") is None


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, "HS1", "hs256", "ES256K", ["HS256"], 256])
def test_unknown_algorithms_are_refused(alg):
    """An algorithm off the list, `none` in any spelling and type among them, is a start-up error (TOK-01, TOK-02)."""
    (first, *_) = problems(entry(alg=alg))
    assert first.startswith("GOSESSION_KEYS[0] (kid 'a') has the alg")
    assert "choose one of HS256" in first


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ("no dict", "must be a dict"),
        (entry(colour="red"), "unknown field 'colour'"),
        (entry(kid=...), "needs a kid"),
        (entry(kid=""), "needs a kid"),
        (entry(kid=7), "needs a kid"),
        (entry(kid="a\n"), "needs a kid"),
        (entry(kid="x" * 129), "needs a kid"),
        (entry(status="old"), "has the status 'old'; choose one of next, active, retired"),
        (entry(status=...), "has the status None"),
        (entry(secret=...), "needs exactly one of secret"),
        (entry(secret=7), "needs its secret as text or bytes"),
        (entry(public_key="x"), "needs exactly one of secret"),
        (entry(alg="RS256"), "needs exactly one of private_key or public_key"),
        (entry(alg="RS256", secret=..., private_key=private_pem(RSA), public_key=public_pem(RSA)), "exactly one of"),
        (entry(alg="RS256", secret=..., public_key=public_pem(RSA)), "a public key cannot sign"),
        (entry(alg="RS256", secret=..., private_key="garbage"), "cannot be read"),
        (entry(alg="RS256", secret=..., private_key=b"\xff\x00"), "cannot be read"),
        (entry(alg="RS256", secret=..., private_key=private_pem(P256)), "RS256 needs an RSA key"),
        (entry(alg="EdDSA", secret=..., private_key=private_pem(P256)), "EdDSA needs an Ed25519 key"),
        (entry(alg="ES384", secret=..., private_key=private_pem(P256)), "ES384 needs a key on the curve secp384r1"),
        (entry(alg="ES256", secret=..., private_key=private_pem(ED)), "ES256 needs a key on the curve secp256r1"),
    ],
)
def test_malformed_entries_are_named(wrong, text):
    """A malformed key is a start-up error that names the entry and says what to do (KEY-03, TOK-19)."""
    found = problems(wrong)
    assert any(text in problem for problem in found)
    assert all(problem.startswith("GOSESSION_KEYS") and problem.endswith(".") for problem in found)


def test_short_rsa_keys_are_refused():
    """An RSA key of less than 2,048 bits is a start-up error (KEY-01)."""
    small = rsa.generate_private_key(65537, 1024)
    (problem,) = problems(entry(alg="RS256", secret=..., private_key=private_pem(small)))
    assert "at least 2048 bits" in problem


def test_encrypted_private_keys_are_refused():
    """A private key under a passphrase is a start-up error that says what is expected."""
    pem = RSA.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.BestAvailableEncryption(b"pw"))
    (problem,) = problems(entry(alg="RS256", secret=..., private_key=pem))
    assert "unencrypted PEM" in problem


def test_all_problems_come_at_once():
    """One ConfigError lists what is wrong with every entry and with the set of them."""
    found = problems(
        entry(secret="short"),
        entry(kid="b", alg="none"),
        entry(kid="c", status="retired"),
        entry(kid="c", status="retired"),
    )
    assert [problem.split(" ")[0] for problem in found] == ["GOSESSION_KEYS[0]", "GOSESSION_KEYS[1]", "GOSESSION_KEYS"]
    assert "the kid 'c' twice" in found[2]


@pytest.mark.parametrize("statuses", [(), ("next",), ("retired", "next"), ("active", "active")])
def test_exactly_one_key_is_active(statuses):
    """No active key, or two, is a start-up error (KEY-03)."""
    entries = [entry(kid=str(index), status=status) for index, status in enumerate(statuses)]
    (problem,) = problems(*entries)
    assert "exactly one key of status active" in problem


def test_secrets_and_key_pairs_never_mix():
    """A keyring of secrets and key pairs is a start-up error, also where one is retired (TOK-03)."""
    pair = entry(kid="b", alg="RS256", secret=..., public_key=public_pem(RSA), status="retired")
    (problem,) = problems(entry(), pair)
    assert "mixes secrets" in problem


@pytest.mark.parametrize(("alg", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_secrets_are_as_long_as_the_hash(alg, least):
    """A secret one byte shorter than the hash is a start-up error, one as long is not (KEY-01)."""
    assert Keyring.from_config([entry(alg=alg, secret=GOOD[:least])]).signer("access").alg == alg
    (problem,) = problems(entry(alg=alg, secret=GOOD[: least - 1]))
    assert f"has {least - 1} bytes, at least {least} are needed" in problem


@pytest.mark.parametrize(
    "secret",
    [
        "x" * 64,
        "ab" * 40,
        "changeme" * 8,
        "this-one-is-long-enough-but-change-me-please",
        "your-256-bit-secret-your-256-bit-secret!",
        "django-insecure-k9Vt2mQ7xZ4bN1cR8sL5wY0uE3aH6jD",
        "a-string-secret-at-least-256-bits-long",
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "5791628bb0b13ce0c676dfde280ba245\n",
        GOOD[:33] * 2,
        bytes(64),
        "0101010011" * 5,
    ],
    ids=range(12),
)
def test_well_known_and_repeating_secrets_are_refused(secret):
    """Placeholders, examples from documentation and repeated characters are start-up errors (KEY-01)."""
    (problem,) = problems(entry(secret=secret))
    assert "repeats itself" in problem or "well-known" in problem
    assert str(secret)[:20] not in problem


def test_random_secrets_are_never_refused():
    """What `secrets` draws is taken, in each of its forms, also where it looks like the start of a DER file."""
    drawn = [form(32) for _ in range(500) for form in (secrets.token_bytes, secrets.token_hex, secrets.token_urlsafe)]
    drawn.append(b"\x30\x1e" + secrets.token_bytes(30))
    faults = {weakness(each.encode() if isinstance(each, str) else each, 32) for each in drawn}
    assert faults == {None}


def _public_materials() -> dict[str, bytes]:
    formats = {
        "pem": (ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo),
        "der": (ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo),
        "ssh": (ser.Encoding.OpenSSH, ser.PublicFormat.OpenSSH),
    }
    made = {
        f"{name}-{label}": key.public_key().public_bytes(*form)
        for name, key in (("rsa", RSA), ("ec", P256), ("ed", ED))
        for label, form in formats.items()
    }
    made["rsa-pkcs1-der"] = RSA.public_key().public_bytes(ser.Encoding.DER, ser.PublicFormat.PKCS1)
    made["rsa-pkcs1-pem"] = RSA.public_key().public_bytes(ser.Encoding.PEM, ser.PublicFormat.PKCS1)
    made["ec-private-der"] = P256.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    ring = Keyring.from_config([entry(alg="RS256", secret=..., private_key=private_pem(RSA))])
    made["jwks"] = json.dumps(ring.jwks()).encode()
    made["jwk"] = json.dumps(ring.jwks()["keys"][0], indent=1).encode()
    made["ssh-wire"] = base64.b64decode(made["rsa-ssh"].split()[1])
    return made


PUBLIC = _public_materials()
WRAPPINGS = {
    "plain": lambda raw: raw,
    "bom": lambda raw: b"\xef\xbb\xbf" + raw,
    "spaces": lambda raw: b"\n  " + raw + b"\n",
    "base64": base64.b64encode,
    "base64-lines": base64.encodebytes,
    "base64url": lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"="),
    "bom-in-base64": lambda raw: base64.b64encode(b"\xef\xbb\xbf" + raw),
    "base64-twice": lambda raw: base64.b64encode(base64.b64encode(raw)),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("material", PUBLIC)
def test_public_keys_are_no_secrets(material, wrapping):
    """Public-key material in any dress is refused as an HMAC secret, in KEYS and as SECRET_KEY (TOK-03)."""
    secret = WRAPPINGS[wrapping](PUBLIC[material])
    (problem,) = problems(entry(secret=secret))
    assert "key material that others can read" in problem
    with pytest.raises(ConfigError, match="SECRET_KEY is key material"):
        Keyring.from_secret(secret, allow_short=True)


def test_pem_in_utf16_is_no_secret():
    """A PEM file saved by an editor that writes UTF-16 is recognised too (TOK-03)."""
    (problem,) = problems(entry(secret=public_pem(RSA).encode("utf-16")))
    assert "key material" in problem


def test_key_pairs_without_cryptography_name_the_extra(monkeypatch):
    """Without cryptography an RS, ES or EdDSA key is a start-up error that says what to install."""
    monkeypatch.setitem(sys.modules, "flask_gosession.tokens.asymmetric", None)
    (problem,) = problems(entry(alg="RS256", secret=..., private_key=private_pem(RSA)))
    assert 'pip install "Flask-GoSession[crypto]"' in problem


def test_hkdf_is_the_one_of_the_rfc():
    """The derivation gives the first test vector of RFC 5869."""
    derived = hkdf_sha256(b"\x0b" * 22, salt=bytes(range(13)), info=bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"), length=42)
    assert derived.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")


def test_every_purpose_and_realm_has_its_own_key():
    """Signing, CSRF, next and MAC keys differ from each other and from realm to realm (KEY-04)."""
    purposes = ("access", "refresh", "csrf", "next", "opaque-mac")
    rings = [DerivedKeys(SECRET, realm=realm) for realm in ("user", "admin", "us", "user/a", "")]
    made = [ring.derive_all(purpose)[0] for ring in rings for purpose in (*purposes, "er/csrf", "a/csrf")]
    made += [key.verifying for key in Keyring.from_secret(SECRET).keys]
    assert len(set(made)) == len(made)
    assert all(len(key) == 32 for key in made)


def test_fallbacks_are_honoured_in_order():
    """The key in use comes first, then one for each fallback; a fallback equal to the secret adds nothing."""
    derived = DerivedKeys(SECRET, [GOOD, SECRET, GOOD])
    alone = [DerivedKeys(secret).derive_all("csrf") for secret in (SECRET, GOOD)]
    assert derived.derive_all("csrf") == (*alone[0], *alone[1])
    statuses = [key.status for key in Keyring.from_secret(SECRET, [GOOD]).keys]
    assert statuses == ["active", "active", "retired", "retired"]


@pytest.mark.parametrize("secret", ["", "short", "x" * 40, b""])
def test_weak_secret_keys_are_refused(secret):
    """A SECRET_KEY under 32 bytes or weak otherwise is a start-up error; so is a fallback (KEY-01)."""
    with pytest.raises(ConfigError, match=r"^SECRET_KEY "):
        Keyring.from_secret(secret)
    with pytest.raises(ConfigError, match=r"^SECRET_KEY_FALLBACKS\[1\] "):
        Keyring.from_secret(SECRET, [GOOD, secret])


def test_tests_may_use_short_secrets():
    """With allow_short a short secret is taken, an empty one never."""
    assert Keyring.from_secret("dev", allow_short=True).signer("access").alg == "HS256"
    with pytest.raises(ConfigError, match="SECRET_KEY has 0 bytes"):
        Keyring.from_secret("", allow_short=True)


def test_text_and_bytes_are_the_same_secret():
    """A secret given as text gives the same keys as its UTF-8 bytes, and the same kids in every process."""
    first, second = Keyring.from_secret(GOOD), Keyring.from_secret(GOOD.encode())
    assert [key.kid for key in first.keys] == [key.kid for key in second.keys]


def test_nothing_secret_is_shown():
    """No secret, private key or derived key is in a repr or a kid (LOG-01)."""
    derived = DerivedKeys(GOOD)
    pair = Keyring.from_config([entry(alg="ES256", secret=..., private_key=private_pem(P256))])
    keyrings = [Keyring.from_secret(GOOD), Keyring.from_config([entry()]), pair]
    keys = [key for keyring in keyrings for key in keyring.keys]
    shown = repr([derived, *keyrings, *keys, *(key.__rich_repr__() for key in keys)])
    for hidden in (GOOD, GOOD[:8], "PRIVATE", "EllipticCurve", derived.derive_all("access")[0].hex()):
        assert hidden not in shown
