"""The keys of one realm in their order: next, active, retired; one of them signs, all of them verify."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flask_gosession import ids
from flask_gosession.errors import ConfigError
from flask_gosession.tokens.derive import DerivedKeys
from flask_gosession.tokens.keys import STATUSES, Key, Status, read_key

__all__ = ["Key", "Keyring"]

_USES = ("access", "refresh")
_RETIRED: Status = "retired"


class Keyring:
    """Signs with the active key, verifies by exact kid.

    To rotate: publish the new key as ``next``, make it ``active`` once every verifier has it, and keep the old one
    as ``retired`` until the last token it signed has expired. Symmetric and asymmetric keys never mix, not even
    across a rotation: a keyring of both would let a public key be tried as a secret. To change from one kind to the
    other, sign everybody out, or serve the new kind as another realm.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys: tuple[Key, ...] = tuple(sorted(keys, key=lambda key: STATUSES.index(key.status)))
        self._by_kid = {key.kid: key for key in self.keys}
        self._signers = {use: self._signer(use) for use in _USES}

    @classmethod
    def from_config(cls, entries: Sequence[Mapping[str, object]], *, allow_typed: bool = False) -> Keyring:
        """Return the keyring that the setting ``KEYS`` describes.

        Each entry has ``kid``, ``alg``, ``status`` and one of ``secret`` (text or bytes), ``private_key`` or
        ``public_key`` (PEM); ``created``, a date, if its age is to be watched. With *allow_typed*, for tests, a secret
        may be one that a person has made up. Raises ConfigError with every problem of every entry.
        """
        outcomes = [_outcome(entry, index, allow_typed=allow_typed) for index, entry in enumerate(entries)]
        keys = [outcome for outcome in outcomes if isinstance(outcome, Key)]
        problems = [problem for outcome in outcomes if isinstance(outcome, ConfigError) for problem in outcome.problems]
        problems += _set_problems(keys, complete=not problems)
        if problems:
            raise ConfigError(*problems)
        return cls(keys)

    @classmethod
    def from_secret(
        cls,
        secret: str | bytes,
        fallbacks: Sequence[str | bytes] = (),
        *,
        realm: str = "default",
        allow_short: bool = False,
    ) -> Keyring:
        """Return a keyring of HS256 keys derived from ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``.

        Access and refresh tokens have a key each. Raises ConfigError as `DerivedKeys` does.
        """
        return cls.from_derived(DerivedKeys(secret, fallbacks, realm=realm, allow_short=allow_short))

    @classmethod
    def from_derived(cls, derived: DerivedKeys) -> Keyring:
        """Return a keyring of HS256 keys from the realm's derived keys."""
        return cls(key for use in _USES for key in _derived_keys(derived, use))

    def get(self, kid: str) -> Key | None:
        """Return the key with exactly that kid."""
        return self._by_kid.get(kid)

    def signer(self, use: str) -> Key:
        """Return the active key for ``"access"`` or ``"refresh"`` tokens; raises ConfigError if none can sign."""
        key = self._signers[use]
        if key is None:
            raise ConfigError("No key is active: this keyring can verify tokens, not sign them.")
        return key

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JWK Set (RFC 7517 section 5), to be published; empty for secrets."""
        return {
            "keys": [
                {**key.jwk, "kid": key.kid, "alg": key.alg, "use": "sig"} for key in self.keys if key.jwk is not None
            ]
        }

    def _signer(self, use: str) -> Key | None:
        fitting = (key for key in self.keys if key.status == "active" and key.signing and key.use in {None, use})
        return next(fitting, None)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(repr(key) for key in self.keys)})"


def _outcome(entry: object, index: int, *, allow_typed: bool) -> Key | ConfigError:
    try:
        return read_key(entry, index, allow_typed=allow_typed)
    except ConfigError as error:
        return error


def _derived_keys(derived: DerivedKeys, use: str) -> Iterable[Key]:
    secrets = derived.derive_all(use)
    names = derived.derive_all(f"{use}/kid", 9)  # derived alongside the key, not from it: the kid reveals nothing
    statuses: tuple[Status, ...] = ("active", *(_RETIRED for _ in secrets[1:]))
    for secret, name, status in zip(secrets, names, statuses, strict=True):
        yield Key(ids.to_text(name), "HS256", status, verifying=secret, signing=secret, use=use)


def _set_problems(keys: Sequence[Key], *, complete: bool) -> list[str]:
    kids = [key.kid for key in keys]
    twice = sorted({kid for kid in kids if kids.count(kid) > 1})
    problems = [f"GOSESSION_KEYS has the kid {kid!r} twice; give each key its own." for kid in twice]
    if len({key.symmetric for key in keys}) > 1:
        problems.append(
            "GOSESSION_KEYS mixes secrets (HS) with key pairs (RS, PS, ES, EdDSA); keep to one kind, "
            "and serve the other as another realm."
        )
    active = [key.kid for key in keys if key.status == "active"]
    if complete and len(active) != 1:
        found = f"there are {len(active)}: {', '.join(map(repr, active))}" if active else "there is none"
        problems.append(f"GOSESSION_KEYS needs exactly one key of status active, and {found}.")
    return problems
