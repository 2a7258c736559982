"""The app under test, for gunicorn: `faults.app:app`. Environment variables and a folder of notes steer it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from drawn import drawn
from flask import Flask, jsonify, request

from flask_gosession import GoSession
from flask_gosession.stores.registry import open_store

from .holding import keep_when_told

NOTES = Path(os.environ.get("FAULTS_NOTES", "/nonexistent"))
DAY = 86_400
LONGEST = 3600
"""Seconds that a session lives at most."""
USER_TTL = 1
"""Seconds after which a user is loaded anew."""
COUNTED = "counted-"
"""How the names of users begin whose loads are counted."""


def note(name: str) -> str:
    """Return what stands in a note, or nothing."""
    try:
        return (NOTES / name).read_text()
    except OSError:
        return ""


def leave(name: str, line: str) -> None:
    """Add a line to a note."""
    with (NOTES / name).open("a") as lines:
        lines.write(f"{line}\n")


def clock() -> float:
    """Return the time, as wrong as this worker is told to be."""
    return time.time() + float(os.environ.get("FAULTS_SKEW", "0")) + float(note("clock") or 0)


def load_user(subject: str) -> dict[str, str]:
    """Return the user, unless told otherwise; somebody who is counted leaves a line for each load."""
    if subject.startswith(COUNTED):
        leave("loads", subject)
    how = note("loader")
    if how == "raise":
        raise RuntimeError("the user table is gone")
    if how:
        time.sleep(float(how))
    return {"name": subject}


class DeadlyStore:
    """Wraps a store, and ends the worker before or after a swap of a request that asks for it."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def swap(self, *arguments: Any, **options: Any) -> Any:
        """Swap, or die."""
        when = request.headers.get("X-Die")
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        outcome = self._store.swap(*arguments, **options)
        if when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome


class Timed:
    """A WSGI app that says in a header how long it took."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        began = time.monotonic()

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Seconds", f"{time.monotonic() - began:.4f}")], *rest)

        return self._app(environ, start)


def make_app(url: str) -> Flask:
    """Return an app over the store at *url* that anybody may sign in to."""
    app = Flask("shop")
    app.secret_key = drawn("faults")
    store: Any = DeadlyStore(open_store(url)) if "FAULTS_DEADLY" in os.environ else url
    settings = {
        "STORE": store,
        "TOUCH_INTERVAL": 1,
        "USER_TTL": USER_TTL,
        "ABSOLUTE_TIMEOUT": LONGEST,
        "IDLE_TIMEOUT": LONGEST // 2,
        "CLIENT_LIMITS": {"web": 50, "only": 1},
        "WAIT_REPLICAS": int(os.environ.get("FAULTS_REPLICAS", "0")),
    }
    app.config.update({f"GOSESSION_{name}": value for name, value in settings.items()})
    gosession: GoSession[Any] = GoSession(app, user_loader=load_user, clock=clock)
    app.register_blueprint(gosession.blueprint())

    @app.post("/login")
    def login():
        body = request.get_json()
        return jsonify(gosession.login_user(body["user"], client=body.get("client", "web")).to_dict())

    @app.get("/me")
    @gosession.login_required
    def me():
        return jsonify(sub=gosession.current_user["name"])

    @app.get("/pid")
    def pid():
        return str(os.getpid())

    app.wsgi_app = Timed(app.wsgi_app)  # type: ignore[method-assign]  # as Flask's documentation does
    return app


if "FAULTS_STORE" in os.environ:
    if "FAULTS_KEEPS" in os.environ:
        keep_when_told(note, leave)
    app = make_app(os.environ["FAULTS_STORE"])
    if "FAULTS_PRELOADED" in os.environ:  # what workers are forked from has used the store
        app.test_client().post("/login", json={"user": "parent"})
