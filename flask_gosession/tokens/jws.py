"""The strict shape of a signed token: one canonical text, a header of three names, JSON without surprises."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from flask_gosession import ids
from flask_gosession.errors import TokenMalformed

HEADER = frozenset({"alg", "kid", "typ"})
_DEEPEST = 16
_MOST_DIGITS = 20


class JWS(NamedTuple):
    """A token taken apart; nothing in it has been verified."""

    alg: str
    kid: str
    typ: str
    signing_input: bytes
    payload: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"JWS(alg={self.alg!r}, typ={self.typ!r})"


def parse(token: object, max_bytes: int) -> JWS:
    """Take a compact JWS (RFC 7515 section 3.1) apart; raises TokenMalformed unless it is exactly as we write them.

    The header must hold ``alg``, ``kid`` and ``typ`` as texts and nothing else. So no ``crit``, ``b64``, ``zip``,
    ``jwk``, ``jku``, ``x5u`` or the like is ever looked at: what could change the meaning of a token is refused.
    """
    text = checked_text(token, max_bytes)
    parts = text.split(".", 3)
    if len(parts) != 3:
        raise TokenMalformed
    header, payload, signature = (_segment(part) for part in parts)
    names = strict_json(header)
    if names is None or names.keys() != HEADER or not all(isinstance(value, str) for value in names.values()):
        raise TokenMalformed
    return JWS(**names, signing_input=text.rpartition(".")[0].encode(), payload=payload, signature=signature)


def checked_text(token: object, max_bytes: int) -> str:
    """Return *token* as the text it is; raises TokenMalformed for anything else, and for more than *max_bytes*."""
    if type(token) is not str or len(token) > max_bytes:  # a subclass may lie about its length, hash and equality
        raise TokenMalformed
    return token


def base64url(text: str) -> bytes | None:
    """Return the bytes that *text* stands for, or None when it is not their one canonical spelling (no padding)."""
    return ids.from_text(text, len(text) * 3 // 4)


def strict_json(raw: bytes) -> dict[str, Any] | None:
    """Return the JSON object in *raw*, or None when it is not one, or one that two readers could read differently.

    Refused are: not UTF-8, a byte order mark, trailing bytes, duplicate names, lone surrogates, NaN and Infinity,
    integers of more than 20 digits and nesting deeper than 16.
    """
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
        return value if isinstance(value, dict) and _is_plain(value, _DEEPEST) else None
    except (ValueError, RecursionError):
        return None


def _segment(part: str) -> bytes:
    raw = base64url(part)
    if not raw:
        raise TokenMalformed
    return raw


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("duplicate name")
    return names


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _is_plain(value: object, depth: int) -> bool:
    if isinstance(value, str):
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
        return True
    if not isinstance(value, dict | list):
        return True
    inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return depth > 0 and all(_is_plain(each, depth - 1) for each in inner)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite, parse_constant=_refuse)
