"""What Flask calls for us: before and after each request, and before each template."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask, Response, request_started

from flask_gosession import at_fork
from flask_gosession.web import flask_wtf, login_time
from flask_gosession.web.current import current_session, current_user
from flask_gosession.web.level_rules import prepare_levels
from flask_gosession.web.login_view import require_views
from flask_gosession.web.state import State, this_request
from flask_gosession.web.visit import VISITS, Visits, visits_of


def register(app: Flask) -> None:
    """Let *app* finish the visits of each request, of whichever realm."""
    login_time.note_beginnings(app)
    _finish_answers(app)
    _hear_failures(app)


def _finish_answers(app: Flask) -> None:
    """Finish the visits of each request, after all functions that the app itself runs after requests.

    Flask documents this method for changing answers. One more such function would run before some of the app's, and
    cost every request five calls.
    """
    process: Callable[..., Response] = app.process_response

    def finish(*answered: Any) -> Response:  # the answer, and from Flask 3.2 on, a context before it
        response = process(*answered)
        visits: Visits | None = this_request().__dict__.get(VISITS)
        if visits is None:
            return response
        for visit in list(visits.values()):
            error = visit.save_data(response)
            if error is not None:
                response = process(*answered[:-1], app.make_response(app.handle_user_exception(error)))
        # Only now: an answer that is replaced would take the cookies of other realms with it.
        for visit in visits.values():
            if visit.state.purger is not None:
                visit.state.purger.purge_if_due()
            visit.complete(response)
        return response

    app.process_response = finish  # type: ignore[method-assign,assignment]  # of both versions


def _hear_failures(app: Flask) -> None:
    """Hear of each exception: the view's own answer, and the tokens in it, do not reach the client."""
    answer, give_up = app.handle_user_exception, app.handle_exception

    def handle(error: Exception) -> Any:
        if getattr(error, "response", None) is None:  # such as abort(response): that is the view's own answer
            _end_undelivered()
        return answer(error)  # what a handler signs in by itself, its own answer delivers

    def handle_last(error: Exception) -> Response:
        _end_undelivered()  # a handler of errors, or what comes after the view, has failed as well
        return give_up(error)

    # Flask has a signal for unhandled exceptions, and none for the others.
    app.handle_user_exception = handle  # type: ignore[method-assign,assignment]  # Any is an answer
    app.handle_exception = handle_last  # type: ignore[method-assign,assignment]


def _end_undelivered() -> None:
    for visit in list((visits_of(this_request()) or {}).values()):
        visit.end_undelivered()


def prepare_with_first_request(state: State) -> None:
    """Do at the first request of each process, before all hooks, what needs to know all endpoints and extensions."""
    state.preparation = Preparation(state)  # a signal holds its receivers weakly


class Preparation:
    """Gets a realm ready to serve, as a receiver of the first request of a process, and of each that it forks."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._await_request()
        at_fork.in_child(self._await_request)

    def __call__(self, app: Flask, **_: Any) -> None:
        """Prepare.

        Raises ConfigError, at every request, for a login view that does not exist, and for a route whose level
        does not work here: nothing is served until that is fixed.
        """
        state = self._state
        require_views(app, state.config)
        prepare_levels(app, state)
        if state.manager.endings is not None:  # listeners from before a fork
            state.manager.endings.resume()
        flask_wtf.exempt(app, state.blueprints)
        request_started.disconnect(self)

    def _await_request(self) -> None:
        request_started.connect(self, self._state.app)


def register_template_names(app: Flask) -> None:
    """Let the templates of *app* know who is asking; the name that Flask-Login has set stays Flask-Login's."""
    app.context_processor(partial(_template_names, app))


def _template_names(app: Flask) -> dict[str, Any]:
    names: dict[str, Any] = {"current_session": current_session}
    return names if _flask_login_names_users(app) else {"current_user": current_user, **names}


def _flask_login_names_users(app: Flask) -> bool:
    return any(one.__module__.startswith("flask_login") for one in app.template_context_processors[None] if _named(one))


def _named(processor: object) -> bool:
    return hasattr(processor, "__module__")
