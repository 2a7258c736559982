"""Apps whose `flask.session` is in the record, and browsers that visit them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, flash, get_flashed_messages, request, session
from sites import Site, make_app, open_site

from flask_gosession import GoSession
from flask_gosession.adapters.session import RecordSessionInterface
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore


def act(site: Site) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Return what serves a function under ``/do/<its name>``, also after the first request."""

    def adding(view: Callable[[], Any]) -> Callable[[], Any]:
        site.app.extensions.setdefault("acts", {})[view.__name__] = view
        return view

    return adding


COOKIES = {"TOKEN_LOCATIONS": ("header", "cookie")}


@pytest.fixture
def guest_store(clock: FakeClock) -> Iterator[FaultyStore]:
    """Yield an empty store for guests, beside that of people."""
    faulty = FaultyStore(MemoryStore(clock=clock))
    yield faulty
    faulty.close()


def add_looks(app: Flask, gosession: GoSession[Any]) -> None:
    """Add what shows the session, and what a test adds."""

    @app.route("/do/<name>", methods=["GET", "POST"])
    def do(name: str):
        return app.extensions["acts"][name]()

    @app.get("/flashes")
    def flashes():
        return {"flashes": get_flashed_messages(with_categories=True)}

    @app.get("/native")
    def native():
        current = gosession.current_session
        return {"data": dict(current.data) if current else None}


def add_views(app: Flask, gosession: GoSession[Any]) -> None:
    """Add views that use `flask.session` as any app does, and sign in by our own verbs."""
    add_looks(app, gosession)

    @app.post("/login")
    def login():
        gosession.login_user(request.get_json()["user"], cookies=True)
        session["greeted"] = True
        return {}

    @app.post("/logout")
    def logout():
        session["bye"] = True
        gosession.logout_user()
        flash("see you")
        return {}

    @app.get("/keys")
    def keys():
        return {"keys": sorted(session), "new": session.new, "modified": session.modified}

    @app.get("/untouched")
    def untouched():
        return "plain"

    @app.post("/set")
    def put():
        session.update(request.get_json())
        return {}

    @app.post("/delete/<key>")
    def delete(key: str):
        del session[key]
        return {}

    @app.post("/clear")
    def clear():
        session.clear()
        return {}


@pytest.fixture
def make(store: FaultyStore, clock: FakeClock) -> Callable[..., Site]:
    """Return what makes a site; *interface* are the options of the session interface, the others are settings."""

    def making(*, interface: dict[str, Any] | None = None, views: Any = add_views, **config: Any) -> Site:
        app = make_app()
        app.session_interface = RecordSessionInterface(**(interface or {}))
        return open_site(clock, store, app=app, views=views, **{**COOKIES, **config})

    return making


@pytest.fixture
def site(make: Callable[..., Site]) -> Site:
    return make()
