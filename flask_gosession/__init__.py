"""Sessions you can revoke, at the price of a signature."""

from flask_gosession._version import __version__
from flask_gosession.context import CurrentSession, current_session, current_user
from flask_gosession.decorators import (
    fresh_login_required,
    login_required,
    permissions_required,
    protect,
    public,
    roles_required,
)
from flask_gosession.errors import AuthError, ConfigError, GoSessionError, StoreError
from flask_gosession.extension import GoSession
from flask_gosession.manager import Revocation, SessionManager
from flask_gosession.redirects import safe_next
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Session
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.types import Claims, TokenPair

__all__ = [
    "AuthError",
    "Claims",
    "ConfigError",
    "CurrentSession",
    "GoSession",
    "GoSessionError",
    "Policy",
    "Revocation",
    "Session",
    "SessionManager",
    "StoreError",
    "TokenPair",
    "__version__",
    "current_session",
    "current_user",
    "fresh_login_required",
    "login_required",
    "open_store",
    "permissions_required",
    "protect",
    "public",
    "roles_required",
    "safe_next",
]
