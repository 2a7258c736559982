"""Functions for apps without a `GoSession` at hand: the same as its methods, for the default realm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_gosession.config import DEFAULT_REALM
from flask_gosession.engine.results import Revocation
from flask_gosession.session.login_options import LoginKeywords
from flask_gosession.tokens.types import TokenPair
from flask_gosession.web import sign_in
from flask_gosession.web.current import session_of
from flask_gosession.web.visit import visit_of

if TYPE_CHECKING:
    from typing_extensions import Unpack


def login_user(
    subject: str | int | object, *, cookies: bool | None = None, **options: Unpack[LoginKeywords]
) -> TokenPair:
    """Sign *subject* in and return the tokens; see `GoSession.login_user`."""
    return sign_in.log_in(visit_of(DEFAULT_REALM), subject, cookies=cookies, **options)


def logout_user() -> Revocation:
    """End the session of the request and unset its cookies; see `GoSession.logout_user`."""
    return sign_in.log_out(visit_of(DEFAULT_REALM))


def confirm_login() -> TokenPair:
    """Note that the user has proved their credentials again; see `GoSession.confirm_login`."""
    return sign_in.confirm(visit_of(DEFAULT_REALM))


def login_fresh() -> bool:
    """Return whether the session of the request is fresh; False for a guest."""
    session = session_of(DEFAULT_REALM)
    return session is not None and session.fresh
