"""The same small site on each stack: one view that greets the user by what Redis knows of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import redis
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from flask_gosession import GoSession, current_user, login_required
from flask_gosession.session.device import Device

from .bench import Bench

SECRET = "4b8c6ab1f0d7e2935a6c8d1e0f3b5a79c2d4e6f8a1b3c5d7"
USER: dict[str, Any] = {"id": "ada", "name": "Ada", "email": "ada@example.org", "roles": ["user", "editor"]}
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"

HERE = Device("203.0.113.77", AGENT, "Chrome on Linux")

Call = Callable[[], None]


def call(app: Flask, path: str, **headers: str) -> Call:
    """Return what makes one request in this process, as a server would; raise unless its answer is the user's name."""
    sent = Headers({"User-Agent": AGENT, **headers})
    environ = EnvironBuilder(path=path, headers=sent).get_environ()

    def go() -> None:
        answer = app.wsgi_app(dict(environ), _start_response)
        b"".join(answer)
        answer.close()  # type: ignore[attr-defined]  # Flask's answers have it

    seen = app.test_client(use_cookies=False).get(path, headers=sent)
    if seen.text != USER["name"]:
        raise RuntimeError(f"{path} answered {seen.status}")
    go()
    return go


def _start_response(_status: str, _headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
    return len


def site(name: str) -> Flask:
    """Return an app with a secret, as all have: opening Flask's own session with it costs each request the same."""
    app = Flask(name)
    app.config["SECRET_KEY"] = SECRET
    return app


def bare(client: Any) -> dict[str, Call]:
    """Return a request that asks nobody, and one whose view does one GET of the size of a record."""
    app = site("bare")
    client.set("bench:bare", b"x" * 400)

    @app.get("/bare")
    def bare() -> str:
        return str(USER["name"])

    @app.get("/get")
    def get() -> str:
        client.get("bench:bare")
        return str(USER["name"])

    return {"bare": call(app, "/bare"), "bare_get": call(app, "/get")}


def ours(bench: Bench, *, sessions: int = 1, **settings: Any) -> Call:
    """Return a request with a strict check and user info, of a subject with so many sessions."""
    app = site("gosession")
    app.config.update(GOSESSION_STORE=bench.url, GOSESSION_KEY_PREFIX=f"bench-{secrets.token_hex(4)}")
    app.config.update({f"GOSESSION_{name.upper()}": value for name, value in settings.items()})
    gosession: GoSession[dict[str, Any]] = GoSession(app, user_loader=_load)

    @app.get("/me")
    @login_required
    def me() -> str:
        return str(current_user["name"])

    with app.test_request_context(headers={"User-Agent": AGENT}):
        bench.closing.callback(gosession.manager.close)
        tokens = [gosession.manager.login("ada", device=HERE).access_token for _ in range(sessions)]
    return call(app, "/me", Authorization=f"Bearer {tokens[-1]}")


def _load(subject: str) -> dict[str, Any]:
    return {**USER, "id": subject}


def jwt_extended(client: Any, *, blocklist: bool = True, user: bool = True) -> Call:
    """Return a request with Flask-JWT-Extended's check, its blocklist and its user as its documentation has them."""
    from flask_jwt_extended import JWTManager, create_access_token, current_user, get_jwt_identity, jwt_required

    app = site("jwt")
    app.config.update(JWT_SECRET_KEY=SECRET)
    jwt = JWTManager(app)
    client.set("bench:user:ada", json.dumps(USER))
    if blocklist:
        jwt.token_in_blocklist_loader(lambda _header, payload: client.get(f"bench:ended:{payload['jti']}") is not None)
    if user:
        jwt.user_lookup_loader(lambda _header, payload: json.loads(client.get(f"bench:user:{payload['sub']}")))

    @app.get("/me")
    @jwt_required()
    def me() -> str:
        return str(current_user["name"] if user else USER["name"] if get_jwt_identity() else "")

    with app.app_context():
        token = create_access_token(identity=USER["id"])
    return call(app, "/me", Authorization=f"Bearer {token}")


def login_manager(client: Any, *, on_server: bool) -> Call:
    """Return a request with Flask-Login's check, its session in the cookie or, by Flask-Session, in Redis."""
    from flask_login import LoginManager, UserMixin, current_user, login_required, login_user

    app = site("login")
    if on_server:
        from flask_session import Session

        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
        Session(app)

    class User(UserMixin):
        def __init__(self, values: dict[str, Any]) -> None:
            self.id, self.name = values["id"], values["name"]

    client.set("bench:user:ada", json.dumps(USER))
    users = LoginManager(app)
    users.user_loader(lambda subject: User(json.loads(client.get(f"bench:user:{subject}"))))

    @app.get("/in")
    def sign_in() -> str:
        login_user(User(USER))
        return "in"

    @app.get("/me")
    @login_required
    def me() -> str:
        return str(current_user.name)

    browser = app.test_client()
    browser.get("/in", headers={"User-Agent": AGENT})
    cookie = browser.get_cookie("session")
    assert cookie is not None
    return call(app, "/me", Cookie=f"session={cookie.value}")


class Peers:
    """The requests of those peers that are installed, and a sentence about those that are not."""

    def __init__(self, client: redis.Redis) -> None:
        self.calls: dict[str, Call] = {}
        self.missing: list[str] = []
        self._add(
            "Flask-JWT-Extended", ("flask_jwt_extended",), lambda: jwt_extended(client, blocklist=False, user=False)
        )
        self._add("Flask-JWT-Extended, blocklist", ("flask_jwt_extended",), lambda: jwt_extended(client, user=False))
        self._add("Flask-JWT-Extended, blocklist, user", ("flask_jwt_extended",), lambda: jwt_extended(client))
        self._add("Flask-Login, user", ("flask_login",), lambda: login_manager(client, on_server=False))
        self._add(
            "Flask-Session + Flask-Login",
            ("flask_session", "flask_login"),
            lambda: login_manager(client, on_server=True),
        )

    def _add(self, name: str, modules: tuple[str, ...], make: Callable[[], Call]) -> None:
        absent = [module for module in modules if find_spec(module) is None]
        if absent:
            self.missing.append(f"  {name} is left out: {', '.join(absent)} is not installed (extra `bench`).")
        else:
            self.calls[name] = make()
