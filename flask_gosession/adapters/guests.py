"""Where the session of a guest is kept: in Flask's own signed cookie, or in a record of its own.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature

from flask_gosession.adapters.record_session import RecordSession
from flask_gosession.adapters.tagging import read_forms, stored_forms
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Checked
from flask_gosession.errors import AuthError, StoreConflict
from flask_gosession.events import Event, Evicted
from flask_gosession.session.data import REMOVED, size_of
from flask_gosession.web.assembly import guest_manager
from flask_gosession.web.cookies import LARGEST
from flask_gosession.web.state import State

log: logging.Logger = logging.getLogger("flask_gosession")

LIFETIME = "1d"
LIMIT = 100_000
TOGETHER = 16
"""Guests in one record: so many that few records are full before all are, and so few that a record is small."""
SELDOM = 3600.0
"""Seconds between two lines in the log that say the same."""

_PLAIN = SecureCookieSessionInterface()
"""Flask's own interface, for its cookie: the name, the attributes and the signature."""


class Found(NamedTuple):
    """What was kept for a guest: the values, their stored form, and since when (Unix seconds)."""

    values: dict[str, Any]
    stored: dict[str, Any]
    since: float


class Guests(Protocol):
    """Keeps the sessions of guests."""

    def load(self, app: Flask, request: Request) -> Found | None:
        """Return what is kept for the browser; None if there is nothing. Raises StoreError."""
        ...

    def judge(self, app: Flask, values: Mapping[str, Any]) -> None:
        """Raise TypeError and ValueError for what cannot be kept."""
        ...

    def save(self, app: Flask, request: Request, session: RecordSession, response: Response) -> None:
        """Keep what has changed. Raises StoreError."""
        ...


def drop_cookie(app: Flask, request: Request, response: Response) -> None:
    """Take the cookie of a guest from the browser, if it has one."""
    if _PLAIN.get_cookie_name(app) in request.cookies:
        nothing = SecureCookieSession()
        nothing.modified = True
        _PLAIN.save_session(app, nothing, response)


class CookieGuests:
    """Keeps them in Flask's own signed cookie: no store is needed, and the browser can read them."""

    def load(self, app: Flask, request: Request) -> Found | None:
        """Return the content of the cookie, if Flask would accept it."""
        text, serializer = request.cookies.get(_PLAIN.get_cookie_name(app)), _PLAIN.get_signing_serializer(app)
        if not text or serializer is None:
            return None
        try:
            longest = int(app.permanent_session_lifetime.total_seconds())
            values, since = serializer.loads(text, max_age=longest, return_timestamp=True)
        except BadSignature:
            return None
        return Found(values, {}, since.timestamp())

    def judge(self, app: Flask, values: Mapping[str, Any]) -> None:
        """Raise ValueError if the cookie would be larger than browsers accept, TypeError for what it cannot hold."""
        serializer = _PLAIN.get_signing_serializer(app)
        text = serializer.dumps(dict(values)) if serializer else ""
        size = len(_PLAIN.get_cookie_name(app)) + len(text)
        if size > LARGEST:
            raise ValueError(f"a guest's session would be a cookie of {size} bytes, and browsers accept {LARGEST}")

    def save(self, app: Flask, request: Request, session: RecordSession, response: Response) -> None:  # noqa: ARG002
        """Do what Flask does."""
        plain = SecureCookieSession(session.content.values)
        plain.modified, plain.accessed = session.modified, session.accessed
        _PLAIN.save_session(app, plain, response)


class RecordGuests:
    """Keeps them in records, which the browser cannot read: its cookie has a token, and nothing else.

    Each holds as much as the session of a signed-in user, and ends when it was unused for its lifetime.
    """

    def __init__(self, app: Flask, state: State, *, store: Any, lifetime: float, limit: int) -> None:
        """Take a *store* (None: the realm's, under another key prefix), an idle *lifetime*, and *limit* guests at most.

        The guests are spread over records by chance, so that no count has to be kept: a record has room for `TOGETHER`,
        and one more replaces a guest whose cookie never came back, or else who was away longest: a flood of requests
        without cookies pushes out hardly anybody who keeps theirs. Raises ConfigError.
        """
        self._rooms = math.ceil(limit / TOGETHER)
        self._told = -math.inf
        self._limit = limit
        self.manager: SessionManager
        """Keeps the records: their store, and how many there are."""
        self.manager, self._purger = guest_manager(
            app, state, store, lifetime=lifetime, together=limit // self._rooms, emit=self._hear
        )

    def load(self, app: Flask, request: Request) -> Found | None:
        """Return the content of the record that the cookie points to."""
        checked = self._checked(app, request)
        if checked is None:
            return None
        stored = checked.session.data or {}
        return Found(read_forms(stored), stored, checked.session.created)

    def judge(self, app: Flask, values: Mapping[str, Any]) -> None:  # noqa: ARG002 - a record is the same for all apps
        """Raise ValueError and TypeError for what does not fit the record."""
        require_fitting(stored_forms(values), self.manager.policy.data_cap)

    def save(self, app: Flask, request: Request, session: RecordSession, response: Response) -> None:
        """Write the changed keys; the first key makes the record, and deleting the last ends it."""
        if self._purger is not None:
            self._purger.purge_if_due()
        checked, values = self._checked(app, request), session.content.values
        if not session.modified and not (session.permanent and app.config["SESSION_REFRESH_EACH_REQUEST"]):
            return
        saved = checked is not None and save_changes(self.manager, checked, session.changes(REMOVED))
        if not values and not (saved and self._holds(app, request)):
            self.end(app, request)
            drop_cookie(app, request, response)
            return
        token = request.cookies.get(_PLAIN.get_cookie_name(app), "")
        if not saved:
            room = f"guests/{secrets.randbelow(self._rooms)}"
            token = self.manager.login(room, client="guest", data=stored_forms(values)).access_token
        self._set_cookie(app, session, response, token)

    def end(self, app: Flask, request: Request) -> None:
        """End the record that the cookie points to."""
        checked = self._checked(app, request)
        if checked is not None:
            self.manager.revoke(checked.claims.subject, checked.session.sid)

    def _holds(self, app: Flask, request: Request) -> bool:
        """Whether a key is left in the record: a request that ran beside this one may have written it."""
        left = self._checked(app, request)
        return left is not None and bool(left.session.data)

    def _hear(self, event: Event) -> None:
        """Log, now and then, that there is no room for all guests."""
        if isinstance(event, Evicted) and self.manager.clock() - self._told >= SELDOM:
            self._told = self.manager.clock()
            log.warning("a guest's session has made room for another one: guest_limit is %d", self._limit)

    def _checked(self, app: Flask, request: Request) -> Checked | None:
        try:
            return self.manager.authenticate(request.cookies.get(_PLAIN.get_cookie_name(app), ""))
        except AuthError:
            return None

    def _set_cookie(self, app: Flask, session: RecordSession, response: Response, token: str) -> None:
        response.set_cookie(
            _PLAIN.get_cookie_name(app),
            token,
            expires=_PLAIN.get_expiration_time(app, session),
            httponly=_PLAIN.get_cookie_httponly(app),
            domain=_PLAIN.get_cookie_domain(app),
            path=_PLAIN.get_cookie_path(app),
            secure=_PLAIN.get_cookie_secure(app),
            samesite=_PLAIN.get_cookie_samesite(app),
        )
        response.vary.add("Cookie")


def require_fitting(stored: Mapping[str, Any], cap: int) -> None:
    """Raise ValueError for data of more than *cap* bytes, and TypeError for what no record can hold."""
    size = size_of(stored)
    if size > cap:
        raise ValueError(f"the session would have {size} bytes, and at most {cap} fit; keep it elsewhere")


def save_changes(manager: SessionManager, checked: Checked, changes: Mapping[str, Any]) -> bool:
    """Merge changed keys into the data of a session; return False if it has ended. Raises StoreError."""
    if not changes:
        return True
    try:
        return manager.save_data(checked, changes)
    except ValueError as error:  # it fits by itself, but not together with what others have written meanwhile
        raise StoreConflict from error
