"""A small app that shows revocable sessions at work: a JSON API, and pages for people and their administrators."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from example_app import account, acting, admin, api, dashboard, devices, pages
from example_app.attempts import Attempts
from example_app.headers import harden
from example_app.problems import answer_problems, explain_sign_in
from example_app.profiles import Profiles
from example_app.quiet import hush
from example_app.secret import kept_secret
from example_app.templating import equip
from example_app.users import User, Users
from flask_gosession import GoSession

DEFAULTS = {
    "MAX_CONTENT_LENGTH": 64 * 1024,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "GOSESSION_TOKEN_LOCATIONS": ("header", "cookie"),
    "GOSESSION_LOGIN_VIEW": "pages.sign_in",
    "GOSESSION_LOGIN_MESSAGE": explain_sign_in,
    # This app is tried out over plain HTTP; behind HTTPS set FLASK_GOSESSION_COOKIE_SECURE=true.
    "GOSESSION_COOKIE_SECURE": False,
}


def create_app(config: Mapping[str, Any] | None = None, *, clock: Callable[[], float] = time.time) -> Flask:
    """Return the app, configured by *config* over ``FLASK_*`` environment variables over its defaults.

    Users, sessions and the secret are kept in ``DATA_FOLDER``, by default Flask's instance folder. *clock* returns Unix
    seconds; sessions go by it.
    """
    app = Flask(__name__)
    app.config.from_mapping(DEFAULTS)
    app.config.from_prefixed_env()
    app.config.from_mapping(config or {})
    folder = Path(app.config.setdefault("DATA_FOLDER", app.instance_path))
    folder.mkdir(0o700, parents=True, exist_ok=True)
    app.config.setdefault("GOSESSION_STORE", f"sqlite:///{folder.resolve()}/sessions.db")
    app.config.setdefault("GOSESSION_AUDIT", f"sqlite:///{folder.resolve()}/audit.db")
    if app.secret_key is None:
        app.secret_key = kept_secret(folder)

    database = folder / "users.db"
    users, profiles = Users(database), Profiles(database)
    gosession: GoSession[User] = GoSession(app, user_loader=users.by_subject, clock=clock)
    app.register_blueprint(gosession.blueprint())
    attempts = Attempts(database, users, clock)
    app.register_blueprint(api.make_blueprint(gosession, attempts))
    app.register_blueprint(pages.make_blueprint(gosession, attempts))
    app.register_blueprint(account.make_blueprint(gosession, users, attempts, profiles))
    app.register_blueprint(devices.make_blueprint(gosession))
    app.register_blueprint(admin.make_blueprint(gosession, users))
    app.register_blueprint(dashboard.make_blueprint(gosession))
    app.register_blueprint(acting.make_blueprint(gosession, users))
    answer_problems(app, gosession)
    equip(app, gosession)
    harden(app)
    hush()
    return app
