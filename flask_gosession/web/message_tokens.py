"""A token that did not come in a request, but for example in a WebSocket's first message."""

from __future__ import annotations

from flask import has_request_context, request

from flask_gosession.engine.results import Checked
from flask_gosession.errors import UserNotFound
from flask_gosession.session.device import Device
from flask_gosession.web.binding import has_moved
from flask_gosession.web.identity import CurrentSession
from flask_gosession.web.state import State


def authenticate_token(state: State, token: str, device: Device | None) -> CurrentSession:
    """Return the session of an access token; *device* is where it came from, by default the request's device.

    Raises what `login_required` raises, and RuntimeError if sessions are bound and no device is known.
    """
    here = _here(state, device)
    moved = False

    def compare(checked: Checked) -> None:
        nonlocal moved
        if state.config.binding:
            # An unknown place counts as another place: what needs a fresh login asks for one.
            moved = here is None or has_moved(checked, here, state.manager, state.config)

    checked = state.manager.authenticate(token, inspect=compare)
    if state.manager.users.of(checked.record) is None:
        raise UserNotFound
    return CurrentSession(checked, state, moved=moved)


def _here(state: State, device: Device | None) -> Device | None:
    if device is None and has_request_context():
        return state.device(request)
    if device is None and state.config.binding and state.config.binding_action == "refuse":
        raise RuntimeError(
            'GOSESSION_BINDING_ACTION = "refuse" needs to know where a token comes from: outside of a request, pass '
            "device=Device(ip=..., agent=...) to authenticate_token."
        )
    return device
