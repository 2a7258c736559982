"""A small app under test, and a client that asks it by header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from flask_gosession import GoSession, TokenPair
from flask_gosession.testing.clock import FakeClock

LONG = "a-key-for-a-shop-under-test-0123456789"


@dataclass
class Shop:
    """An app and its extension."""

    app: Flask
    gosession: GoSession[Any]
    clock: FakeClock

    @property
    def manager(self):
        with self.app.app_context():
            return self.gosession.manager

    @property
    def codec(self):
        return self.manager.codec

    def login(self, subject: str = "ada", **options: Any) -> TokenPair:
        """Return the tokens of a new session, made beside any request."""
        return self.manager.login(subject, **options)

    def get(self, token: str | None = None, path: str = "/me", **options: Any) -> TestResponse:
        """Ask with a bearer token, or without one."""
        headers = [*options.pop("headers", {}).items()]
        if token is not None:
            headers.append(("Authorization", f"Bearer {token}"))
        with self.app.test_client(use_cookies=False) as client:
            return client.open(path, headers=headers, **options)


def bare_app(*, testing: bool = True, secret_key: Any = LONG, **config: Any) -> Flask:
    """Return an app without the extension; settings come without their prefix."""
    app = Flask("shop", root_path="/nonexistent", template_folder="templates")
    app.testing = testing
    app.config["SECRET_KEY"] = secret_key
    app.config.update({f"GOSESSION_{name}": value for name, value in config.items()})
    return app


def make_shop(config: dict[str, Any], clock: FakeClock, *, app: Flask | None = None, user_loader: Any = None) -> Shop:
    """Return an app with one guarded and one public view; more may be added before the first request."""
    app = app or bare_app()
    app.config.update({f"GOSESSION_{name}": value for name, value in config.items()})
    gosession: GoSession[Any] = GoSession(app, clock=clock, user_loader=user_loader)
    app.add_url_rule("/me", view_func=gosession.login_required(me_of(gosession)), methods=["GET", "POST"])
    return Shop(app, gosession, clock)


def me_of(gosession: GoSession[Any]):
    """Return a view that says who is asking."""

    def me():
        return {"sub": gosession.current_session.subject, "user": gosession.current_user}

    return me
