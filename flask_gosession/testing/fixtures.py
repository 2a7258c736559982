"""What the fixtures of the pytest plugin return: a clock, signed-in clients, refusals on demand.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from flask import Flask

from flask_gosession import errors
from flask_gosession.config import DEFAULT_REALM
from flask_gosession.errors import AnsweredError
from flask_gosession.testing.client import SessionClient
from flask_gosession.testing.clock import FakeClock
from flask_gosession.web.state import EXTENSION, State, state_of

SetAttribute = Callable[[object, str, object], None]

ERRORS: Mapping[str, type[AnsweredError]] = {
    kind.error: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, AnsweredError) and hasattr(kind, "error")
}
"""The errors by their text."""


def clock_of(app: Flask) -> Iterator[FakeClock]:
    """Give the realms of *app* a clock that moves only when told, until the test ends."""
    clock, states = FakeClock(), _states(app)
    before = [(state, state.clock.source) for state in states]
    for state in states:
        state.clock.source = clock
    yield clock
    for state, source in before:
        state.clock.source = source


def guest_of(app: Flask) -> SessionClient:
    """Return a client in which nobody is signed in."""
    return SessionClient(app, app.response_class)


class LoginAs:
    """Signs people in, each in a client of their own."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(
        self, user: object, *, fresh: bool = True, client: str = "web", realm: str = DEFAULT_REALM, **login: Any
    ) -> SessionClient:
        """Return a test client in which *user*, an id or an object that has one, is signed in; ``pair`` has the tokens.

        With *fresh* False the credentials were seen too long ago for routes that ask for a fresh login. *client* is the
        client class, and *login* has further arguments for `SessionManager.login`.
        """
        state = state_of(realm, self._app)
        options = {"client": client, **login}
        if not fresh:
            options.setdefault("authenticated", state.clock() - state.config.fresh_lifetime - 1)
        return SessionClient(self._app, self._app.response_class, user=user, realm=realm, login=options)


class RefuseWith:
    """Refuses every token from now on, until the end of the test."""

    def __init__(self, app: Flask, set_attribute: SetAttribute) -> None:
        self._app = app
        self._set_attribute = set_attribute

    def __call__(self, error: str, *, realm: str = DEFAULT_REALM, **evidence: Any) -> None:
        """Answer each request that brings a token, and each refresh, with the error of that text.

        *evidence* is what such an error carries: ``reason``, ``at``, ``client``, ``until``, ``max_age``, ``message``.
        Raises ValueError for an unknown error.
        """
        if error not in ERRORS:
            raise ValueError(f"there is no error {error!r}; there are {', '.join(sorted(ERRORS))}")

        ERRORS[error](**evidence)  # wrong evidence fails here, not in a request

        def refuse(*_arguments: object, **_options: object) -> NoReturn:
            raise ERRORS[error](**evidence)

        manager = state_of(realm, self._app).manager
        for name in ("authenticate", "refresh"):
            self._set_attribute(manager, name, refuse)


def _states(app: Flask) -> list[State]:
    return list(app.extensions.get(EXTENSION, {}).values())
