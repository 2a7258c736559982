"""Logins for Flask that you can list, limit and end at any time."""

from typing import TYPE_CHECKING

from flask_gosession._version import __version__
from flask_gosession.lazy_imports import names_from

if TYPE_CHECKING:
    from flask_gosession import errors, events, signals
    from flask_gosession.engine.adoption import derived_sid
    from flask_gosession.engine.inspection import SubjectView
    from flask_gosession.engine.manager import SessionManager
    from flask_gosession.engine.results import Revocation, SessionEnd
    from flask_gosession.engine.scanning import Match, Stats, count_records
    from flask_gosession.engine.token_inspection import TokenView, inspect_token
    from flask_gosession.errors import AuthError, ConfigError, GoSessionError, StoreError
    from flask_gosession.extension import GoSession
    from flask_gosession.findings import Finding
    from flask_gosession.session.device import Device
    from flask_gosession.session.policy import Policy
    from flask_gosession.session.record import Session
    from flask_gosession.stores.base import Record, Store, Swap
    from flask_gosession.stores.registry import open_store
    from flask_gosession.tokens.types import Claims, TokenPair
    from flask_gosession.web.current import current_session, current_user
    from flask_gosession.web.decorators import (
        fresh_login_required,
        login_required,
        permissions_required,
        protect,
        public,
        require_login,
        roles_required,
    )
    from flask_gosession.web.default_realm import confirm_login, login_fresh, login_user, logout_user
    from flask_gosession.web.identity import CurrentSession
    from flask_gosession.web.redirects import safe_next
    from flask_gosession.web.route_list import RouteView
else:
    __getattr__ = names_from(
        __name__,
        {
            "AuthError": "errors",
            "Claims": "tokens.types",
            "ConfigError": "errors",
            "CurrentSession": "web.identity",
            "Device": "session.device",
            "Finding": "findings",
            "GoSession": "extension",
            "GoSessionError": "errors",
            "Match": "engine.scanning",
            "Policy": "session.policy",
            "Record": "stores.base",
            "Revocation": "engine.results",
            "RouteView": "web.route_list",
            "Session": "session.record",
            "SessionEnd": "engine.results",
            "SessionManager": "engine.manager",
            "Stats": "engine.scanning",
            "Store": "stores.base",
            "StoreError": "errors",
            "SubjectView": "engine.inspection",
            "Swap": "stores.base",
            "TokenPair": "tokens.types",
            "TokenView": "engine.token_inspection",
            "confirm_login": "web.default_realm",
            "count_records": "engine.scanning",
            "current_session": "web.current",
            "current_user": "web.current",
            "derived_sid": "engine.adoption",
            "errors": "",
            "events": "",
            "fresh_login_required": "web.decorators",
            "inspect_token": "engine.token_inspection",
            "login_fresh": "web.default_realm",
            "login_required": "web.decorators",
            "login_user": "web.default_realm",
            "logout_user": "web.default_realm",
            "open_store": "stores.registry",
            "permissions_required": "web.decorators",
            "protect": "web.decorators",
            "public": "web.decorators",
            "require_login": "web.decorators",
            "roles_required": "web.decorators",
            "safe_next": "web.redirects",
            "signals": "",
        },
    )

__all__ = [
    "AuthError",
    "Claims",
    "ConfigError",
    "CurrentSession",
    "Device",
    "Finding",
    "GoSession",
    "GoSessionError",
    "Match",
    "Policy",
    "Record",
    "Revocation",
    "RouteView",
    "Session",
    "SessionEnd",
    "SessionManager",
    "Stats",
    "Store",
    "StoreError",
    "SubjectView",
    "Swap",
    "TokenPair",
    "TokenView",
    "__version__",
    "confirm_login",
    "count_records",
    "current_session",
    "current_user",
    "derived_sid",
    "errors",
    "events",
    "fresh_login_required",
    "inspect_token",
    "login_fresh",
    "login_required",
    "login_user",
    "logout_user",
    "open_store",
    "permissions_required",
    "protect",
    "public",
    "require_login",
    "roles_required",
    "safe_next",
    "signals",
]


def __dir__() -> list[str]:
    return __all__
