"""Reports events: to the request in which they happened, to observers, and to the app's signal receivers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, g, has_app_context, has_request_context
from msgspec.structs import replace

from flask_gosession import events, signals
from flask_gosession.engine.reporting import Reporter
from flask_gosession.web.login_time import note_mark
from flask_gosession.web.state import this_request
from flask_gosession.web.visit import Visit, visits_of

_DONE_TO_OTHERS = (events.Revoked, events.SubjectBanned, events.BanLifted, events.NotBeforeSet, events.UserForgotten)
_OPERATOR = "_gosession_operator"
_DONE_BY_NOBODY = (events.StoreEvent, events.Expired, events.AuditDropped)


class Teller:
    """Reports the events of one realm in one app; *listeners* are looked up for each event, so they may come later."""

    def __init__(self, app: Flask, realm: str) -> None:
        self._app = app
        self._realm = realm
        self.listeners: tuple[Callable[[events.Event], None], ...] = ()

    def __call__(self, event: events.Event) -> None:
        """Call every listener; what one raises is logged, and the others are still called."""
        _withdraw_ended(self._app, self._realm, event)
        note_mark(self._realm, event)
        event = _completed(event, self._app, self._realm)
        for listener in self.listeners:
            Reporter(listener).tell(event)
        signals.send(self._app, event)


def note_operator(name: str) -> None:
    """Let events of this app context, outside any request, name the actor at work in it."""
    setattr(g, _OPERATOR, name)


def _completed(event: events.Event, app: Flask, realm: str) -> events.Event:
    """Return *event* with what is known about it here: an address, and the actor if it is another user."""
    if isinstance(event, _DONE_BY_NOBODY):
        return event
    known: dict[str, Any] = {}
    if has_request_context():
        known["ip"] = event.ip or this_request().remote_addr or ""
    actor = _at_work(app, realm) if isinstance(event, _DONE_TO_OTHERS) else None
    if actor is not None and actor != event.subject:
        known["actor"] = actor
    return replace(event, **known)


def _at_work(app: Flask, realm: str) -> str | None:
    """Return who is asking in this request, or is noted in this app context."""
    if has_request_context():
        visit = _visit_here(app, realm)
        return None if visit is None else visit.asking
    return g.get(_OPERATOR) if has_app_context() else None


def _withdraw_ended(app: Flask, realm: str, event: events.Event) -> None:
    """Keep the tokens of a session that has ended in this very request from the client."""
    if isinstance(event, events.Ended) and has_request_context():
        visit = _visit_here(app, realm)
        if visit is not None:
            visit.withdraw(event.sid)


def _visit_here(app: Flask, realm: str) -> Visit | None:
    return (visits_of(this_request()) or {}).get((app, realm))
