"""Tokens for httpx and requests clients, each imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flask_gosession.client.tokens import (
    ClientError,
    MemoryTokenStore,
    RefreshUnavailable,
    SessionOver,
    Tokens,
    TokenStore,
)

if TYPE_CHECKING:
    from flask_gosession.client.httpx_auth import HTTPXAuth
    from flask_gosession.client.requests_auth import RequestsAuth

__all__ = [
    "ClientError",
    "HTTPXAuth",
    "MemoryTokenStore",
    "RefreshUnavailable",
    "RequestsAuth",
    "SessionOver",
    "TokenStore",
    "Tokens",
]

_DRIVERS = {
    "HTTPXAuth": ("httpx", "flask_gosession.client.httpx_auth"),
    "RequestsAuth": ("requests", "flask_gosession.client.requests_auth"),
}


def __getattr__(name: str) -> Any:
    """Import what needs a driver. Raises ImportError, with the extra to install, where the driver is missing."""
    if name not in _DRIVERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    driver, module = _DRIVERS[name]
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != driver:
            raise
        raise ImportError(f"{name} needs {driver}: pip install 'Flask-GoSession[client]'") from error
