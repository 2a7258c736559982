"""`flask.session` in the record of the signed-in user: set ``app.session_interface = RecordSessionInterface()``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import msgspec
from flask import Flask, Request, Response, current_app
from flask.ctx import RequestContext
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from flask_gosession.adapters import legacy
from flask_gosession.adapters.guests import (
    LIFETIME,
    LIMIT,
    CookieGuests,
    Found,
    Guests,
    RecordGuests,
    drop_cookie,
    require_fitting,
    save_changes,
)
from flask_gosession.adapters.legacy import Credential
from flask_gosession.adapters.record_session import Content, RecordSession
from flask_gosession.adapters.tagging import read_forms, stored_forms
from flask_gosession.config import DEFAULT_REALM
from flask_gosession.durations import Duration
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AnsweredError, AuthError, ConfigError
from flask_gosession.keyed_lock import KeyedLock
from flask_gosession.session.arguments import valid_seconds
from flask_gosession.session.data import REMOVED
from flask_gosession.session.login_options import LoginKeywords
from flask_gosession.session.names import valid_subject
from flask_gosession.web import sign_in
from flask_gosession.web.identity import CurrentSession
from flask_gosession.web.state import State, state_of, this_request
from flask_gosession.web.visit import Visit, visit_of

if TYPE_CHECKING:
    from typing_extensions import Unpack


class RecordSessionInterface(SecureCookieSessionInterface):
    """Keeps `flask.session` in the session data of the signed-in user, and a guest's in a place of its own.

    The cookie or token of the realm *name* says who is signed in, never the content of `flask.session`.

    *guests*: ``"cookie"`` keeps a guest's session in Flask's signed cookie, which the browser can read; ``"record"``
    keeps it in a record, unused for *guest_lifetime* at most, in *guest_store* (default: the realm's store under a key
    prefix of its own; a store object of the realm is refused). At most *guest_limit* guests are kept: near it, a new
    one takes the place of one who never came back, or else was away longest, and a line in the log says so. Only a
    guest who has stored something is kept at all.
    *subject_key* is the key under which the app itself notes who is signed in, such as ``"user_id"``: to assign it is
    then to sign in, and to delete it is to sign out.
    """

    def __init__(
        self,
        *,
        name: str = DEFAULT_REALM,
        guests: Literal["cookie", "record"] = "cookie",
        guest_store: Any = None,
        guest_lifetime: Duration = LIFETIME,
        guest_limit: int = LIMIT,
        subject_key: str | None = None,
    ) -> None:
        if guests not in ("cookie", "record"):
            raise ConfigError('guests is "cookie" or "record".')
        if not isinstance(guest_limit, int) or guest_limit < 1:
            raise ConfigError("guest_limit is a whole number, and at least 1.")
        self.name = name
        self.subject_key = subject_key
        self.sign_out: Callable[[Visit], object] = end_session
        """What to do if the *subject_key* is gone after the view."""
        self._guests: Guests | None = CookieGuests() if guests == "cookie" else None
        self._guest_store = guest_store
        self._guest_lifetime = valid_seconds("guest_lifetime", guest_lifetime)
        self._guest_limit = guest_limit
        self._making = KeyedLock()

    def open_session(self, app: Flask, request: Request) -> RecordSession | None:  # type: ignore[override]  # another class
        """Return a session that loads itself when it is touched; None, as Flask does, without a ``SECRET_KEY``."""
        if not app.secret_key:
            return None
        session = RecordSession(_RequestKeeper(self, app, request))
        visit = visit_of(self.name, request)
        visit.before_login += (session.load,)
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save what has changed, after everything else; if the store is down, the answer becomes a 503."""
        if not isinstance(session, RecordSession) or not session.is_open:
            return
        if session.accessed:
            response.vary.add("Cookie")
        try:
            self._save(app, session, response)
        except AnsweredError as error:
            error.realm = self.name
            _replace(response, current_app.make_response(current_app.handle_user_exception(error)))

    def settle(self, session: RecordSession, *, renew: bool = False, **options: Unpack[LoginKeywords]) -> None:
        """Sign in or out the user whom the app has noted under the *subject_key*, now rather than after the view.

        With *renew*, even if that user is signed in already; *options* are those of a login.
        """
        key = self.subject_key
        if key is None or key not in session.written:
            return
        content, visit = session.content, self.visit()
        wanted = _subject_noted(content.values.get(key))
        if wanted is None:
            if content.sid is not None:
                (end_session if renew else self.sign_out)(visit)
        elif renew or wanted != content.subject:
            chosen = self._lifetime_of(session)
            chosen.update(options)
            sign_in.log_in(visit, wanted, cookies=True, **chosen)

    def guests_of(self, app: Flask) -> Guests:
        """Return the keeper of guests' sessions, the same one to all threads: its store may be in this process."""
        with self._making.hold():
            if self._guests is None:
                self._guests = RecordGuests(
                    app,
                    self.state(app),
                    store=self._guest_store,
                    lifetime=self._guest_lifetime,
                    limit=self._guest_limit,
                )
            return self._guests

    def guest_records(self, app: Flask) -> SessionManager | None:
        """Return what keeps the records of guests, to count them with its `stats`; None where cookies do."""
        guests = self.guests_of(app)
        return guests.manager if isinstance(guests, RecordGuests) else None

    def state(self, app: Flask) -> State:
        """Return the realm. Raises ConfigError if it takes no cookies: then no browser could sign in."""
        state = state_of(self.name, app)
        if "cookie" not in state.config.token_locations:
            raise ConfigError('flask.session needs GOSESSION_TOKEN_LOCATIONS with "cookie" in it.')
        return state

    def visit(self) -> Visit:
        """Return what is known about the current request."""
        return visit_of(self.name)

    def _save(self, app: Flask, session: RecordSession, response: Response) -> None:
        request, visit = this_request(), self.visit()
        self.settle(session)
        content = session.content
        if content.sid is None:
            self.guests_of(app).save(app, request, session, response)
        else:
            save_changes(visit.state.manager, visit.hold().session.checked, session.changes(REMOVED))
            self._forget_guest(app, request, response)
        visit.reply.apply(response)

    def _forget_guest(self, app: Flask, request: Request, response: Response) -> None:
        guests = self.guests_of(app)
        if isinstance(guests, RecordGuests) and self.get_cookie_name(app) in request.cookies:
            guests.end(app, request)
        drop_cookie(app, request, response)

    def _lifetime_of(self, session: RecordSession) -> LoginKeywords:
        """Return how long a login lasts: a permanent session for Flask's lifetime after its last use."""
        if not session.permanent:
            return {}
        policy = self.visit().state.manager.policy
        idle = self.visit().state.app.permanent_session_lifetime.total_seconds()
        return {"remember": True, "idle": min(idle, policy.longest_lifetime)}


def end_session(visit: Visit) -> None:
    """End the session of a request; that its page meant it is for the app to know, and another site's is refused."""
    sign_in.log_out(visit, asks_proof=False)


def _subject_noted(value: object) -> str | None:
    """Return the subject that the app has noted; None for what cannot be one, such as a False left at a sign-out."""
    try:
        return valid_subject(str(value) if isinstance(value, UUID) else value)
    except (TypeError, ValueError):
        return None


class _RequestKeeper:
    """Finds what `flask.session` holds in one request."""

    def __init__(self, interface: RecordSessionInterface, app: Flask, request: Request) -> None:
        self._interface, self._app, self._request = interface, app, request

    def sid(self) -> str | None:
        """Return the session id of the signed-in user; None for a guest. Raises StoreError."""
        with self._in_request():
            current = self._current()
        return current.sid if current else None

    def open(self, *, first: bool) -> Content:
        """Return what is stored for the current user or guest. Raises StoreError."""
        with self._in_request():
            current = self._current()
            if current is not None:
                return self._content_of(current)
            found = self._interface.guests_of(self._app).load(self._app, self._request) if first else None
            if found is None:
                return Content(None, None, {}, {}, is_new=True)
            return self._as_guest(found)

    def judge(self, content: Content) -> None:
        """Raise TypeError for what cannot be stored, and ValueError if it is too large."""
        if content.sid is None:
            self._interface.guests_of(self._app).judge(self._app, content.values)
        require_fitting(stored_forms(content.values), self._interface.state(self._app).config.data_cap)

    def _content_of(self, current: CurrentSession) -> Content:
        key, stored = self._interface.subject_key, current.record.data or {}
        values = read_forms(stored)
        if key is not None and str(values.get(key)) != current.subject:
            values[key] = current.subject
        return Content(current.sid, current.subject, values, stored)

    def _as_guest(self, found: Found) -> Content:
        """Return a guest's session; anything in it about who is signed in is out of date, or untrusted."""
        key = self._interface.subject_key
        values = {name: value for name, value in found.values.items() if name != key}
        guest = Content(None, None, values, found.stored)
        subject = None if key is None else _subject_noted(found.values.get(key))
        if subject is None or not self._adopt(subject, found):
            return guest
        adopted = self._content_of(self._interface.visit().hold().session)
        more = {name: value for name, value in found.values.items() if name not in adopted.stored}
        return msgspec.structs.replace(adopted, values={**adopted.values, **more}, unsaved=frozenset(more))

    def _adopt(self, subject: str, found: Found) -> bool:
        """Begin a session for a user who was signed in by Flask's cookie alone, if that still counts."""
        visit = self._interface.visit()
        manager = visit.state.manager
        shown = Credential("flask.session", subject, str(found.values.get("_id", "")), found.since)
        lasts = max(self._app.permanent_session_lifetime.total_seconds(), manager.policy.absolute_timeout)
        try:
            sid = legacy.adopt(visit.state, self._request, shown, until=manager.clock() + lasts, cookies=True)
            visit.hand_out(manager.tokens(subject, sid), cookies=True)
        except AuthError:
            return False
        return True

    def _current(self) -> CurrentSession | None:
        self._interface.state(self._app)
        try:
            return self._interface.visit().hold().session
        except AuthError:
            return None

    @contextmanager
    def _in_request(self) -> Iterator[None]:
        """Enter the request that the session was opened for, even if a test reads it afterwards."""
        try:
            is_here = this_request() is self._request
        except RuntimeError:
            is_here = False
        if is_here:
            yield
            return
        with RequestContext(self._app, self._request.environ, self._request, RecordSession(self)):
            yield


def _replace(response: Response, other: Response) -> None:
    """Make *response*, which is on its way already, a copy of *other*."""
    response.status, response.response = other.status, other.response
    response.headers.clear()
    response.headers.extend(other.headers)
