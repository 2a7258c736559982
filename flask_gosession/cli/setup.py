"""Commands about the set-up: routes, settings, and their check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from flask_gosession.cli import output
from flask_gosession.cli.group import (
    Target,
    answer_no,
    command,
    errors_as_sentences,
    gosession,
    json_option,
    load_app,
    realm_option,
    realm_state,
)
from flask_gosession.doctor.examination import examine
from flask_gosession.errors import ConfigError
from flask_gosession.findings import SEVERITIES, Finding, worst
from flask_gosession.web.effective_settings import effective_settings
from flask_gosession.web.route_list import RouteView
from flask_gosession.web.route_list import routes as routes_of

EXIT_CODES = {"ok": 0, "advice": 0, "warning": 1, "error": 2}


@command(gosession, "routes")
@click.option("--unprotected", is_flag=True, help="List open routes that change something; exit with 1 if any.")
def routes(target: Target, *, unprotected: bool) -> None:
    """List every route of the app, and what it asks for, in all realms.

    "open" means that a route asks for nothing; "public" that this is intended.
    """
    found = [view for view in routes_of(target.app) if view.unprotected or not unprotected]
    head = ("RULE", "METHODS", "PROTECTION", "LEVEL", "REALM", "ASKS FOR", "TOKEN IN", "CSRF", "ENDPOINT")
    empty = "No route that changes something is open." if unprotected else "The app has no routes."
    output.answer(target, found, lambda: output.table(head, map(_row, found), empty))
    if unprotected and found:
        answer_no()


@command(gosession, "config")
def config(target: Target) -> None:
    """List the settings in effect and where each came from, with secrets masked."""
    views = effective_settings(target.app, target.state.config)
    rows = [(view.name, "" if view.value is None else repr(view.value), view.origin) for view in views]
    output.answer(target, views, lambda: output.table(("SETTING", "VALUE", "FROM"), rows, ""))


@gosession.command("doctor")
@realm_option
@json_option
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "error"]),
    default="warning",
    show_default=True,
    help="The least severe finding that makes the exit code differ from 0.",
)
def doctor(realm: str, fail_on: str, *, as_json: bool) -> None:
    """Check the set-up: store, settings, keys, cookies, surroundings. Nothing is changed.

    Each finding says what is so, why it matters, and what to do. Exits with 0 if all is well or there is only advice,
    1 if the worst is a warning, 2 if it is an error, such as an app that cannot be set up.
    """
    with errors_as_sentences():
        findings = _examined(realm)
    output.show(findings, lambda: _described(findings), as_json=as_json)
    severity = worst(findings)
    if SEVERITIES.index(severity) >= SEVERITIES.index(fail_on):
        raise click.exceptions.Exit(EXIT_CODES[severity])


def _examined(realm: str) -> list[Finding]:
    try:
        app = load_app()
    except ConfigError as error:
        why, fix = "The app does not start.", "Correct this, and run the command again: it then checks the rest."
        return [Finding("settings", "error", problem, why, fix) for problem in error.problems]
    with app.app_context():
        return examine(realm_state(app, realm))


def _described(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        yield output.plain(f"{finding.severity:7}  {finding.check}: {finding.what}")
        if finding.why:
            yield output.plain(f"         why: {finding.why}")
        if finding.fix:
            yield output.plain(f"         fix: {finding.fix}")
    counts = [f"{sum(each.severity == name for each in findings)} {name}" for name in reversed(SEVERITIES)]
    yield ", ".join(counts)


def _row(view: RouteView) -> tuple[object, ...]:
    asked = ", ".join((*view.roles, *view.permissions))
    where, methods = ", ".join(view.locations), " ".join(view.methods)
    realms = ", ".join(view.realms)
    return (view.rule, methods, view.protection, view.level, realms, asked, where, view.csrf, view.endpoint)
