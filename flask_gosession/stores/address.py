"""Where a store is and why it fails, in words that may be logged.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

_LONGEST_CAUSE = 200


def address_of(target: object) -> str:
    """Return a store's URL without credentials and options; the type's name of anything that is not a URL."""
    if not isinstance(target, str):
        return type(target).__name__
    scheme, separator, rest = target.partition("://")
    if not separator:
        return "a URL without a scheme"
    place = _before(rest, "?#")
    # An unescaped "?" or "#" may be part of the password: then nothing before it may be shown.
    if "@" in rest[len(place) :]:
        return f"{scheme}://"
    return f"{scheme}://{place.rpartition('@')[2]}"


def cause_of(error: BaseException) -> str:
    """Return the driver's own account of a failure: the error's type and the first line of its text."""
    cause = error.__cause__ or error
    # SQLAlchemy puts the statement and a link below what the driver said.
    original = getattr(cause, "orig", None) or cause
    said = str(original).strip().partition("\n")[0][:_LONGEST_CAUSE]
    readable = "".join(char if char.isprintable() else "?" for char in said)
    return f"{type(original).__name__}: {readable}" if readable else type(original).__name__


def _before(text: str, ends: str) -> str:
    for index, char in enumerate(text):
        if char in ends:
            return text[:index]
    return text
