"""The command that looks at a token."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from flask_gosession.cli import output
from flask_gosession.cli.group import Target, answer_no, command, gosession, warn_of_memory
from flask_gosession.engine.token_inspection import TokenView, inspect_token

LONGEST = 65_536
_TIMES = ("iat", "exp", "nbf", "auth_time")


@command(gosession, "inspect")
@click.argument("token", required=False)
def inspect(target: Target, token: str | None) -> None:
    """Show what TOKEN says, and whether it is live or why not. This does not count as use.

    Without TOKEN, or with "-", it is read from a prompt or from stdin, and stays out of the shell's history.
    Exits with 1 when the token would not be accepted.
    """
    warn_of_memory(target)
    view = inspect_token(target.manager, _read(token))
    output.answer(target, view, lambda: _described(view))
    if not view.live:
        answer_no()


def _read(token: str | None) -> str:
    if token in (None, "-"):
        token = click.prompt("Token", hide_input=True) if sys.stdin.isatty() else sys.stdin.read(LONGEST)
    text = str(token).strip()
    return text[7:].strip() if text[:7].lower() == "bearer " else text


def _described(view: TokenView) -> Iterator[str]:
    if view.live:
        yield f"This {view.type} token is live."
    else:
        yield f"This {view.type or ''} token is not live: {view.error}. {view.message}".replace("  ", " ")
        at = f" at {output.moment(view.at)}" if view.at else ""
        by = f", by a login or call of {output.plain(view.by_client)}" if view.by_client else ""
        if view.reason:
            yield f"The session ended{at}{by}: {output.plain(view.reason)}."
    if not view.verified and view.claims:
        yield "What follows is not verified: anybody may have written it."
    yield from output.fields(view.header.items())
    yield from output.fields((name, _shown(name, value)) for name, value in view.claims.items())
    if view.session is not None:
        session = view.session
        yield from output.fields(
            [
                ("session ends", output.moment(session.ends)),
                ("last seen", output.moment(session.last_seen)),
                ("current jti", session.jti),
                ("ip", session.ip),
            ]
        )


def _shown(name: str, value: object) -> object:
    is_time = name in _TIMES and isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value} ({output.moment(float(value))})" if is_time else value  # type: ignore[arg-type]  # a number here
