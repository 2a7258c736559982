"""A pytest plugin that puts the adapter in the place of the peer's class, before the peer's tests import it."""

from __future__ import annotations

import os
import time
from typing import Any

from flask import Flask

from flask_gosession import GoSession

FAR = time.time() + 365 * 86_400
SETTINGS = {"GOSESSION_TOKEN_LOCATIONS": ["header", "cookie"], "GOSESSION_LEGACY_UNTIL": FAR}


def set_up(app: Flask) -> None:
    """Do what the page about the move asks for, once; the suites' short keys are those of tests."""
    if "gosession" in app.extensions:
        return
    testing, app.testing = app.testing, True
    for name, value in SETTINGS.items():
        app.config.setdefault(name, value)
    app.secret_key = app.secret_key or "of-a-suite-that-needs-none"
    GoSession(app, context_processor=False)
    app.testing = testing


def use_flask_login() -> None:
    """Let ``from flask_login import LoginManager`` bring the adapter."""
    import flask_login

    from flask_gosession.adapters.flask_login import RevocableLoginManager

    class Adapter(RevocableLoginManager):
        def init_app(self, app: Flask, *args: Any, **options: Any) -> None:
            set_up(app)
            super().init_app(app, *args, **options)

    flask_login.LoginManager = Adapter


def use_flask_jwt_extended() -> None:
    """Let ``from flask_jwt_extended import JWTManager`` bring the adapter."""
    import flask_jwt_extended

    from flask_gosession.adapters.flask_jwt_extended import RevocableJWTManager

    class Adapter(RevocableJWTManager):
        def init_app(self, app: Flask, *args: Any, **options: Any) -> None:
            set_up(app)
            super().init_app(app, *args, **options)

    flask_jwt_extended.JWTManager = Adapter


{"flask-login": use_flask_login, "flask-jwt-extended": use_flask_jwt_extended}[os.environ["PEER"]]()
