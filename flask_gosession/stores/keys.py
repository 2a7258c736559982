"""Subjects as keys: a plain spelling in which no character has a meaning, and no two subjects are alike."""

from __future__ import annotations

from urllib.parse import quote, unquote


def encode_subject(subject: str) -> str:
    """Spell *subject* with ASCII letters, digits and ``_ - ~ %`` only; ordinary ids stay as they are."""
    return quote(subject, safe="", errors="surrogatepass").replace(".", "%2E")


def decode_subject(spelling: str) -> str | None:
    """Return the subject of that spelling, or None when `encode_subject` has not made it."""
    try:
        subject = unquote(spelling, errors="surrogatepass")
        return subject if encode_subject(subject) == spelling else None
    except UnicodeError:
        return None
