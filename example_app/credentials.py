"""What a person signs in with: read from a request, refused with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from example_app.words import CLIENTS
from flask_gosession.errors import BadRequest


class Credentials(NamedTuple):
    """A user name, a password, and the class of the client that they were typed into."""

    username: str
    password: str
    client: str

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r})"


def read_credentials(body: object) -> Credentials:
    """Return the credentials in *body*, a JSON object. Raises BadRequest that says what is wrong with it.

    The class of the client is the client's own word, and one of `CLIENTS`: limits and lists go by it.
    """
    if not isinstance(body, dict):
        raise BadRequest("Send a JSON object with username and password, as application/json.")
    username, password = _text(body, "username"), _text(body, "password")
    client = body.get("client", "web")
    if client not in tuple(CLIENTS):
        raise BadRequest(f"client is one of {', '.join(CLIENTS)}.")
    return Credentials(username, password, client)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{name} is missing, or is not a text.")
    try:
        value.encode()
    except UnicodeEncodeError:
        # JSON can spell half of a character, which no database takes.
        raise BadRequest(f"{name} is not a valid text.") from None
    return value
