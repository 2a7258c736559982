"""Flask-Login with revocable sessions: use `RevocableLoginManager` in place of its ``LoginManager``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, cast

import flask_login
from flask import Flask, Response, current_app, g, request, session
from flask_login import config as defaults

from flask_gosession.adapters import legacy
from flask_gosession.adapters.legacy import Credential
from flask_gosession.adapters.record_session import RecordSession
from flask_gosession.adapters.session import RecordSessionInterface, end_session
from flask_gosession.config import DEFAULT_REALM
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AnsweredError, AuthError, StoreError, TokenMalformed
from flask_gosession.session.login_options import LoginKeywords
from flask_gosession.tokens.types import TokenPair
from flask_gosession.web import sign_in
from flask_gosession.web.visit import Visit, visit_of

USER_ID = "_user_id"
"""The key under which Flask-Login notes who is signed in."""


class RevocableLoginManager(flask_login.LoginManager):  # type: ignore[misc]  # Flask-Login has no types
    """Flask-Login's own manager, whose logins are sessions of the realm *realm*.

    `flask_login.login_user` begins one, with device and limits, `logout_user` ends it, and the remember cookie is a
    second credential of the same session: it and every copy end with the session. Views, templates, decorators,
    loaders and signals stay unchanged.
    """

    def __init__(
        self, app: Flask | None = None, add_context_processor: bool = True, *, realm: str = DEFAULT_REALM
    ) -> None:
        self.realm = realm
        super().__init__(app, add_context_processor)

    def init_app(self, app: Flask, add_context_processor: bool = True) -> None:
        """Set it up for *app*; `flask.session` is kept in the record from then on."""
        super().init_app(app, add_context_processor)
        if not isinstance(app.session_interface, RecordSessionInterface):
            app.session_interface = RecordSessionInterface(name=self.realm)
        interface: RecordSessionInterface = app.session_interface
        interface.subject_key, interface.sign_out = USER_ID, self._leave
        flask_login.user_login_confirmed.connect(self._confirm, app)
        flask_login.session_protected.connect(self._mark_stale, app)

    @property
    def _visit(self) -> Visit:
        return visit_of(self.realm)

    @property
    def _sessions(self) -> SessionManager:
        return self._visit.state.manager

    def _load_user(self) -> None:
        """Load the user as Flask-Login does; while the store is down, raise that error once, then show a guest."""
        if g.get("_gosession_down"):  # the page that says so must not fail as well
            super()._update_request_context_with_user()
            return
        try:
            with _loading():
                super()._load_user()
        except StoreError:
            g._gosession_down = True
            raise

    def _update_request_context_with_user(self, user: Any = None) -> None:
        """Make *user* the request's user; this completes a login or logout, which may be refused."""
        if not g.get("_gosession_loading"):
            self._settle()
        super()._update_request_context_with_user(user)

    def _settle(self) -> None:
        opened = _opened()
        if opened is None or USER_ID not in opened.written:
            return
        is_fresh = opened.get("_fresh", True)
        cast("RecordSessionInterface", current_app.session_interface).settle(
            opened, renew=True, **self._options(opened)
        )
        if not is_fresh and opened.content.sid is not None:
            self._mark_stale()

    def _leave(self, visit: Visit) -> None:
        """End the session of a browser whose `flask.session` was emptied; one with a remember cookie may resume it.

        Only `flask_login.logout_user` and the session protection take that one, too.
        """
        cookie = request.cookies.get(current_app.config.get("REMEMBER_COOKIE_NAME", defaults.COOKIE_NAME))
        is_kept = session.get("_remember") != "clear"
        if cookie and is_kept and visit.hold().session.record.second is not None and _payload_of(cookie):
            visit.reply.unset_cookies()
            visit.sign_out()
            return
        end_session(visit)

    def _options(self, opened: RecordSession) -> LoginKeywords:
        """Return how long the login lasts: a remembered one, as long as its cookie, within the policy."""
        if opened.get("_remember") != "set":
            return {}
        policy = self._sessions.policy
        lasts = min(self._remembered_for(opened), policy.longest_lifetime)
        return {"lifetime": lasts, "idle": min(lasts, policy.remember_idle_timeout)}

    @staticmethod
    def _remembered_for(opened: Mapping[str, Any]) -> float:
        seconds = opened.get("_remember_seconds")
        duration = current_app.config.get("REMEMBER_COOKIE_DURATION", defaults.COOKIE_DURATION)
        usual = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
        return float(usual if seconds is None else seconds)

    def _confirm(self, _app: Flask | None = None, **_: Any) -> None:
        """Note that the credentials were shown again: no earlier token becomes fresh with the session."""
        with suppress(AuthError):
            sign_in.confirm(self._visit, asks_proof=False)

    def _mark_stale(self, _app: Flask | None = None, **_: Any) -> None:
        with suppress(AuthError):
            held = self._visit.hold().session
            self._sessions.mark_stale(held.subject, held.sid)

    def _update_remember_cookie(self, response: Response) -> Response:
        """Complete a login or logout, if `flask.session` was touched at all."""
        opened = _opened()
        if (opened is None or not opened.is_open) and not current_app.config.get(
            "REMEMBER_COOKIE_REFRESH_EACH_REQUEST"
        ):
            return response
        try:
            if opened is not None:
                cast("RecordSessionInterface", current_app.session_interface).settle(opened)
            return cast("Response", super()._update_remember_cookie(response))
        except AnsweredError as error:
            error.realm = self.realm
            return current_app.make_response(current_app.handle_user_exception(error))

    def _set_cookie(self, response: Response) -> None:
        """Set Flask-Login's cookie, but with a credential of the session instead of the user's id."""
        super()._set_cookie(response)
        *others, last = response.headers.getlist("Set-Cookie")
        with suppress(AuthError):  # a session that has ended meanwhile leaves no cookie
            held = self._visit.hold().session
            value = flask_login.encode_cookie(self._sessions.remember(held.subject, held.sid))
            others.append(f"{last.partition('=')[0]}={value};{last.partition(';')[2]}")
        response.headers.setlist("Set-Cookie", others)

    def _load_user_from_remember_cookie(self, cookie: str) -> Any:
        payload = _payload_of(cookie)
        if payload is None:
            return None
        try:
            pair = self._pair_for(payload)
        except AuthError:
            return None
        self._visit.hand_out(pair, cookies=True)
        session["_fresh"] = False
        user = self._user_callback(session[USER_ID]) if self._user_callback else None
        if user is not None:
            flask_login.user_loaded_from_cookie.send(self._visit.state.app, user=user)
        return user

    def _pair_for(self, payload: str) -> TokenPair:
        """Return the pair of the session that a remember cookie belongs to. Raises AuthError if there is none."""
        device = self._visit.state.labelled_device(request)
        try:
            return self._sessions.resume(payload, device=device)
        except TokenMalformed:
            return self._adopted(payload)

    def _adopted(self, user_id: str) -> TokenPair:
        """Return the pair of the session that an earlier plain cookie begins: one for each browser."""
        evidence = self._session_identifier_generator()
        shown = Credential("flask_login", user_id, evidence, issued=0)  # the cookie does not say when it was issued
        lasts = self._remembered_for(cast("RecordSession", _opened()))
        until = self._sessions.clock() + min(lasts, self._sessions.policy.longest_lifetime)
        sid = legacy.adopt(self._visit.state, request, shown, until=until, cookies=True)
        session["_remember"] = "set"
        return self._sessions.tokens(user_id, sid)


def _payload_of(cookie: str) -> str | None:
    """Return what a remember cookie says, if it is validly signed."""
    if not cookie.rpartition("|")[2].isascii():  # Flask-Login cannot compare such a signature
        return None
    return cast("str | None", flask_login.decode_cookie(cookie))


def _opened() -> RecordSession | None:
    """Return the request's `flask.session`, if it is one of ours."""
    found = session._get_current_object()  # type: ignore[attr-defined]
    return found if isinstance(found, RecordSession) else None


@contextmanager
def _loading() -> Iterator[None]:
    """Keep the user who is being loaded from being taken for a new sign-in."""
    g._gosession_loading = True
    try:
        yield
    finally:
        g.pop("_gosession_loading", None)
