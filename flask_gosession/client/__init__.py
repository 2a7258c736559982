"""For clients that hold tokens: read the expiry without the server, refresh in time, and verify by JWKS."""

from typing import TYPE_CHECKING, Any

from flask_gosession.lazy_imports import names_from

if TYPE_CHECKING:
    from flask_gosession.client.httpx_auth import HTTPXAuth
    from flask_gosession.client.jwks import KeysUnavailable
    from flask_gosession.client.requests_auth import RequestsAuth
    from flask_gosession.client.tokens import (
        ClientError,
        MemoryTokenStore,
        RefreshUnavailable,
        SessionOver,
        Tokens,
        TokenStore,
    )

__all__ = [
    "ClientError",
    "HTTPXAuth",
    "KeysUnavailable",
    "MemoryTokenStore",
    "RefreshUnavailable",
    "RequestsAuth",
    "SessionOver",
    "TokenStore",
    "Tokens",
]

_DRIVERS = {"HTTPXAuth": "httpx", "RequestsAuth": "requests"}

_load = names_from(
    __name__,
    {name: "tokens" for name in __all__ if name not in _DRIVERS}
    | {"KeysUnavailable": "jwks"}
    | {name: f"{driver}_auth" for name, driver in _DRIVERS.items()},
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import *name*. Raises ImportError, with the extra to install, if its driver is missing."""
        try:
            return _load(name)
        except ModuleNotFoundError as error:
            if error.name != _DRIVERS.get(name):
                raise
            raise ImportError(f"{name} needs {error.name}: pip install 'Flask-GoSession[client]'") from error
