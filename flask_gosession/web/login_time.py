"""When the credentials of a login were seen: when its request began, or at a mark that the request has set since."""

from __future__ import annotations

from typing import Any

from flask import Flask, has_request_context

from flask_gosession import events
from flask_gosession.web.state import EXTENSION, State, this_request

MARKS = "_gosession_marks"


def note_beginnings(app: Flask) -> None:
    """Note when each request to *app* begins, by the clock of each realm.

    As a WSGI middleware: Flask's own signal for this costs every request three times as much.
    """
    serve, states, key = app.wsgi_app, app.extensions[EXTENSION], _key_of(app)

    def noting(environ: dict[str, Any], start_response: Any) -> Any:
        environ[key] = began = {}
        for realm, state in states.items():
            began[realm] = state.clock()
        return serve(environ, start_response)

    app.wsgi_app = noting  # type: ignore[method-assign]  # as Flask documents it


def note_mark(realm: str, event: events.Event) -> None:
    """Note that the current request has set a mark itself: it changed a password, and its owner stays signed in."""
    if isinstance(event, events.NotBeforeSet) and has_request_context():
        vars(this_request()).setdefault(MARKS, {})[realm, event.subject] = event.at


def seen_at(state: State, subject: str) -> float | None:
    """Return when the credentials of a login as *subject* were seen; None outside a request."""
    here, realm = this_request(), state.config.realm
    began: float | None = here.environ.get(_key_of(state.app), {}).get(realm)
    return None if began is None else max(began, vars(here).get(MARKS, {}).get((realm, subject), began))


def _key_of(app: Flask) -> str:
    """Return the key of an app's note in the WSGI environment, which apps of one process may hand to each other."""
    return f"gosession.began.{id(app)}"
