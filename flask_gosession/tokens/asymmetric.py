"""RSA, elliptic-curve and Ed25519 keys, from PEM and JWK and to JWK; needs ``cryptography`` (extra ``crypto``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from flask_gosession import ids

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

LEAST_RSA_BITS = 2048
NEW_RSA_BITS = 3072
_CURVE_OF: Mapping[str, type[ec.EllipticCurve]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
_CURVES: Mapping[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
_THUMBPRINT_MEMBERS = ("crv", "e", "kty", "n", "x", "y")


def read_private(pem: bytes) -> PrivateKey | None:
    """Return the unencrypted private key in *pem*, or None if it has none of a kind that signs tokens."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, PrivateKey) else None


def read_public(pem: bytes) -> PublicKey | None:
    """Return the public key in *pem*, or None if it has none of a kind that signs tokens."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, PublicKey) else None


def misfit(alg: str, key: PublicKey) -> str | None:
    """Return why *key* does not suit *alg* (its kind, its curve by RFC 7518 section 3.4, its size), or None."""
    if alg == "EdDSA":
        return None if isinstance(key, ed25519.Ed25519PublicKey) else "EdDSA needs an Ed25519 key"
    if alg in _CURVE_OF:
        curve = _CURVE_OF[alg]
        fits = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, curve)
        return None if fits else f"{alg} needs a key on the curve {curve.name}"
    if not isinstance(key, rsa.RSAPublicKey):
        return f"{alg} needs an RSA key"
    return None if key.key_size >= LEAST_RSA_BITS else f"{alg} needs an RSA key of at least {LEAST_RSA_BITS} bits"


def make_private(alg: str) -> tuple[bytes, PublicKey]:
    """Draw a private key for *alg*; return it as an unencrypted PEM, and its public key."""
    key: PrivateKey
    if alg == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
    elif alg in _CURVE_OF:
        key = ec.generate_private_key(_CURVE_OF[alg]())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=NEW_RSA_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), key.public_key()


def to_jwk(key: PublicKey) -> dict[str, str]:
    """Return the public key as a JWK (RFC 7517, RFC 7518 section 6, RFC 8037): only the members of its thumbprint."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": ids.to_text(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}
    point, size = key.public_numbers(), -(-key.curve.key_size // 8)
    name = next(name for name, curve in _CURVES.items() if curve.name == key.curve.name)
    return {"kty": "EC", "crv": name, "x": _number(point.x, size), "y": _number(point.y, size)}


def from_jwk(jwk: Mapping[str, object]) -> PublicKey | None:
    """Return the public key of *jwk*, or None when it is not an RSA, EC or Ed25519 key in its one canonical form."""
    read = {"RSA": _from_rsa, "EC": _from_ec, "OKP": _from_okp}.get(str(jwk.get("kty")))
    try:
        return read(jwk) if read else None
    except (ValueError, UnsupportedAlgorithm):
        return None


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the SHA-256 thumbprint of a public JWK (RFC 7638): a good kid."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS if name in jwk}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return ids.to_text(hashlib.sha256(text.encode()).digest())


def _from_rsa(jwk: Mapping[str, object]) -> PublicKey:
    return rsa.RSAPublicNumbers(e=_integer(jwk.get("e")), n=_integer(jwk.get("n"))).public_key()


def _from_ec(jwk: Mapping[str, object]) -> PublicKey | None:
    curve = _CURVES.get(str(jwk.get("crv")))
    if curve is None:
        return None
    size = -(-curve.key_size // 8)
    x, y = _integer(jwk.get("x"), size), _integer(jwk.get("y"), size)
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()


def _from_okp(jwk: Mapping[str, object]) -> PublicKey | None:
    raw = ids.from_text(jwk.get("x"), 32)
    if raw is None or jwk.get("crv") != "Ed25519":
        return None
    return ed25519.Ed25519PublicKey.from_public_bytes(raw)


def _number(value: int, size: int | None = None) -> str:
    return ids.to_text(value.to_bytes(size or -(-value.bit_length() // 8), "big"))


def _integer(text: object, size: int | None = None) -> int:
    raw = ids.from_text(text, size or len(str(text)) * 3 // 4)
    if not raw:
        raise ValueError("not a number in base64url")
    return int.from_bytes(raw, "big")
