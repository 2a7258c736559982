"""Everything this package raises on purpose.

::

    GoSessionError
    ├── ConfigError                 wrong at start-up: every problem at once, each with what to do
    ├── BadRequest                  400 bad_request           the body is not what the endpoint takes
    │   └── BadClient               400 bad_request           this text cannot name a client class
    ├── BodyTooLarge                413 body_too_large        more than any endpoint takes
    ├── InvalidRequest              400 invalid_request       the form has no token (RFC 6749 section 5.2)
    ├── AuthError                   the request is refused
    │   ├── TokenMissing            401 token_missing         nothing was presented
    │   ├── TokenMalformed          401 token_malformed       not in the form of a token
    │   ├── TokenInvalid            401 token_invalid         signature, key, issuer, audience or a claim is wrong
    │   ├── TokenTypeError          401 token_type            a refresh token as an access token, or the other way
    │   ├── TokenExpired            401 token_expired         refresh and try again
    │   ├── TokenRotated            401 token_rotated         read the newer token and try again
    │   ├── TokenReused             401 token_reused          an old refresh token came back: the session was ended
    │   ├── SessionEnded            401 session_ended         with the reason, when and by which client
    │   ├── SessionExpired          401 session_expired       past the absolute timeout
    │   ├── SessionIdle             401 session_idle          unused for longer than the idle timeout
    │   ├── UserNotFound            401 user_not_found        the user loader returned None for the subject
    │   ├── Banned                  401 banned                with the reason and the end of the ban
    │   ├── BindingMismatch         401 binding_mismatch      used from another network or browser
    │   ├── FreshLoginRequired      401 fresh_login_required  sign in again to go on (RFC 9470)
    │   ├── InvalidCredentials      401 invalid_credentials   the credential verifier returned None
    │   ├── InvalidClient           401 invalid_client        this service may not ask about tokens
    │   ├── CSRFFailed              403 csrf_failed
    │   ├── InsufficientScope       403 insufficient_scope
    │   └── SessionLimit            409 session_limit         no further session is allowed
    └── StoreError                  503, with Retry-After
        ├── StoreUnavailable        503 store_unavailable     the store did not answer, or not in time
        └── StoreConflict           503 store_conflict        others kept writing the same record

Auth and store errors are werkzeug HTTP exceptions, so every framework on top of Flask answers them:
``code`` is the integer status, ``error`` the stable text. They inherit werkzeug's `Unauthorized`, `Forbidden`,
`Conflict` and `ServiceUnavailable`, so an ``errorhandler`` for one of these statuses gets them.
"""

# pyright: reportIncompatibleVariableOverride=false
# Each error has a status, where werkzeug allows None, too.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from werkzeug.exceptions import Conflict, Forbidden, RequestEntityTooLarge, Unauthorized

from flask_gosession.base_errors import AnsweredError, AuthError, GoSessionError, StoreError

__all__ = [
    "REASON_MESSAGES",
    "AnsweredError",
    "AuthError",
    "BadClient",
    "BadRequest",
    "Banned",
    "BindingMismatch",
    "BodyTooLarge",
    "CSRFFailed",
    "ConfigError",
    "FreshLoginRequired",
    "GoSessionError",
    "InsufficientScope",
    "InvalidClient",
    "InvalidCredentials",
    "InvalidRequest",
    "Reason",
    "SessionEnded",
    "SessionExpired",
    "SessionIdle",
    "SessionLimit",
    "StoreConflict",
    "StoreError",
    "StoreUnavailable",
    "TokenExpired",
    "TokenInvalid",
    "TokenMalformed",
    "TokenMissing",
    "TokenReused",
    "TokenRotated",
    "TokenTypeError",
    "UserNotFound",
]

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
"""Why a session ended."""

REASON_MESSAGES: Mapping[str, str] = {
    "logged_out": "This session was signed out.",
    "evicted": "You signed in elsewhere, and that ended this session.",
    "kicked": "This session was ended by an administrator.",
    "revoked_all": "The sessions of this account were signed out.",
    "password_changed": "The password was changed; please sign in again.",
    "reuse_detected": "This session was ended because an old token was used again.",
    "banned": "This account is blocked.",
    "expired": "This session has reached its end; please sign in again.",
    "idle": "This session was unused for too long; please sign in again.",
}
"""The sentence for each reason that a session ends for."""


class ConfigError(GoSessionError):
    """The configuration cannot work; ``problems`` lists every reason, one sentence each."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class BadRequest(AnsweredError):
    """The body is not what the endpoint accepts; the message says what is."""

    code = 400
    error = "bad_request"
    text = "The request could not be read."


class BadClient(BadRequest, ValueError):
    """The client class has a wrong form, for example if a view passes on what a client calls itself."""

    text = "A client class has 1 to 32 letters, digits, spaces, dots, dashes or underscores."


class BodyTooLarge(AnsweredError, RequestEntityTooLarge):
    """The body is larger than any endpoint accepts."""

    error = "body_too_large"
    text = "The body is larger than 64 KiB."


class InvalidRequest(AnsweredError):
    """A form of RFC 7009 or RFC 7662 came without its token."""

    code = 400
    error = "invalid_request"
    text = "The form field token is missing."


class TokenMissing(AuthError, Unauthorized):
    """Nothing was presented; the challenge then carries no error (RFC 6750 section 3.1)."""

    error = "token_missing"
    text = "Please sign in."

    @property
    def challenge(self) -> str:
        """The bare challenge."""
        return "Bearer"


class TokenMalformed(AuthError, Unauthorized):
    """What was presented does not have the form of a token."""

    error = "token_malformed"
    text = "The token is malformed."


class TokenInvalid(AuthError, Unauthorized):
    """The signature, key, issuer, audience or a claim is not right."""

    error = "token_invalid"
    text = "The token is not valid."


class TokenTypeError(AuthError, Unauthorized):
    """A refresh token was presented as an access token, or the other way round."""

    error = "token_type"
    text = "This kind of token is not accepted here."


class TokenExpired(AuthError, Unauthorized):
    """The token is past its end; a refresh gives a new one."""

    error = "token_expired"
    text = "The token has expired."


class TokenRotated(AuthError, Unauthorized):
    """A newer token has replaced this one, and the session is live: use the newer one."""

    error = "token_rotated"
    text = "The token was replaced by a newer one."


class TokenReused(AuthError, Unauthorized):
    """A refresh token came back after its successor was in use; the session was ended."""

    error = "token_reused"
    text = "An old refresh token was used again; the session was ended."


class SessionEnded(AuthError, Unauthorized):
    """The session has ended: ``reason``, ``at`` and ``client`` say why, when and by which client."""

    error = "session_ended"
    text = "The session has ended."


class SessionExpired(AuthError, Unauthorized):
    """The session is past its absolute timeout."""

    error = "session_expired"
    text = "The session has reached its end; please sign in again."


class SessionIdle(AuthError, Unauthorized):
    """The session was unused for longer than its idle timeout."""

    error = "session_idle"
    text = "The session was unused for too long; please sign in again."


class UserNotFound(AuthError, Unauthorized):
    """The user loader returned None for the subject."""

    error = "user_not_found"
    text = "The account does not exist."


class Banned(AuthError, Unauthorized):
    """The account is blocked; ``until`` is the end as a Unix time."""

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


class BindingMismatch(AuthError, Unauthorized):
    """The session is used from another network or browser than it was made in."""

    error = "binding_mismatch"
    text = "The session is bound to another network or browser."


class FreshLoginRequired(AuthError, Unauthorized):
    """The credentials were seen too long ago; ``max_age`` is the age allowed, in seconds (RFC 9470)."""

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


class InvalidCredentials(AuthError, Unauthorized):
    """The app's credential verifier returned None for these credentials."""

    error = "invalid_credentials"
    text = "User name or password is wrong."

    @property
    def challenge(self) -> str:
        """The bare challenge: no token was presented."""
        return "Bearer"


class InvalidClient(AuthError, Unauthorized):
    """A service that the app does not authorise asked about a token (RFC 6749 section 5.2)."""

    error = "invalid_client"
    text = "This service may not ask."

    @property
    def challenge(self) -> str:
        """The bare challenge: nothing is wrong with the token in question."""
        return "Bearer"


class CSRFFailed(AuthError, Forbidden):
    """A cookie came without proof that a page of this app sent the request.

    ``why`` says what was missing; it goes into the log, not to the client.
    """

    error = "csrf_failed"
    text = "The request could not be verified; reload the page and try again."

    def __init__(self, message: str | None = None, *, why: str = "no proof that our page sent it") -> None:
        super().__init__(message)
        self.why = why


class InsufficientScope(AuthError, Forbidden):
    """The user lacks the role or permission that the route asks for."""

    error = "insufficient_scope"
    text = "You do not have permission to do this."

    @property
    def challenge(self) -> str:
        """The challenge of RFC 6750 section 3.1."""
        return f'Bearer error="insufficient_scope", error_description="{self.text}"'


class SessionLimit(AuthError, Conflict):
    """The session limit is reached, and new logins are refused there (``ON_LIMIT``)."""

    error = "session_limit"
    text = "No further session is allowed; sign out elsewhere first."


class StoreUnavailable(StoreError):
    """The store did not answer, or not in time; the driver's error is the ``__cause__``."""

    error = "store_unavailable"
    text = "The session store is not available; please try again."


class StoreConflict(StoreError):
    """Other writers kept changing the same record until the deadline."""

    error = "store_conflict"
    text = "The session is being changed by others; please try again."
