"""The published keys of an issuer: fetched from one pinned address, and read into a keyring that only verifies."""

from __future__ import annotations

import ipaddress
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask_gosession.errors import ConfigError
from flask_gosession.tokens.jws import strict_json
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.keys import Key, asymmetric_tools

TIMEOUT = 5.0
MAX_BYTES = 256 * 1024


def checked_url(url: str) -> str:
    """Return *url* if it is https, or http to this host; raises ConfigError for every other."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigError("The address of the keys is not a URL.") from None
    https = parts.scheme == "https" and parts.hostname and port_fits
    if https or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return url
    raise ConfigError(
        "The address of the keys must be https, or http to this host: keys must not come from a stranger."
    )


def fetch(url: str) -> bytes:
    """Return the body at *url*: no redirect is followed, at most 256 KiB are read, 5 s are waited for each answer.

    Raises OSError or http.client.HTTPException.
    """
    opener = urllib.request.build_opener(_NoRedirect)
    request = urllib.request.Request(url, headers={"Accept": "application/jwk-set+json, application/json"})  # noqa: S310 - `checked_url` has seen it
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            body: bytes = answer.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise
    if len(body) > MAX_BYTES:
        raise OSError(f"the answer is longer than {MAX_BYTES} bytes")
    return body


def read_keys(body: bytes, algorithms: Collection[str]) -> Keyring:
    """Return the keys of a JWK Set (RFC 7517 section 5) that may be used with one of *algorithms*.

    Keys without kid or alg, of another kind or for another use are left out, as section 5 asks. Raises ValueError
    when nothing is left, and when two keys have the same kid.
    """
    entries = (strict_json(body) or {}).get("keys")
    found = [_read_key(entry, algorithms) for entry in entries] if isinstance(entries, list) else []
    keys = [key for key in found if key is not None]
    if not keys or len({key.kid for key in keys}) < len(keys):
        raise ValueError("the answer is not a JWK Set with keys to verify by, each with its own kid")
    return Keyring(keys)


def _read_key(jwk: Any, algorithms: Collection[str]) -> Key | None:
    if not isinstance(jwk, Mapping) or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    kid, alg, tools = jwk.get("kid"), jwk.get("alg"), asymmetric_tools()
    if not isinstance(kid, str) or not isinstance(alg, str) or alg not in algorithms:
        return None
    public = tools.from_jwk(jwk)
    if public is None or tools.misfit(alg, public):
        return None
    return Key(kid, alg, "retired", verifying=public)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_more: object) -> None:
        """Follow nothing: the address of the keys is pinned."""
