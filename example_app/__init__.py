"""A small app that shows revocable sessions at work: a JSON API, and a page to sign in and see the session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from example_app import api, pages
from example_app.headers import harden
from example_app.secret import kept_secret
from example_app.users import User, Users
from flask_gosession import GoSession

DEFAULTS = {
    "MAX_CONTENT_LENGTH": 64 * 1024,
    "GOSESSION_TOKEN_LOCATIONS": ("header", "cookie"),
    "GOSESSION_LOGIN_VIEW": "pages.sign_in",
    # This app is tried out over plain HTTP; behind HTTPS set FLASK_GOSESSION_COOKIE_SECURE=true.
    "GOSESSION_COOKIE_SECURE": False,
}


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the app, configured by *config* over ``FLASK_*`` environment variables over its defaults.

    Users, sessions and the secret are kept in ``DATA_FOLDER``, by default Flask's instance folder.
    """
    app = Flask(__name__)
    app.config.from_mapping(DEFAULTS)
    app.config.from_prefixed_env()
    app.config.from_mapping(config or {})
    folder = Path(app.config.setdefault("DATA_FOLDER", app.instance_path))
    folder.mkdir(0o700, parents=True, exist_ok=True)
    app.config.setdefault("GOSESSION_STORE", f"sqlite:///{folder.resolve()}/sessions.db")
    if app.secret_key is None:
        app.secret_key = kept_secret(folder)

    users = Users(folder / "users.db")
    gosession: GoSession[User] = GoSession(app, user_loader=users.by_subject)
    app.register_blueprint(gosession.blueprint())
    app.register_blueprint(api.make_blueprint(gosession, users))
    app.register_blueprint(pages.make_blueprint(gosession, users))
    harden(app)
    return app
