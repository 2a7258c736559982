"""The published keys of an issuer: fetched from one pinned address, and read into a keyring that only verifies.

Private: the reference lists what apps may import.
"""

# pyright: reportIncompatibleVariableOverride=false
# The error has a status, where werkzeug allows None, too.

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from werkzeug.exceptions import ServiceUnavailable

from flask_gosession.base_errors import AnsweredError
from flask_gosession.errors import ConfigError
from flask_gosession.tokens.jws import strict_json
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.keys import Key, asymmetric_tools

TIMEOUT = 5.0
MAX_BYTES = 256 * 1024


class KeysUnavailable(AnsweredError, ServiceUnavailable):
    """The issuer's keys are not available: nothing is known about the token. In Flask it answers 503 by itself."""

    error = "keys_unavailable"
    text = "The keys that verify the token are not available; please try again."

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer: try again in a second."""
        return {**super().headers, "Retry-After": "1"}


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
    """Return the body at *url*: no redirect is followed, and at most 256 KiB are read, within 5 s.

    These 5 s are for all addresses of the issuer, the handshake and the answer together. Only the resolution of its
    name has no deadline but that of the operating system; after it, nothing begins that is too late.
    Raises OSError or http.client.HTTPException.
    """
    end = time.monotonic() + TIMEOUT
    opener = urllib.request.build_opener(_NoRedirect, _HTTP(end), _HTTPS(end))
    request = urllib.request.Request(url, headers={"Accept": "application/jwk-set+json, application/json"})  # noqa: S310 - `checked_url` has seen it
    try:
        # No address, and no handshake, may take the time of the next address.
        with opener.open(request, timeout=TIMEOUT / 4) as answer:
            body: bytes = answer.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise
    if len(body) > MAX_BYTES:
        raise OSError(f"the answer is longer than {MAX_BYTES} bytes")
    return body


def _left(end: float) -> float:
    """Return how many seconds are left. Raises TimeoutError if none are."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the issuer took too long")
    return left


class _Reader(io.RawIOBase):
    """Reads from a socket until the deadline of a fetch, even if the issuer sends byte by byte."""

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock, self._end = sock, end
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """Return True: this can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has arrived. Raises TimeoutError when the fetch should have ended."""
        self._sock.settimeout(_left(self._end))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close the socket."""
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose head and body arrive before the deadline of the fetch."""

    def __init__(self, sock: socket.socket, *args: Any, end: float, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_Reader(sock, end))


class _HTTP(urllib.request.HTTPHandler):
    """Opens connections for one fetch."""

    def __init__(self, end: float) -> None:
        super().__init__()
        self._end = end

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open a connection to this host."""
        return self.do_open(partial(_connect, http.client.HTTPConnection, self._end), req)


class _HTTPS(urllib.request.HTTPSHandler):
    """Opens encrypted connections for one fetch."""

    def __init__(self, end: float) -> None:
        super().__init__()
        self._end = end

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open a connection to the issuer."""
        return self.do_open(partial(_connect, http.client.HTTPSConnection, self._end), req)


def _connect(kind: Callable[..., http.client.HTTPConnection], end: float, host: str, **more: Any) -> Any:
    connection: Any = kind(host, **more)
    connection.response_class = partial(_Answer, end=end)
    connection._create_connection = partial(_dial, end)  # noqa: SLF001 - it is an attribute so that it can be replaced
    return connection


def _dial(end: float, address: tuple[str, int], timeout: float, _source: object = None) -> socket.socket:
    """Return a connection to the first of its addresses that takes one, each within *timeout*, and all before *end*."""
    failure = OSError("the issuer's name has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        left = _left(end)
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(timeout, left))
            sock.connect(place)
            sock.settimeout(min(timeout, _left(end)))  # for the handshake
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def read_keys(body: bytes, algorithms: Collection[str]) -> Keyring:
    """Return the keys of a JWK Set (RFC 7517 section 5) that may be used with one of *algorithms*.

    Keys without kid or alg, of another kind or for another use are left out, as section 5 asks. Raises ValueError
    when nothing is left, and when two keys have the same kid.
    """
    entries = (strict_json(body) or {}).get("keys")
    found = [_read_key(entry, algorithms) for entry in entries] if isinstance(entries, list) else []
    keys = [key for key in found if key is not None]
    if not keys or len({key.kid for key in keys}) < len(keys):
        raise ValueError("the answer is not a JWK Set of verification keys, each with its own kid")
    return Keyring(keys)


def _read_key(jwk: Any, algorithms: Collection[str]) -> Key | None:
    if not isinstance(jwk, Mapping) or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
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
        """Follow no redirect: the address of the keys is pinned."""
