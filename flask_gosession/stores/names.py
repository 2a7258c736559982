"""Subjects as keys: a plain spelling without special characters, different for different subjects.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote, unquote

_ORDINARY = re.compile(r"[A-Za-z0-9_~-]*")


def encode_subject(subject: str) -> str:
    """Spell *subject* with ASCII letters, digits and ``_ - ~ %`` only; ordinary ids stay unchanged."""
    if _ORDINARY.fullmatch(subject):
        return subject
    return quote(subject, safe="", errors="surrogatepass").replace(".", "%2E")


def decode_subject(spelling: str) -> str | None:
    """Return the subject of that spelling, or None when `encode_subject` has not made it."""
    try:
        subject = unquote(spelling, errors="surrogatepass")
        return subject if encode_subject(subject) == spelling else None
    except UnicodeError:
        return None


_PLAIN = re.compile("[a-z][a-z0-9_]{0,39}")


def table_name(key_prefix: str) -> str:
    """Return a name of at most 46 characters out of ``a-z0-9_``; no two prefixes share one, case or not.

    An ordinary prefix gives ``prefix_subjects``; any other is made plain, and the start of its SHA-256 is added.
    """
    if _PLAIN.fullmatch(key_prefix):
        return f"{key_prefix}_subjects"
    plain = re.sub("[^a-z0-9]+", "_", key_prefix.lower()).strip("_")[:24]
    return f"{plain or 'prefix'}_subjects_{hashlib.sha256(key_prefix.encode()).hexdigest()[:12]}"
