"""What the errors of this package have in common: their root, their kinds, and how they answer over HTTP.

Private: the reference lists what apps may import.
"""

# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from werkzeug.exceptions import HTTPException, ServiceUnavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.sansio.response import Response as SansIOResponse


class GoSessionError(Exception):
    """The root: everything this package raises on purpose."""


class AnsweredError(GoSessionError, HTTPException):
    """An error with an HTTP answer: a JSON body with a stable ``error``, a sentence and the evidence."""

    # Always a status here, where werkzeug allows None, too.
    code: int
    error: ClassVar[str]
    text: ClassVar[str]

    def __init__(
        self,
        message: str | None = None,
        *,
        reason: str | None = None,
        at: float | None = None,
        client: str | None = None,
    ) -> None:
        super().__init__(description=message or self.text)
        self.reason = reason
        self.at = at
        self.client = client
        self.realm: str | None = None
        """The realm that refused, if that is known: its settings decide how the answer looks."""

    @property
    def message(self) -> str:
        """The sentence for a person: never contains what the client sent."""
        return self.description or self.text

    @property
    def data(self) -> dict[str, Any]:
        """The body of the answer; flask-restx and flask-smorest read it under this name."""
        body: dict[str, Any] = {"error": self.error, "message": self.message, "reason": self.reason}
        if self.at is not None:
            body["at"] = int(self.at)
        if self.client is not None:
            body["client"] = self.client
        return body

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer, apart from its content type."""
        return {"Cache-Control": "no-store"}

    def get_headers(
        self,
        environ: WSGIEnvironment | None = None,  # noqa: ARG002
        scope: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[tuple[str, str]]:
        """Return the headers of the answer, as werkzeug asks for them."""
        return [("Content-Type", "application/json"), *self.headers.items()]

    def get_body(
        self,
        environ: WSGIEnvironment | None = None,  # noqa: ARG002
        scope: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> str:
        """Return the body of the answer as JSON."""
        return json.dumps(self.data)

    def __str__(self) -> str:
        return f"{self.error}: {self.message}"

    if TYPE_CHECKING:
        response: SansIOResponse | None


class AuthError(AnsweredError):
    """The request is refused: 401, 403 or 409, with the reason.

    Each subclass has a ``code`` and this class has none, so a handler registered for `AuthError` gets all of them:
    Flask keeps handlers by status.
    """

    @property
    def challenge(self) -> str | None:
        """The ``WWW-Authenticate`` value (RFC 6750 section 3), or None for a status that needs none."""
        if self.code != 401:
            return None
        return f'Bearer error="invalid_token", error_description="{self.text}"'

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer: never cached, and with the challenge on a 401."""
        challenge = self.challenge
        return {**super().headers, **({"WWW-Authenticate": challenge} if challenge else {})}


class StoreError(AnsweredError, ServiceUnavailable):
    """The store could not do its part; nothing is known about the token."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer: try again in a second."""
        return {**super().headers, "Retry-After": "1"}
