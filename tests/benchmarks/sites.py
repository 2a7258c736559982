"""The same small site on each stack: one view that greets the user by what Redis knows of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, ClassVar, NamedTuple

import redis
from flask import Flask, Response, request
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from flask_gosession import GoSession, SessionManager, TokenPair, current_user, login_required
from flask_gosession.session.device import Device
from flask_gosession.web.state import state_of
from flask_gosession.web.visit import visit_of

from .bench import Bench

SECRET = "4b8c6ab1f0d7e2935a6c8d1e0f3b5a79c2d4e6f8a1b3c5d7"
USER: dict[str, Any] = {"id": "ada", "name": "Ada", "email": "ada@example.org", "roles": ["user", "editor"]}
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"

HERE = Device("203.0.113.77", AGENT, "Chrome on Linux")

Call = Callable[[], None]


class Stack(NamedTuple):
    """An app, and the request that it is asked."""

    app: Flask
    path: str
    headers: dict[str, str]


def stack(app: Flask, path: str, **headers: str) -> Stack:
    """Return an app with the request that it is asked."""
    return Stack(app, path, {"User-Agent": AGENT, **headers})


def call(asked: Stack) -> Call:
    """Return what makes one request in this process, as a server would; raise unless its answer is the user's name."""
    app, path, environ = asked.app, asked.path, environ_of(asked)

    def go() -> None:
        answer = app.wsgi_app(dict(environ), _start_response)
        b"".join(answer)
        answer.close()  # type: ignore[attr-defined]  # Flask's answers have it

    seen = app.test_client(use_cookies=False).get(path, headers=Headers(asked.headers))
    if seen.text != USER["name"]:
        raise RuntimeError(f"{app.name} answered {seen.status}")
    go()
    return go


def environ_of(asked: Stack) -> dict[str, Any]:
    """Return what a WSGI server hands over for the request of a stack."""
    return EnvironBuilder(path=asked.path, headers=Headers(asked.headers)).get_environ()


def answer_of(app: Flask, environ: dict[str, Any]) -> tuple[str, str]:
    """Return the status code that *app* answers, and its text."""
    told: list[str] = []
    answer = app.wsgi_app(dict(environ), lambda status, _headers, _error=None: told.append(status[:3]))  # type: ignore[arg-type,return-value]  # nobody writes
    text = b"".join(answer).decode()
    answer.close()  # type: ignore[attr-defined]  # Flask's answers have it
    return told[0], text


def status_of(app: Flask, environ: dict[str, Any]) -> str:
    """Return the status code that *app* answers."""
    return answer_of(app, environ)[0]


def signed_in(manager: SessionManager, subject: str = "ada") -> TokenPair:
    """Return the tokens of a new session whose user is known to the store."""
    pair = manager.login(subject, device=HERE)
    manager.check_with_user(pair.access_token)
    return pair


def _start_response(_status: str, _headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
    return len


def site(name: str) -> Flask:
    """Return an app with a secret, as all have: opening Flask's own session with it costs each request the same."""
    app = Flask(name)
    app.config["SECRET_KEY"] = SECRET
    return app


def bare(client: Any, size: int = 400) -> dict[str, Stack]:
    """Return a request that asks nobody, and one whose view does one GET of *size* bytes: by default, of a record."""
    app, key = site("bare"), f"bench:bare:{size}"
    client.set(key, b"x" * size)

    @app.get("/bare")
    def bare() -> str:
        return str(USER["name"])

    @app.get("/get")
    def get() -> str:
        client.get(key)
        return str(USER["name"])

    return {"bare": stack(app, "/bare"), "bare_get": stack(app, "/get")}


def ours(bench: Bench, *, sessions: int = 1, prefix: str | None = None, path: str = "/me", **settings: Any) -> Stack:
    """Return a request with a strict check and user info, of a subject with so many sessions."""
    app = site("gosession")
    app.config.update(GOSESSION_STORE=bench.url, GOSESSION_KEY_PREFIX=prefix or f"bench-{secrets.token_hex(4)}")
    app.config.update({f"GOSESSION_{name.upper()}": value for name, value in settings.items()})
    gosession: GoSession[dict[str, Any]] = GoSession(app, user_loader=_load)

    @app.get("/me")
    @login_required
    def me() -> str:
        return str(current_user["name"])

    @app.get("/level")
    @login_required
    def level() -> str:
        return visit_of("default").authenticate().level  # "cached" only if a verdict was relied on

    app.add_url_rule("/public", view_func=lambda: str(USER["name"]))
    with app.test_request_context(headers={"User-Agent": AGENT}):
        bench.closing.callback(gosession.manager.close)
        tokens = [gosession.manager.login("ada", device=HERE).access_token for _ in range(sessions)]
    return stack(app, path, **({"Authorization": f"Bearer {tokens[-1]}"} if path == "/me" else {}))


def manager_of(asked: Stack) -> SessionManager:
    """Return the sessions of an app that `ours` has made."""
    return state_of("default", asked.app).manager


def by_cookie(bench: Bench, **settings: Any) -> Stack:
    """Return the same request as `ours`, with the token in a cookie, as pages have it."""
    app = ours(bench, token_locations=["cookie"], path="/public", **settings).app
    state = state_of("default", app)
    token = state.manager.login("ada", device=HERE, cookies=True).access_token
    return stack(app, "/me", Cookie=f"{state.transport.jar.access.name}={token}")


def hooked() -> Stack:
    """Return a request that asks nobody, in an app with a hook after requests that does nothing."""
    app = site("hooked")
    app.add_url_rule("/bare", view_func=lambda: str(USER["name"]))
    app.after_request(lambda response: response)
    return stack(app, "/bare")


def by_hand() -> Stack:
    """Return a request with a check in its barest form, which no library can undercut: a look into a dict of verdicts.

    The view takes the token out of the environment, and a hook marks the answer as private.
    """
    app, token = site("by hand"), secrets.token_urlsafe(150)
    verdicts = {f"Bearer {token}": USER}

    @app.get("/me")
    def me() -> str:
        return str(verdicts[request.environ["HTTP_AUTHORIZATION"]]["name"])

    @app.after_request
    def marked(response: Response) -> Response:
        response.headers.add("Cache-Control", "private, no-store")
        return response

    return stack(app, "/me", Authorization=f"Bearer {token}")


def _load(subject: str) -> dict[str, Any]:
    return {**USER, "id": subject}


def jwt_extended(client: Any, *, blocklist: bool = True, user: bool = True) -> Stack:
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
    return stack(app, "/me", Authorization=f"Bearer {token}")


def login_manager(client: Any, *, on_server: bool) -> Stack:
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
    return stack(app, "/me", Cookie=f"session={cookie.value}")


def security(client: Any) -> Stack:
    """Return a request with Flask-Security's token, and its user from a database in memory."""
    from flask_security import RoleMixin, Security, SQLAlchemyUserDatastore, UserMixin, auth_required, current_user
    from flask_sqlalchemy import SQLAlchemy

    app = site("security")
    app.config.update(
        SECURITY_PASSWORD_SALT=SECRET,
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_JOIN_USER_ROLES=False,
    )
    database = SQLAlchemy(app)

    class Role(database.Model, RoleMixin):  # type: ignore[name-defined,misc]  # made at run time
        id = database.Column(database.Integer, primary_key=True)
        name = database.Column(database.String(80))

    class User(database.Model, UserMixin):  # type: ignore[name-defined,misc]  # made at run time
        id = database.Column(database.Integer, primary_key=True)
        name = database.Column(database.String(80))
        email = database.Column(database.String(255), unique=True)
        password = database.Column(database.String(255))
        active = database.Column(database.Boolean)
        fs_uniquifier = database.Column(database.String(64), unique=True)
        roles: ClassVar[list[Any]] = []

    users = SQLAlchemyUserDatastore(database, User, Role)
    Security(app, users)

    @app.get("/me")
    @auth_required("token")
    def me() -> str:
        return str(current_user.name)

    with app.app_context():
        database.create_all()
        user = users.create_user(
            name=USER["name"], email="ada@example.org", password="x", active=True, fs_uniquifier="f" * 32
        )
        database.session.commit()
        token = user.get_auth_token()
    return stack(app, "/me", **{"Authentication-Token": token})


class Peers:
    """The requests of those peers that are installed, or of the *only* one; a sentence about those that are not."""

    def __init__(self, client: redis.Redis, *, only: str | None = None) -> None:
        self._only = only
        self.stacks: dict[str, Stack] = {}
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
        self._add("Flask-Security token, user from SQLite", ("flask_security",), lambda: security(client))

    @property
    def calls(self) -> dict[str, Call]:
        """Their requests, in this process."""
        return {name: call(each) for name, each in self.stacks.items()}

    def _add(self, name: str, modules: tuple[str, ...], make: Callable[[], Stack]) -> None:
        absent = [module for module in modules if find_spec(module) is None]
        if absent:
            self.missing.append(f"  {name} is left out: {', '.join(absent)} is not installed (extra `bench`).")
        elif self._only in (None, name):
            self.stacks[name] = make()
