"""A small app under the commands, over any store, with the clock in the test's hand."""

from __future__ import annotations

import json
from typing import Any

import click
from click.testing import Result
from flask import Flask
from sites import Site, make_app, open_site

from flask_gosession import Device, GoSession, fresh_login_required, login_required, public
from flask_gosession.cli import gosession as commands
from flask_gosession.testing.clock import FakeClock

LONDON = Device("203.0.113.7", "Mozilla/5.0 Firefox/128.0", "Firefox on Linux")


class Shop(Site):
    """A site, and a shell in which its commands run."""

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run ``flask gosession`` with *arguments*; what is no exit fails the test."""
        result = self.app.test_cli_runner().invoke(commands, arguments, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert "Traceback" not in result.output
        return result

    def json(self, *arguments: str, code: int = 0, stdin: str | None = None) -> Any:
        """Run a command with ``--json`` and return what it printed."""
        result = self.run(*arguments, "--json", stdin=stdin)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)


def make_shop(store: Any, clock: FakeClock, *, testing: bool = True, **config: Any) -> Shop:
    """Return an app over *store* with a few views; *config* goes without its prefix."""
    site = open_site(
        clock,
        store,
        app=make_app(testing=testing),
        views=add_shop,
        loader=lambda subject: {"name": subject, "role": "user"},
        blueprint={},
        **config,
    )
    return Shop(**vars(site))


def add_shop(app: Flask, gosession: GoSession[Any]) -> None:
    """Add a view of each kind, one that somebody forgot to protect among them."""
    app.add_url_rule("/me", "me", login_required(lambda: ""))
    app.add_url_rule("/card", "card", fresh_login_required(lambda: ""), methods=["POST"])
    app.add_url_rule("/hook", "hook", public(lambda: ""), methods=["POST"])
    app.add_url_rule("/admin", "admin", gosession.roles_required("admin")(lambda: ""), methods=["GET", "DELETE"])
    app.add_url_rule("/forgotten", "forgotten", lambda: "", methods=["GET", "POST"])


def all_commands(group: click.Group = commands, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the names of all commands, those of subgroups with the subgroup's."""
    found = []
    for name, command in group.commands.items():
        inner = isinstance(command, click.Group)
        found += all_commands(command, (*path, name)) if inner else [(*path, name)]
    return found
