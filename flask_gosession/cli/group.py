"""The group of commands, and what they share: an app, a realm, JSON, and errors as sentences with an exit code."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn

import click
from flask import Flask
from flask.cli import ScriptInfo

from flask_gosession.config import DEFAULT_REALM
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import ConfigError, StoreConflict, StoreError, StoreUnavailable
from flask_gosession.stores.base import StoreFull
from flask_gosession.web.state import EXTENSION, State, state_of
from flask_gosession.web.telling import note_operator

NO = 1
"""The exit code if the answer is no: the token is not live, a route is unprotected, nothing was found."""
USAGE = 2
STORE = 3
CONFIG = 4

DASHES = {"ignore_unknown_options": True}
"""Settings of a command that takes an id: an id may begin with a dash without being an option."""

F = Callable[..., Any]


@click.group(
    epilog="Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the store did not do it, 4 the app cannot be set "
    "up. Times are UTC; with --json they are Unix seconds. docs/reference/cli.md has an example of each command."
)
def gosession() -> None:
    """See and end sessions, look at tokens and keys, check the set-up."""


class Target:
    """What a command works on: the app, one realm of it, and how to print."""

    def __init__(self, app: Flask, state: State, *, as_json: bool) -> None:
        self.app = app
        self.state = state
        self.manager: SessionManager = state.manager
        self.as_json = as_json


def command(group: click.Group, name: str, **attributes: Any) -> Callable[[F], click.Command]:
    """Return a decorator that puts a function of a `Target` and its options into *group*; its docstring is the help."""

    def decorate(function: F) -> click.Command:
        @wraps(function)
        def run(*, realm: str, as_json: bool, **options: Any) -> None:
            with errors_as_sentences():
                app = load_app()
                with app.app_context():
                    note_operator(operator())
                    function(Target(app, realm_state(app, realm), as_json=as_json), **options)

        return group.command(name, **attributes)(realm_option(json_option(run)))

    return decorate


def operator() -> str:
    """Return the audit trail's name for the person who runs the command: ``cli:`` and the operating system's user."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return "cli:"


def realm_option(function: F) -> F:
    """Add ``--realm``."""
    return click.option(
        "--realm", default=DEFAULT_REALM, show_default=True, help="The realm to work on: GoSession(name=…)."
    )(function)


def json_option(function: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(function)


def load_app() -> Flask:
    """Return the app that ``flask --app`` names. Raises ConfigError if it cannot be set up."""
    return click.get_current_context().ensure_object(ScriptInfo).load_app()


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn expected errors into a sentence and an exit code; anything else is a bug and keeps its traceback."""
    try:
        yield
    except ConfigError as error:
        fail("\n".join(("The app cannot be set up:", *error.problems)), CONFIG)
    except StoreError as error:
        fail(sentence_of(error), STORE)
    except (ValueError, TypeError) as error:
        if isinstance(error, click.ClickException):
            raise
        fail(f"{str(error)[:1].upper()}{str(error)[1:]}.", USAGE)


def sentence_of(error: StoreError) -> str:
    """Say what is wrong with the store, and the type of the driver's error; nothing that may hold a password."""
    if isinstance(error, StoreFull):
        return "The store is full; nothing was written."
    if isinstance(error, StoreConflict):
        return "Others kept writing the same record; nothing was written. Try again."
    cause = f" ({type(error.__cause__).__name__})" if isinstance(error, StoreUnavailable) and error.__cause__ else ""
    return f"The store does not answer{cause}. `flask gosession doctor` may say why."


def fail(sentence: str, code: int) -> NoReturn:
    """Print *sentence* to stderr and exit with *code*."""
    click.echo(f"Error: {sentence}", err=True)
    raise click.exceptions.Exit(code)


def answer_no() -> NoReturn:
    """Exit with the code that means no."""
    raise click.exceptions.Exit(NO)


def note(sentence: str) -> None:
    """Print *sentence* to stderr, apart from the answer."""
    click.echo(f"Note: {sentence}", err=True)


def warn_of_memory(target: Target) -> None:
    """If records are kept in memory, say that this process's memory is not the server's."""
    if not target.manager.store.shared:
        note("the store is this process's own memory; the memory of a running server cannot be seen from here.")


def realm_state(app: Flask, realm: str) -> State:
    """Return the state of *realm*, or exit with a sentence that names the existing realms."""
    states = app.extensions.get(EXTENSION, {})
    if realm not in states:
        known = ", ".join(sorted(states)) or "none: GoSession(app) was not called"
        fail(f"This app has no realm {realm!r}; it has {known}.", USAGE)
    return state_of(realm, app)
