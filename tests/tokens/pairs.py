"""Key pairs of every kind for the tests, drawn once."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

RSA = rsa.generate_private_key(65537, 2048)
P256, P384, P521 = (ec.generate_private_key(curve) for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()))
ED = ed25519.Ed25519PrivateKey.generate()

PAIR_OF = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSA),
    "ES256": P256,
    "ES384": P384,
    "ES512": P521,
    "EdDSA": ED,
}


def private_pem(key) -> str:
    """Return the private key as PEM."""
    return key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption()).decode()


def public_pem(key) -> str:
    """Return the public key as PEM."""
    return key.public_key().public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo).decode()


def pair(alg: str, kid: str = "a", status: str = "active") -> dict[str, str]:
    """Return the configuration of a key pair for *alg*."""
    return {"kid": kid, "alg": alg, "private_key": private_pem(PAIR_OF[alg]), "status": status}
