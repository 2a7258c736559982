"""Who signs in from where, in words that fit into the record: subject, client class, device."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask_gosession.errors import BadClient

SUBJECT_CHARS = 255
MESSAGE_CHARS = 200
_AGENT_CHARS = 200
_LABEL_CHARS = 60
_IP_CHARS = 45
CLIENT_PATTERN = "[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}"


@dataclass(frozen=True)
class Device:
    """What a person recognises a session by in a list; longer texts are cut."""

    ip: str = ""
    agent: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        for name, length in (("ip", _IP_CHARS), ("agent", _AGENT_CHARS), ("label", _LABEL_CHARS)):
            # A header may carry anything; what is not text would not fit the record.
            text = str(getattr(self, name)).encode("utf-8", "replace").decode("utf-8")
            object.__setattr__(self, name, text[:length])


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


def valid_client(client: object) -> str:
    """Return *client* if it can name a class of clients. Raises BadClient, a ValueError, otherwise."""
    if isinstance(client, str) and re.fullmatch(CLIENT_PATTERN, client):
        return client
    raise BadClient
