"""The tokens that a client holds, where it keeps them, and the errors that say that they are no longer valid.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flask_gosession.client import expiry


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """An access token, its refresh token and when to refresh, in Unix seconds of our own clock (None: when told to)."""

    access: str
    refresh: str | None = None
    refresh_at: float | None = None

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], now: float) -> Tokens:
        """Return the tokens of a login or refresh *answer* received at *now*; our clock may differ from the server's.

        Raises ValueError for anything else.
        """
        access, refresh = answer.get("access_token"), answer.get("refresh_token")
        after = answer.get("refresh_after")
        if not isinstance(access, str) or not isinstance(refresh, str | None) or not isinstance(after, int | float):
            raise ValueError("not the answer of a login or refresh: a token or refresh_after is missing")  # noqa: TRY004
        last = _ends_with_session(access, answer.get("session_expires_at"))
        return cls(access, refresh, None if last else now + after)

    @classmethod
    def from_text(cls, access: str, refresh: str | None = None) -> Tokens:
        """Return tokens that were kept as text; a JWT says itself when to refresh, by the server's clock."""
        try:
            return cls(access, refresh, expiry.refresh_at(access))
        except ValueError:
            return cls(access, refresh)

    def due(self, now: float) -> bool:
        """Return whether to refresh before the next request."""
        return self.refresh is not None and self.refresh_at is not None and now >= self.refresh_at

    def __repr__(self) -> str:
        return f"Tokens(refresh_at={self.refresh_at})"


class TokenStore(Protocol):
    """Where tokens are kept; called by several threads, and shared by all processes that share a session."""

    def load(self) -> Tokens | None:
        """Return the tokens held now, or None."""
        ...

    def save(self, tokens: Tokens | None) -> None:
        """Hold *tokens* from now on; None when the session has ended."""
        ...


class MemoryTokenStore:
    """Tokens in this process."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens

    def load(self) -> Tokens | None:
        """Return the tokens held now, or None."""
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        """Hold *tokens* from now on."""
        self._tokens = tokens


class ClientError(Exception):
    """A client cannot go on with its tokens."""


class SessionOver(ClientError):
    """The server refused to refresh: sign in again.

    ``error``, ``message``, ``reason``, ``at`` (Unix time) and ``client`` come from the server.
    """

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.error: str = str(answer.get("error"))
        self.message: str = str(answer.get("message") or self.error)
        self.reason: Any = answer.get("reason")
        self.at: Any = answer.get("at")
        self.client: Any = answer.get("client")
        super().__init__(f"{self.error}: {self.message}")


class RefreshUnavailable(ClientError):
    """The server could not be reached, or gave no clear answer. The tokens are kept; try again later."""


def _ends_with_session(access: str, session_end: object) -> bool:
    """Return whether a refresh could not move the end of *access* any further."""
    if not isinstance(session_end, int | float):
        return False
    try:
        return (expiry.expires_at(access) or 0) >= session_end
    except ValueError:
        return False
