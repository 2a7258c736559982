"""What may name a subject and a class of clients."""

from __future__ import annotations

import re

from flask_gosession.errors import BadClient

SUBJECT_CHARS = 255
MESSAGE_CHARS = 200
CLIENT_PATTERN = "[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}"

_is_client = re.compile(CLIENT_PATTERN).fullmatch


def valid_subject(subject: object) -> str:
    """Return *subject* as text. Raises TypeError unless it is a str or int, ValueError unless it fits a record."""
    if isinstance(subject, bool) or not isinstance(subject, (str, int)):
        raise TypeError(f"a subject is a str or an int, not {type(subject).__name__}")
    text = str(subject)
    if not 0 < len(text) <= SUBJECT_CHARS:
        raise ValueError(f"a subject has 1 to {SUBJECT_CHARS} characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a subject is text that UTF-8 can write") from None
    return text


def is_subject(text: str) -> bool:
    """Whether *text* can be a subject."""
    try:
        valid_subject(text)
    except ValueError:
        return False
    return True


def valid_client(client: object) -> str:
    """Return *client* if it can name a class of clients. Raises BadClient, a ValueError, otherwise."""
    if isinstance(client, str) and _is_client(client):
        return client
    raise BadClient
