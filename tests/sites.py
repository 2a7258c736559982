"""A small site under test: an app with the extension, views or endpoints, and browsers and phones that visit it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from blinker import NamedSignal
from drawn import drawn
from flask import Flask, jsonify, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_gosession import GoSession, SessionManager, TokenPair, signals
from flask_gosession.events import Event
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

LOGIN_OPTIONS = ("client", "remember", "lifetime", "idle", "access_lifetime", "limit", "on_limit", "cookies", "data")

SIGNALS = [one for one in vars(signals).values() if isinstance(one, NamedSignal)]

LONG = drawn("site")
PASSWORDS = {"ada": "engine", "bob": "builder"}

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
    events: list[Event] = field(default_factory=list)

    @property
    def manager(self) -> SessionManager:
        with self.app.app_context():
            return self.gosession.manager

    @property
    def codec(self):
        return self.manager.codec

    def pair(self, subject: str = "ada", **options: Any) -> TokenPair:
        """Return the tokens of a new session, made beside any request."""
        return self.manager.login(subject, **options)

    def browser(self, **environ: Any) -> Visitor:
        """Return a client with a cookie jar of its own."""
        return Visitor(self.app.test_client(), environ)

    def login(self, subject: str = "ada", *, environ: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Sign in as an app on a phone does, and return the answer's body."""
        answer = self.browser(**(environ or {})).login(subject, **options)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def get(self, token: str | None = None, path: str = "/me", *, method: str = "GET", **options: Any) -> TestResponse:
        """Ask with a bearer token, or without one."""
        return self.send(method, path, token, **options)

    def send(self, method: str, path: str, token: str | None = None, **options: Any) -> TestResponse:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
        return self.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **options)

    def refresh(self, pair: dict[str, Any], **options: Any) -> TestResponse:
        """Refresh by header, with whichever token is for it."""
        return self.send("POST", "/auth/refresh", pair.get("refresh_token") or pair["access_token"], **options)

    def lives(self, pair: TokenPair) -> bool:
        """Whether the session of a pair is live, as an app on a phone finds out."""
        return self.get(pair.access_token, "/auth/session").status_code == 200

    def hear(self, _sender: Flask, event: Event) -> None:
        self.events.append(event)

    def told(self, kind: type[Event]) -> list[Any]:
        """Return the events of a kind, the oldest first."""
        return [event for event in self.events if isinstance(event, kind)]


class Visitor:
    """A browser: keeps cookies, sends the CSRF value that it can read."""

    def __init__(self, client: FlaskClient, environ: dict[str, Any] | None = None) -> None:
        self.client = client
        self.environ = environ or {}

    def sign_in(self, subject: str = "ada", **body: Any) -> TestResponse:
        """Sign in at the ready-made endpoint."""
        given = {"username": subject, "password": PASSWORDS[subject], **body}
        answer = self.post("/auth/login", json=given)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer

    def login(self, subject: str = "ada", **options: Any) -> TestResponse:
        return self.client.post("/login", json={"user": subject, **options}, environ_overrides=self.environ)

    def get(self, path: str = "/me", **options: Any) -> TestResponse:
        return self.client.get(path, environ_overrides=self.environ, **options)

    def post(self, path: str = "/me", **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def call(self, method: str, path: str, *, csrf: bool = True, **options: Any) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if csrf and (value := self.cookie("gosession_csrf")):
            headers.setdefault("X-GoSession-CSRF", value)
        return self.client.open(path, method=method, headers=headers, environ_overrides=self.environ, **options)

    def cookie(self, name: str, path: str = "/") -> str | None:
        found = self.client.get_cookie(name, path=path)
        return found.value if found else None

    def keep(self, name: str, value: str, path: str = "/") -> None:
        self.client.set_cookie(name, value, path=path)


def make_app(*, testing: bool = True, secret_key: Any = LONG, **config: Any) -> Flask:
    """Return an app without the extension; settings come without their prefix."""
    app = Flask("shop", root_path="/nonexistent", template_folder="templates")
    app.testing = testing
    app.config["SECRET_KEY"] = secret_key
    app.config.update({f"GOSESSION_{name}": value for name, value in config.items()})
    return app


def open_site(
    clock: FakeClock,
    store: FaultyStore | None = None,
    *,
    app: Flask | None = None,
    views: Callable[[Flask, GoSession[Any]], None] | None = None,
    loader: Callable[[str], Any] | None = None,
    verifier: Callable[..., Any] | None = None,
    blueprint: dict[str, Any] | None = None,
    register: dict[str, Any] | None = None,
    rng: Callable[[], float] | None = None,
    **config: Any,
) -> Site:
    """Return a site with *views* (`add_views`); more can be added before the first request.

    *blueprint* and *register* go to `GoSession.blueprint` and to `register_blueprint`; None leaves the endpoints out.
    """
    app = app or make_app()
    store = store or FaultyStore(MemoryStore(clock=clock))
    settings = {"STORE": store, **config}
    app.config.update({f"GOSESSION_{name}": value for name, value in settings.items()})
    gosession: GoSession[Any] = GoSession(app, clock=clock, user_loader=loader)
    if verifier is not None:
        gosession.credential_verifier(verifier)
    if blueprint is not None:
        app.register_blueprint(gosession.blueprint(**blueprint), **(register or {}))
    (views or add_views)(app, gosession)
    site = Site(app, gosession, store, clock)
    if rng is not None:
        site.manager.issuer.rng = rng
    for signal in SIGNALS:
        signal.connect(site.hear, app)
    return site


def verify(username: str, password: str) -> str | None:
    """Return the user of these credentials."""
    return username if PASSWORDS.get(username) == password else None


def add_no_views(_app: Flask, _gosession: GoSession[Any]) -> None:
    """Leave a site to its endpoints."""


def add_me(app: Flask, gosession: GoSession[Any]) -> None:
    """Add a view that says who is asking."""

    @app.route("/me", methods=["GET", "POST"])
    @gosession.login_required
    def me():
        return {"sub": gosession.current_session.subject, "user": gosession.current_user}


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


open_endpoints = partial(open_site, views=add_no_views, verifier=verify, blueprint={})
"""Returns a site of the ready-made endpoints alone."""


def error_of(answer: TestResponse) -> tuple[int, str]:
    """Return status and stable text of a refusal, which has the shape of all refusals."""
    body = answer.get_json()
    assert {"error", "message", "reason"} <= body.keys()
    return answer.status_code, body["error"]


def cookies_of(answer: TestResponse) -> set[str]:
    """Return the names of the cookies that an answer sets or unsets."""
    return {header.split("=", 1)[0] for header in answer.headers.getlist("Set-Cookie")}
