"""What one realm is made of in one app, kept in the app's extensions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Flask, Request, current_app, request

from flask_gosession.config import Config
from flask_gosession.engine.levels import LevelChecks
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.purging import Purger
from flask_gosession.errors import AnsweredError
from flask_gosession.session.device import Device
from flask_gosession.web.csrf import CSRFGuard
from flask_gosession.web.transport import Transport

if TYPE_CHECKING:
    from flask_gosession.observe.audit import Audit

EXTENSION = "gosession"

# The objects behind Flask's proxies, by the documented attribute: a proxy makes three calls to find them at each use.
this_request: Callable[[], Request] = request._get_current_object  # type: ignore[attr-defined]  # noqa: SLF001
this_app: Callable[[], Flask] = current_app._get_current_object  # type: ignore[attr-defined]  # noqa: SLF001


class Clock(partial[float]):
    """The clock of one realm in one app: Unix seconds from its *source*, which a test may replace.

    A `partial` calls it without a function of Python around it.
    """

    @property
    def source(self) -> Callable[[], float]:
        """Where the time comes from."""
        return self.func

    @source.setter
    def source(self, source: Callable[[], float]) -> None:
        self.__setstate__((source, (), {}, None))  # type: ignore[attr-defined]  # as `copy` and `pickle` do it


class State(msgspec.Struct, eq=False):
    """What one realm is made of in one app."""

    app: Flask
    config: Config
    clock: Clock
    manager: SessionManager
    levels: LevelChecks
    transport: Transport
    csrf: CSRFGuard
    label_of: Callable[[str], str]
    purger: Purger | None
    """None if the store removes expired records by itself."""
    audit: Audit | None
    handlers: dict[str | None, Callable[[AnsweredError], Any]] = {}
    subject_getter: Callable[[Any], Any] | None = None
    request_loader: Callable[[Request], Any] | None = None
    public: set[str] = set()
    blueprints: list[Blueprint] = []
    """The blueprints of the realm's ready-made endpoints, one for each registration."""
    preparation: Callable[..., None] | None = None
    """What has to wait until all endpoints and extensions are there; see `hooks`."""

    def device(self, request: Request) -> Device:
        """Return where this request comes from; the address is always ``remote_addr``."""
        return Device(request.remote_addr or "", request.headers.get("User-Agent", ""))

    def labelled_device(self, request: Request) -> Device:
        """Like `device`, with a label that a person can recognise.

        A user agent made on purpose can take milliseconds to parse, so this is done for logins only.
        """
        agent = request.headers.get("User-Agent", "")
        return Device(request.remote_addr or "", agent, self.label_of(agent))


def state_of(realm: str, app: Flask | None = None) -> State:
    """Return the state of *realm* in an app, by default the current one."""
    try:
        state: State = (app or this_app()).extensions[EXTENSION][realm]
    except KeyError:
        raise RuntimeError(
            f"No GoSession of the realm {realm!r} is set up for this app: call GoSession(app) or init_app(app)."
        ) from None
    return state
