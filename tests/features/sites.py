"""A small site under test: an app with the extension, a few views, and browsers and phones that visit it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, jsonify, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_gosession import GoSession
from flask_gosession.events import Event
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

LOGIN_OPTIONS = ("client", "remember", "lifetime", "idle", "access_lifetime", "limit", "on_limit", "cookies", "data")

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)


@dataclass
class Site:
    """An app, what it is made of, and what its sessions have told so far."""

    app: Flask
    gosession: GoSession[Any]
    store: FaultyStore
    clock: FakeClock
    events: list[Event]

    @property
    def manager(self):
        with self.app.app_context():
            return self.gosession.manager

    def browser(self, **environ: Any) -> Visitor:
        """Return a client with a cookie jar of its own."""
        return Visitor(self.app.test_client(), environ)

    def login(self, subject: str = "ada", *, environ: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Sign in as an app on a phone does, and return the answer's body."""
        answer = self.browser(**(environ or {})).login(subject, **options)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def get(self, token: str | None, path: str = "/me", **options: Any) -> TestResponse:
        """Ask with a bearer token."""
        return self.send("GET", path, token, **options)

    def send(self, method: str, path: str, token: str | None, **options: Any) -> TestResponse:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
        return self.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **options)

    def refresh(self, pair: dict[str, Any], **options: Any) -> TestResponse:
        """Refresh by header, with whichever token is for it."""
        return self.send("POST", "/auth/refresh", pair.get("refresh_token") or pair["access_token"], **options)

    def told(self, kind: type[Event]) -> list[Any]:
        """Return the events of a kind, the oldest first."""
        return [event for event in self.events if isinstance(event, kind)]


class Visitor:
    """A browser: keeps cookies, sends the CSRF value that it can read."""

    def __init__(self, client: FlaskClient, environ: dict[str, Any]) -> None:
        self.client = client
        self.environ = environ

    def login(self, subject: str = "ada", **options: Any) -> TestResponse:
        return self.client.post("/login", json={"user": subject, **options}, environ_overrides=self.environ)

    def get(self, path: str = "/me", **options: Any) -> TestResponse:
        return self.client.get(path, environ_overrides=self.environ, **options)

    def post(self, path: str = "/me", *, csrf: bool = True, **options: Any) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if csrf and (value := self.cookie("gosession_csrf")):
            headers.setdefault("X-CSRF-Token", value)
        return self.client.post(path, headers=headers, environ_overrides=self.environ, **options)

    def cookie(self, name: str, path: str = "/") -> str | None:
        found = self.client.get_cookie(name, path=path)
        return found.value if found else None

    def keep(self, name: str, value: str, path: str = "/") -> None:
        self.client.set_cookie(name, value, path=path)


def make_app(**config: Any) -> Flask:
    """Return a bare app of the configuration; keys come without their prefix."""
    app = Flask("shop")
    app.testing = True
    app.secret_key = "of-a-site-under-test-and-long-enough"
    app.config.update({f"GOSESSION_{name}": value for name, value in config.items()})
    return app


def make_site(store: FaultyStore, clock: FakeClock, *, loader: Callable[[str], Any] | None = None, **config: Any):
    """Return a site of which every view is there; more can be added before the first request."""
    app = make_app(STORE=store, **config)
    gosession = GoSession(app, clock=clock, user_loader=loader)
    app.register_blueprint(gosession.blueprint())
    events: list[Event] = []
    with app.app_context():
        reporter = gosession.manager._reporter
        send = reporter.emit
        object.__setattr__(reporter, "emit", lambda event: (events.append(event), send(event)))
    add_views(app, gosession)
    return Site(app, gosession, store, clock, events)


def add_views(app: Flask, gosession: GoSession[Any]) -> None:
    """Add what most tests ask for."""

    @app.post("/login")
    def login():
        body = request.get_json()
        options = {name: body[name] for name in LOGIN_OPTIONS if name in body}
        return jsonify(gosession.login_user(body["user"], **options).to_dict())

    @app.route("/me", methods=["GET", "POST"])
    @gosession.login_required
    def me():
        session = gosession.current_session
        return jsonify(sub=session.subject, sid=session.sid, client=session.client, actor=session.actor)

    @app.get("/maybe")
    @gosession.login_required(optional=True)
    def maybe():
        session = gosession.current_session
        return jsonify(sub=session.subject if session else None)

    @app.get("/form")
    def form():
        return gosession.csrf_token()
