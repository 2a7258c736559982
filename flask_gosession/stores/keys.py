"""Subjects as keys: a plain spelling in which no character has a meaning, and no two subjects are alike."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_ORDINARY = re.compile(r"[A-Za-z0-9_~-]*")


def encode_subject(subject: str) -> str:
    """Spell *subject* with ASCII letters, digits and ``_ - ~ %`` only; ordinary ids stay as they are."""
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
