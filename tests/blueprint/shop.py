"""A shop with the ready-made endpoints, and those who call them: a browser with cookies, an app with tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_gosession import GoSession, TokenPair
from flask_gosession.manager import SessionManager
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

PASSWORDS = {"ada": "engine", "bob": "builder"}


@dataclass
class Shop:
    """An app with the endpoints, its store that can be told to fail, and its clock."""

    app: Flask
    gosession: GoSession[Any]
    store: FaultyStore
    clock: FakeClock

    @property
    def manager(self) -> SessionManager:
        with self.app.app_context():
            return self.gosession.manager

    def login(self, subject: str = "ada", **options: Any) -> TokenPair:
        """Sign in without a request."""
        return self.manager.login(subject, **options)

    def browser(self) -> Browser:
        return Browser(self.app.test_client())

    def call(self, method: str, path: str, token: str | None = None, **options: Any) -> TestResponse:
        """Call an endpoint with a bearer token, or none."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
        return self.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **options)

    def post(self, path: str, token: str | None = None, **options: Any) -> TestResponse:
        return self.call("POST", path, token, **options)

    def get(self, path: str, token: str | None = None, **options: Any) -> TestResponse:
        return self.call("GET", path, token, **options)

    def lives(self, pair: TokenPair) -> bool:
        """Whether the session of a pair is live, as an app on a phone finds out."""
        return self.get("/auth/session", pair.access_token).status_code == 200


class Browser:
    """Keeps cookies, and sends the CSRF value that it can read."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def cookie(self, name: str, path: str = "/") -> str | None:
        found = self.client.get_cookie(name, path=path)
        return found.value if found else None

    def login(self, subject: str = "ada", **body: Any) -> TestResponse:
        given = {"username": subject, "password": PASSWORDS[subject], **body}
        answer = self.client.post("/auth/login", json=given)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer

    def call(self, method: str, path: str, *, csrf: bool = True, **options: Any) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if csrf:
            headers.setdefault("X-CSRF-Token", self.cookie("gosession_csrf") or "")
        return self.client.open(path, method=method, headers=headers, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)


def verify(username: str, password: str) -> str | None:
    """Return the user of these credentials."""
    return username if PASSWORDS.get(username) == password else None


def new_app(**config: Any) -> Flask:
    app = Flask("shop")
    app.testing = True
    app.secret_key = "of-a-shop-under-test-and-long-enough"
    app.config.update({f"GOSESSION_{name}": value for name, value in config.items()})
    return app


def open_shop(
    clock: FakeClock,
    *,
    verifier: Callable[..., Any] | None = verify,
    loader: Callable[[str], Any] | None = None,
    blueprint: dict[str, Any] | None = None,
    register: dict[str, Any] | None = None,
    **config: Any,
) -> Shop:
    """Return a shop; *blueprint* and *register* go to `GoSession.blueprint` and to `register_blueprint`."""
    store = FaultyStore(MemoryStore())
    app = new_app(STORE=store, **config)
    gosession = GoSession(app, clock=clock, user_loader=loader)
    if verifier is not None:
        gosession.credential_verifier(verifier)
    app.register_blueprint(gosession.blueprint(**(blueprint or {})), **(register or {}))
    return Shop(app, gosession, store, clock)


def error_of(answer: TestResponse) -> tuple[int, str]:
    """Return status and stable text of a refusal, which has the shape of all refusals."""
    body = answer.get_json()
    assert {"error", "message", "reason"} <= body.keys()
    return answer.status_code, body["error"]


def cookies_of(answer: TestResponse) -> set[str]:
    """Return the names of the cookies that an answer sets or unsets."""
    return {header.split("=", 1)[0] for header in answer.headers.getlist("Set-Cookie")}
