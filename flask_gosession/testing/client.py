"""A test client that is signed in, by a real session in the app's own store."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from flask_gosession import ids
from flask_gosession.config import DEFAULT_REALM
from flask_gosession.session.device import Device
from flask_gosession.tokens.types import TokenPair
from flask_gosession.web.sign_in import subject_of
from flask_gosession.web.state import State, state_of


class SessionClient(FlaskClient):
    """Signs *user* in: ``app.test_client_class = SessionClient``, then ``app.test_client(user="ada")``.

    *user* is what `login_user` takes: the user id, or an object that has one. *realm* names another realm than the
    default one, and *login* has arguments for `SessionManager.login`, such as ``{"client": "ios"}``. The token goes
    with every request as the app is configured: in the header, or else in cookies, then with the CSRF value. A request
    that brings headers of its own is left alone.
    """

    def __init__(
        self,
        *args: Any,
        user: object = None,
        realm: str = DEFAULT_REALM,
        login: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.pair: TokenPair | None = None
        """The tokens of the session; None for a guest."""
        if user is not None:
            state = state_of(realm, self.application)
            device = Device(str(self.environ_base["REMOTE_ADDR"]), str(self.environ_base["HTTP_USER_AGENT"]))
            by_cookies = "header" not in state.config.token_locations
            options: dict[str, Any] = {"device": device, "cookies": by_cookies, **(login or {})}
            with self.application.app_context():
                subject = subject_of(state, user)
            self.pair = state.manager.login(subject, **options)
            self._carry(state, self.pair)

    def _carry(self, state: State, pair: TokenPair) -> None:
        if "header" in state.config.token_locations:
            self.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {pair.access_token}"
            return
        jar, csrf = state.transport.jar, state.csrf.value_for(ids.from_text(pair.sid) or b"")
        for cookie, value in ((jar.access, pair.access_token), (jar.refresh, pair.refresh_token), (jar.csrf, csrf)):
            if value is not None:
                self.set_cookie(cookie.name, value, path=cookie.path)
        self.environ_base[f"HTTP_{state.config.csrf_header.upper().replace('-', '_')}"] = csrf
