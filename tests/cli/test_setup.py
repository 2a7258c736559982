"""Routes, settings, and the shell itself."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Blueprint, Flask
from flask.views import MethodView
from sites import LONG

from cli.shop import Shop, all_commands, make_shop
from example_app import create_app
from flask_gosession import GoSession, login_required
from flask_gosession.cli import gosession as commands
from flask_gosession.testing.clock import FakeClock
from flask_gosession.web.route_list import routes
from flask_gosession.web.state import state_of

ROOT = Path(__file__).parents[2]


def by_rule(shop: Shop) -> dict[str, dict[str, Any]]:
    return {view["rule"]: view for view in shop.json("routes")}


def test_each_route_says_what_it_asks_for(clock: FakeClock):
    """Login, fresh login, roles, locations and CSRF are those of the decorators and the configuration."""
    found = by_rule(make_shop("memory://", clock, TOKEN_LOCATIONS=["cookie", "header"]))
    protections = {rule: view["protection"] for rule, view in found.items()}
    assert protections.items() >= {
        "/me": "login",
        "/card": "fresh",
        "/hook": "public",
        "/admin": "login",
        "/forgotten": "open",
        "/auth/login": "public",
    }.items() - {("/auth/login", "public")}
    assert (found["/admin"]["roles"], found["/admin"]["csrf"], found["/me"]["csrf"]) == (["admin"], True, False)
    assert found["/me"]["locations"] == ["cookie", "header"]
    assert found["/auth/sessions/<sid>"]["protection"] == "login"


def test_unprotected_names_open_routes_that_change_something(small_shop: Shop):
    """A forgotten route exits with 1; with a decorator, `public` or `protect` all is well."""
    (view,) = small_shop.json("routes", "--unprotected", code=1)
    assert view["rule"] == "/forgotten"
    small_shop.gosession.protect(small_shop.app)
    assert small_shop.json("routes", "--unprotected") == []
    assert by_rule(small_shop)["/forgotten"]["protection"] == "login"
    assert by_rule(small_shop)["/hook"]["protection"] == "public"


def test_a_method_view_is_looked_at_method_by_method(small_shop: Shop):
    """A class whose methods ask for different things has a line for each."""

    class Note(MethodView):
        def get(self) -> str:
            return ""

        @login_required
        def put(self) -> str:
            return ""

        def delete(self) -> str:
            return ""

    small_shop.app.add_url_rule("/note", view_func=Note.as_view("note"))
    found = [view for view in small_shop.json("routes") if view["rule"] == "/note"]
    assert [(view["methods"], view["protection"]) for view in found] == [
        (["DELETE", "GET"], "open"),
        (["PUT"], "login"),
    ]


def test_a_guard_before_all_views_of_a_blueprint_counts(small_shop: Shop):
    """A decorated function that runs before each request of a blueprint guards its routes, and those inside it."""
    office, desk = Blueprint("office", __name__), Blueprint("desk", __name__)
    office.before_request(small_shop.gosession.roles_required("admin")(lambda: None))
    desk.add_url_rule("/desk", "sit", lambda: "", methods=["POST"])
    office.register_blueprint(desk)
    small_shop.app.register_blueprint(office)
    view = by_rule(small_shop)["/desk"]
    assert (view["protection"], view["roles"]) == ("login", ["admin"])


def test_routes_of_other_realms_are_protected_too(small_shop: Shop):
    """A route that another realm guards is not open."""
    staff = GoSession(small_shop.app, name="staff", clock=small_shop.clock)
    small_shop.app.add_url_rule("/staff", "staff", staff.login_required(lambda: ""), methods=["POST"])
    assert by_rule(small_shop)["/staff"]["realms"] == ["staff"]


def test_python_has_the_same_routes(small_shop: Shop):
    """`gosession.routes()` returns what the command prints."""
    with small_shop.app.app_context():
        found = small_shop.gosession.routes()
    assert [view.rule for view in found] == [view["rule"] for view in small_shop.json("routes")]


def settings(shop: Shop, *options: str) -> dict[str, tuple[Any, str]]:
    return {view["name"]: (view["value"], view["origin"]) for view in shop.json("config", *options)}


def test_each_setting_says_where_it_came_from(clock: FakeClock, monkeypatch: pytest.MonkeyPatch):
    """Default, app.config and the environment are told apart; durations are seconds."""
    monkeypatch.setenv("FLASK_GOSESSION_LEEWAY", "5")
    found = settings(make_shop("memory://", clock, IDLE_TIMEOUT="15m", LEEWAY=5))
    assert found["GOSESSION_IDLE_TIMEOUT"] == (900.0, "app.config")
    assert found["GOSESSION_LEEWAY"] == (5.0, "environment")
    assert found["GOSESSION_ACCESS_LIFETIME"] == (900.0, "default")


def test_a_named_realm_has_its_own(clock: FakeClock):
    """What a realm sets, shares and is given by its name can be told apart."""
    shop = make_shop("memory://", clock, REALMS={"staff": {"SESSION_LIMIT": 1}})
    GoSession(shop.app, name="staff", clock=clock)
    found = settings(shop, "--realm", "staff")
    assert found["GOSESSION_SESSION_LIMIT"] == (1, "realm")
    assert found["GOSESSION_COOKIE_NAME"] == ("gosession_staff", "derived")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hush@localhost:6379/0", "redis://:***@localhost:6379/0"),
        ("redis://ann:hush@localhost", "redis://ann:***@localhost"),
        (
            "redis+sentinel://:hush@a:1,b:2/s/0?sentinel_password=hush",
            "redis+sentinel://:***@a:1,b:2/s/0?sentinel_password=***",
        ),
        ("memory://", "memory://"),
        ("memory://?max_subjects=5", "memory://?max_subjects=5"),
    ],
)
def test_no_secret_is_shown(clock: FakeClock, url: str, shown: str):
    """Passwords in URLs, the secret key and private keys are masked."""
    shop = make_shop(url, clock)
    printed = shop.run("config").output
    assert settings(shop)["GOSESSION_STORE"][0] == shown
    assert "hush" not in printed
    assert LONG not in printed


def test_private_keys_are_masked(small_shop: Shop, clock: FakeClock):
    """Of GOSESSION_KEYS only kid, algorithm and status are shown."""
    import json

    entry = json.loads(small_shop.run("keys", "generate", "--status", "active").stdout)
    shop = make_shop("memory://", clock, KEYS=[entry])
    assert settings(shop)["GOSESSION_KEYS"][0] == [{"kid": entry["kid"], "alg": "ES256", "status": "active"}]
    assert "PRIVATE" not in shop.run("config").output


def test_an_app_that_cannot_be_set_up_is_a_sentence():
    """Wrong settings are listed, without a traceback, with an exit code of their own; doctor finds them as errors."""

    def create_app() -> Flask:
        app = Flask("broken")
        app.config.update(SECRET_KEY="short", GOSESSION_LEVL="strict")
        GoSession(app)
        return app

    broken = Flask("any")
    runner = broken.test_cli_runner()
    from flask.cli import ScriptInfo

    result = runner.invoke(commands, ["sessions", "ada"], obj=ScriptInfo(create_app=create_app))
    assert result.exit_code == 4
    assert "LEVL is not a setting" in result.stderr
    assert "SECRET_KEY has 5 bytes" in result.stderr
    examined = runner.invoke(commands, ["doctor"], obj=ScriptInfo(create_app=create_app))
    assert examined.exit_code == 2
    assert "LEVL is not a setting" in examined.stdout
    assert "flask gosession doctor" not in examined.stdout  # which would be advice to do what was just done


def test_every_command_can_be_worked_from():
    """Each command has a help text, JSON and a realm; each option has a help."""
    for path in all_commands():
        command: Any = commands
        for name in path:
            command = command.commands[name]
        assert command.help, path
        options = {option.name: option for option in command.params if isinstance(option, click.Option)}
        assert {"realm", "as_json"} <= options.keys(), path
        assert [name for name, option in options.items() if not option.help] == [], path


def test_flask_finds_the_commands():
    """The entry point of Flask's commands leads to the group."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    found = re.search(r'\[project.entry-points."flask.commands"\]\ngosession = "([\w.]+):(\w+)"', text)
    assert found is not None
    assert getattr(importlib.import_module(found[1]), found[2]) is commands


def test_no_route_of_the_example_is_forgotten(tmp_path: Path):
    """The example app says of each route that changes something for whom it is."""
    app = create_app({"DATA_FOLDER": str(tmp_path)})
    assert [view.rule for view in routes(app) if view.unprotected] == []
    state_of("default", app).manager.close()
