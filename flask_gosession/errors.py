"""Everything this package raises on purpose.

::

    GoSessionError
    ├── ConfigError                 wrong at start-up: every problem at once, each with what to do
    ├── BadRequest                  400 bad_request           the body is not what the endpoint takes
    │   └── BadClient               400 bad_request           this text cannot name a class of clients
    ├── InvalidRequest              400 invalid_request       the form has no token (RFC 6749 section 5.2)
    ├── AuthError                   the caller is told no
    │   ├── TokenMissing            401 token_missing         nothing was presented
    │   ├── TokenMalformed          401 token_malformed       not a token of ours by its shape
    │   ├── TokenInvalid            401 token_invalid         signature, key, issuer, audience or a claim is wrong
    │   ├── TokenTypeError          401 token_type            a refresh token as an access token, or the other way
    │   ├── TokenExpired            401 token_expired         refresh and try again
    │   ├── TokenRotated            401 token_rotated         read the newer token and try again
    │   ├── TokenReused             401 token_reused          an old refresh token came back: the session was ended
    │   ├── SessionEnded            401 session_ended         with the reason, when and by which client
    │   ├── SessionExpired          401 session_expired       past the absolute timeout
    │   ├── SessionIdle             401 session_idle          unused for longer than the idle timeout
    │   ├── UserNotFound            401 user_not_found        the user loader knows nobody of that subject
    │   ├── Banned                  401 banned                with the reason and the end of the ban
    │   ├── BindingMismatch         401 binding_mismatch      used from another network or browser
    │   ├── FreshLoginRequired      401 fresh_login_required  sign in again to go on (RFC 9470)
    │   ├── InvalidCredentials      401 invalid_credentials   the credential verifier knows nobody by these
    │   ├── InvalidClient           401 invalid_client        this service may not ask about tokens
    │   ├── CSRFFailed              403 csrf_failed
    │   ├── InsufficientScope       403 insufficient_scope
    │   └── SessionLimit            409 session_limit         no further session is allowed
    └── StoreError                  503, with Retry-After
        ├── StoreUnavailable        503 store_unavailable     the store did not answer, or not in time
        └── StoreConflict           503 store_conflict        others kept writing the same record

Auth and store errors are werkzeug HTTP exceptions, so that every framework on top of Flask answers them:
``code`` is the integer status, ``error`` the stable text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.sansio.response import Response as SansIOResponse

Reason = Literal[
    "logged_out",
    "evicted",
    "kicked",
    "revoked_all",
    "password_changed",
    "reuse_detected",
    "banned",
    "expired",
    "idle",
]

REASON_MESSAGES: Mapping[str, str] = {
    "logged_out": "This session was signed out.",
    "evicted": "You signed in elsewhere, and that ended this session.",
    "kicked": "This session was ended by an administrator.",
    "revoked_all": "All sessions of this account were signed out.",
    "password_changed": "The password was changed; please sign in again.",
    "reuse_detected": "This session was ended because an old token was used again.",
    "banned": "This account is blocked.",
    "expired": "This session has reached its end; please sign in again.",
    "idle": "This session was unused for too long; please sign in again.",
}


class GoSessionError(Exception):
    """The root: everything this package raises on purpose."""


class ConfigError(GoSessionError):
    """The configuration cannot work; ``problems`` lists every reason, one sentence each."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class AnsweredError(GoSessionError, HTTPException):
    """An error with an HTTP answer: a JSON body with a stable ``error``, a sentence and the evidence."""

    # Always a status here, where werkzeug allows None, too.
    code: int  # pyright: ignore[reportIncompatibleVariableOverride]
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
        """The realm that refused, where that is known: its settings decide how the answer looks."""

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
        """The headers of the answer, beside its content type."""
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


class BadRequest(AnsweredError):
    """The body is not what the endpoint takes; the message says what that is."""

    code = 400
    error = "bad_request"
    text = "The request could not be read."


class BadClient(BadRequest, ValueError):
    """A client class that cannot be one; views may pass on what a client calls itself, and this answers."""

    text = "A client class has 1 to 32 letters, digits, spaces, dots, dashes or underscores."


class InvalidRequest(AnsweredError):
    """A form of RFC 7009 or RFC 7662 came without its token."""

    code = 400
    error = "invalid_request"
    text = "The form field token is missing."


class AuthError(AnsweredError):
    """The caller is told no: 401, 403 or 409, with the reason.

    Each of its kinds states its ``code``, and this class none: a handler that a blueprint registers for `AuthError`
    then gets all of them, for Flask keeps the handlers of each status apart.
    """

    @property
    def challenge(self) -> str | None:
        """The ``WWW-Authenticate`` value (RFC 6750 section 3), or None where the status asks for none."""
        if self.code != 401:
            return None
        return f'Bearer error="invalid_token", error_description="{self.text}"'

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer: never cached, and with the challenge on a 401."""
        challenge = self.challenge
        return {**super().headers, **({"WWW-Authenticate": challenge} if challenge else {})}


class TokenMissing(AuthError):
    """Nothing was presented; the challenge then carries no error (RFC 6750 section 3.1)."""

    code = 401
    error = "token_missing"
    text = "Please sign in."

    @property
    def challenge(self) -> str:
        """The bare challenge."""
        return "Bearer"


class TokenMalformed(AuthError):
    """What was presented does not have the shape of a token."""

    code = 401
    error = "token_malformed"
    text = "The token is malformed."


class TokenInvalid(AuthError):
    """The signature, key, issuer, audience or a claim is not right."""

    code = 401
    error = "token_invalid"
    text = "The token is not valid."


class TokenTypeError(AuthError):
    """A token of the other type was presented."""

    code = 401
    error = "token_type"
    text = "This kind of token is not accepted here."


class TokenExpired(AuthError):
    """The token is past its end; a refresh gives a new one."""

    code = 401
    error = "token_expired"
    text = "The token has expired."


class TokenRotated(AuthError):
    """A newer token exists; the holder reads it and goes on. The session lives."""

    code = 401
    error = "token_rotated"
    text = "The token was replaced by a newer one."


class TokenReused(AuthError):
    """A refresh token came back after its successor was in use; the session was ended."""

    code = 401
    error = "token_reused"
    text = "An old refresh token was used again; the session was ended."


class SessionEnded(AuthError):
    """The session is gone: ``reason``, ``at`` and ``client`` say why, when and by whose login."""

    code = 401
    error = "session_ended"
    text = "The session has ended."


class SessionExpired(AuthError):
    """The session is past its absolute timeout."""

    code = 401
    error = "session_expired"
    text = "The session has reached its end; please sign in again."


class SessionIdle(AuthError):
    """The session was unused for longer than its idle timeout."""

    code = 401
    error = "session_idle"
    text = "The session was unused for too long; please sign in again."


class UserNotFound(AuthError):
    """The user loader returned None for the subject."""

    code = 401
    error = "user_not_found"
    text = "The account does not exist."


class Banned(AuthError):
    """The account is blocked; ``until`` is the end as a Unix time."""

    code = 401
    error = "banned"
    text = "This account is blocked."

    def __init__(
        self,
        message: str | None = None,
        *,
        reason: str | None = None,
        at: float | None = None,
        until: float | None = None,
    ) -> None:
        super().__init__(message, reason=reason, at=at)
        self.until = until

    @property
    def data(self) -> dict[str, Any]:
        """The body of the answer, with the end of the ban."""
        return {**super().data, **({} if self.until is None else {"until": int(self.until)})}


class BindingMismatch(AuthError):
    """The session is used from another network or browser than it was made in."""

    code = 401
    error = "binding_mismatch"
    text = "The session is bound to another network or browser."


class FreshLoginRequired(AuthError):
    """The credentials were seen too long ago; ``max_age`` is the age allowed, in seconds (RFC 9470)."""

    code = 401
    error = "fresh_login_required"
    text = "Please confirm your sign-in to go on."

    def __init__(self, message: str | None = None, *, max_age: int | None = None) -> None:
        super().__init__(message)
        self.max_age = max_age

    @property
    def challenge(self) -> str:
        """The step-up challenge of RFC 9470 section 3."""
        age = "" if self.max_age is None else f", max_age={self.max_age}"
        return f'Bearer error="insufficient_user_authentication", error_description="{self.text}"{age}'


class InvalidCredentials(AuthError):
    """The credential verifier of the app knows nobody by this name and password."""

    code = 401
    error = "invalid_credentials"
    text = "User name or password is wrong."

    @property
    def challenge(self) -> str:
        """The bare challenge: no token was presented."""
        return "Bearer"


class InvalidClient(AuthError):
    """The service that asks about tokens may not (RFC 6749 section 5.2); how it would show itself is the app's."""

    code = 401
    error = "invalid_client"
    text = "This service may not ask."

    @property
    def challenge(self) -> str:
        """The bare challenge: nothing is wrong with the token that was asked about."""
        return "Bearer"


class CSRFFailed(AuthError):
    """A cookie came without the proof that the page meant it."""

    code = 403
    error = "csrf_failed"
    text = "The request could not be verified; reload the page and try again."


class InsufficientScope(AuthError):
    """The user lacks the role or permission that the route asks for."""

    code = 403
    error = "insufficient_scope"
    text = "You do not have permission to do this."

    @property
    def challenge(self) -> str:
        """The challenge of RFC 6750 section 3.1."""
        return f'Bearer error="insufficient_scope", error_description="{self.text}"'


class SessionLimit(AuthError):
    """The session limit is reached and the policy is to refuse the newcomer."""

    code = 409
    error = "session_limit"
    text = "No further session is allowed; sign out elsewhere first."


class StoreError(AnsweredError):
    """The store could not do its part; nothing is known about the token."""

    code = 503

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer: try again in a second."""
        return {**super().headers, "Retry-After": "1"}


class StoreUnavailable(StoreError):
    """The store did not answer, or not in time; the driver's error is the ``__cause__``."""

    error = "store_unavailable"
    text = "The session store is not available; please try again."


class StoreConflict(StoreError):
    """Others kept writing the same record until the deadline."""

    error = "store_conflict"
    text = "The session is being changed by others; please try again."
