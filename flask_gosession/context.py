"""Who is asking: one authentication a request, kept with the request and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property, partial
from operator import attrgetter
from typing import Any

from flask import Flask, Request, Response, current_app, has_request_context, request
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from flask_gosession import events
from flask_gosession.binding import has_moved
from flask_gosession.config import Config
from flask_gosession.errors import AnsweredError, AuthError, StoreConflict, StoreError, TokenMissing, UserNotFound
from flask_gosession.manager import Checked, SessionManager
from flask_gosession.purging import Purger
from flask_gosession.session.device import Device
from flask_gosession.session.record import Session
from flask_gosession.sessiondata import SessionData
from flask_gosession.tokens.types import Claims, TokenPair, TokenType
from flask_gosession.transport import Presented, Transport

log = logging.getLogger("flask_gosession")

EXTENSION = "gosession"


@dataclass
class State:
    """What one realm is made of in one app."""

    app: Flask
    config: Config
    manager: SessionManager
    transport: Transport
    label_of: Callable[[str], str]
    purger: Purger
    handlers: dict[str | None, Callable[[AnsweredError], Any]] = field(default_factory=dict)
    public: set[str] = field(default_factory=set)

    def device(self, request: Request) -> Device:
        """Return where this request comes from; the address is ``remote_addr`` alone."""
        return Device(request.remote_addr or "", request.headers.get("User-Agent", ""))

    def labelled_device(self, request: Request) -> Device:
        """Like `device`, with what a person may recognise it by.

        To find that takes milliseconds for an agent made for it, so only who is signed in is asked for it.
        """
        agent = request.headers.get("User-Agent", "")
        return Device(request.remote_addr or "", agent, self.label_of(agent))


class CurrentSession:
    """The session of a request: what the record says of it, and its data."""

    def __init__(self, checked: Checked, cap: int) -> None:
        self.checked = checked
        self._cap = cap

    @cached_property
    def data(self) -> SessionData:
        """The session's data; most requests never ask for it."""
        return SessionData(self.checked.session.own_data, self._cap)

    @property
    def changes(self) -> dict[str, Any]:
        """What this request has changed of the data; see `SessionData.changes`."""
        return self.data.changes if "data" in vars(self) else {}

    @property
    def record(self) -> Session:
        """The session as stored."""
        return self.checked.session

    @property
    def claims(self) -> Claims:
        """What the token said."""
        return self.checked.claims

    @property
    def subject(self) -> str:
        """The user id."""
        return self.checked.claims.subject

    @property
    def sid(self) -> str:
        """The session id: a public handle, never a secret."""
        return self.record.sid

    @property
    def client(self) -> str:
        """The client class."""
        return self.record.client

    @property
    def created(self) -> float:
        """When the session was made, as a Unix time."""
        return self.record.created

    @property
    def expires(self) -> float:
        """When the session ends at the latest, as a Unix time."""
        return self.record.expires

    @property
    def authenticated(self) -> float:
        """When the credentials were last seen, as a Unix time."""
        return self.record.authenticated

    @property
    def actor(self) -> str | None:
        """The subject who is behind an impersonated session."""
        return self.record.act.subject if self.record.act else None

    def __repr__(self) -> str:
        return f"CurrentSession(sid={self.sid!r}, client={self.client!r})"


class Identity:
    """The outcome of one authentication: a session and its user, or the error that says why there is none."""

    def __init__(self, state: State, session: CurrentSession | None = None, error: AnsweredError | None = None) -> None:
        self._state = state
        self._session = session
        self._user: Any = None
        self._loaded = False
        self.error = error
        self.location: str | None = None
        self.moved = False
        """Whether the session is used from elsewhere than it was made."""

    def open(self, checked: Checked) -> None:
        """Stand for that session from now on."""
        self._session = CurrentSession(checked, self._state.config.data_cap)

    @property
    def opened(self) -> CurrentSession | None:
        """The session, if anybody has asked for it."""
        return self._session

    @property
    def session(self) -> CurrentSession:
        """The session; raises the error that stands in its place."""
        if self._session is None or self.error is not None:
            raise self.error or TokenMissing()
        return self._session

    @property
    def user(self) -> Any:
        """The user, loaded once; raises what `session` raises, and UserNotFound."""
        checked = self.session.checked
        if not self._loaded:
            self._user = self._state.manager.users.of(checked.record)
            self._loaded = True
        if self._user is None:
            # From now on there is no session either: a page must not greet half a person.
            self.error = UserNotFound()
            raise self.error
        return self._user


@dataclass
class Visit:
    """What is known about one realm in one request, and what its answer must carry."""

    state: State
    identities: dict[tuple[str, ...], Identity] = field(default_factory=dict)
    current: Identity | None = None
    left: list[Identity] = field(default_factory=list)
    """Whom the request has been before; what they put into their session's data is still to be saved."""
    pair: TokenPair | None = None
    renewed: TokenPair | None = None
    csrf: str = field(default="", repr=False)
    unset: bool = False
    uncached: bool = False
    read_cookie: bool = False
    confirmed: bool = True
    warned: bool = False

    def read(self, kind: TokenType, locations: Collection[str] | None = None) -> Presented | None:
        """Return the token that the request brings."""
        presented = self.state.transport.read(_here(), kind, locations)
        used = self.state.transport.locations if locations is None else locations
        self.read_cookie = self.read_cookie or "cookie" in used
        return presented

    def authenticate(self, locations: Collection[str] | None = None) -> Identity:
        """Return who is asking: asked once a request, whoever wants to know."""
        if self.current is None or locations is not None:
            chosen = tuple(self.state.transport.locations if locations is None else locations)
            if chosen not in self.identities:
                self.identities[chosen] = self._ask(chosen)
            self.current = self.identities[chosen]
        return self.current

    def become(self, identity: Identity) -> None:
        """Let the rest of the request go on as somebody else."""
        self.left += self.everybody
        self.identities.clear()
        self.current = identity

    @property
    def everybody(self) -> list[Identity]:
        """Whom the request is, by each location that was asked for."""
        known = list(self.identities.values())
        return known if self.current is None or self.current in known else [*known, self.current]

    def _ask(self, locations: tuple[str, ...]) -> Identity:
        try:
            presented = self.read(TokenType.ACCESS, locations)
            if presented is None:
                return Identity(self.state, error=TokenMissing())
            return self._identify(presented)
        except AnsweredError as error:
            error.realm = self.state.config.realm
            return Identity(self.state, error=error)

    def _identify(self, presented: Presented) -> Identity:
        manager = self.state.manager
        if presented.location == "cookie":
            claims = manager.claims(presented.token)
            self.state.transport.require_meant(_here(), presented, claims)
        identity = Identity(self.state)
        identity.location = presented.location
        checked = manager.authenticate(presented.token, inspect=partial(self._compare, identity))
        identity.open(checked)
        if presented.location == "cookie":
            self.renewed = manager.renewal(checked)
        return identity

    def _compare(self, identity: Identity, checked: Checked) -> None:
        """Note whether the session has moved; raises where that is refused."""
        state = self.state
        if state.config.binding:
            identity.moved = has_moved(checked, state.device(_here()), state.manager, state.config)


def state_of(realm: str, app: Flask | None = None) -> State:
    """Return the state of *realm* in an app, by default the current one."""
    states = (app or _current_app()).extensions.get(EXTENSION, {})
    try:
        state: State = states[realm]
    except KeyError:
        raise RuntimeError(
            f"No GoSession of the realm {realm!r} is set up for this app: call GoSession(app) or init_app(app)."
        ) from None
    return state


def visit_of(realm: str) -> Visit:
    """Return the visit of the current request; it lives on the request itself, which two clients never share."""
    state = state_of(realm)
    kept = vars(_here())
    visits: dict[str, Visit] = kept.setdefault("_gosession", {})
    kept["_gosession_realm"] = realm
    visit = visits.get(realm)
    if visit is None or visit.state is not state:
        visit = visits[realm] = Visit(state)
    return visit


def _current_app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the public way in Flask
    return app


def _here() -> Request:
    here: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the public way in Flask
    return here


def visits_of(here: Request) -> dict[str, Visit]:
    """Return the visits of a request, by realm."""
    found: dict[str, Visit] = vars(here).get("_gosession", {})
    return found


def realm_of(here: Request) -> str | None:
    """Return the realm that a request has dealt with last: what it is refused now is refused there."""
    realm: str | None = vars(here).get("_gosession_realm")
    return realm


def user_of(realm: str) -> Any:
    """Return the user of the current request, or None when nobody is signed in or the store is down."""
    return _leniently(realm, attrgetter("user"))


def session_of(realm: str) -> CurrentSession | None:
    """Return the session of the current request, or None as `user_of` does."""
    session: CurrentSession | None = _leniently(realm, attrgetter("session"))
    return session


def _leniently(realm: str, pick: Callable[[Identity], Any]) -> Any:
    if not has_request_context():
        return None
    visit = visit_of(realm)
    try:
        return pick(visit.authenticate())
    except AuthError:
        return None
    except StoreError:
        if not visit.warned:
            log.warning("the session store is not available; the page is shown as to a guest")
        visit.warned = True
        return None
    except HTTPException:
        # The body, where a token or its proof might be, is too large: the page that says so must not fail, too.
        return None


current_user: Any = LocalProxy(partial(user_of, "default"))
"""The user of the current request; falsy when nobody is signed in."""

current_session: CurrentSession = LocalProxy(partial(session_of, "default"))  # type: ignore[assignment]  # stands for it
"""The session of the current request; falsy when nobody is signed in."""


def forget_renewal(realm: str, event: events.Event) -> None:
    """Keep the renewed token of a session that has ended in this very request from the browser."""
    if isinstance(event, events.Ended) and has_request_context():
        visit = visits_of(request).get(realm)
        if visit is not None and visit.renewed is not None and visit.renewed.sid == event.sid:
            visit.renewed = None


def finish(response: Response) -> Response:
    """Do what the visits of this request owe its answer: save data, set or unset cookies, forbid caching."""
    for visit in list(visits_of(_here()).values()):
        try:
            if response.status_code < 500:
                _save(visit)
            visit.state.purger.nudge()
        except StoreError as error:
            error.realm = visit.state.config.realm
            response = current_app.make_response(current_app.handle_user_exception(error))
            continue
        _set_cookies(visit, response)
    return response


def _save(visit: Visit) -> None:
    for identity in (*visit.left, *visit.everybody):
        session = identity.opened
        changes = session.changes if session is not None else None
        if session is None or not changes:
            continue
        try:
            visit.state.manager.save_data(session.checked, changes)
        except ValueError as error:  # it fits by itself, but not with what others have written meanwhile
            raise StoreConflict from error


def _set_cookies(visit: Visit, response: Response) -> None:
    jar, now = visit.state.transport.jar, visit.state.manager.clock()
    if visit.unset:
        jar.unset(response)
    if visit.pair is not None and visit.pair.in_cookies:
        jar.set_pair(response, visit.pair, visit.csrf, now)
    elif visit.renewed is not None and not visit.unset:
        jar.set_access(response, visit.renewed, now)
    if visit.pair is not None or visit.renewed is not None or visit.uncached:
        response.headers["Cache-Control"] = "no-store"
    if visit.state.config.wait_replicas and not visit.confirmed:
        response.headers["GoSession-Confirmed"] = "0"
    if visit.read_cookie:
        response.vary.add("Cookie")
