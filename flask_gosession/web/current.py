"""Whom the current request is from: `current_user`, `current_session`, and the same for any realm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from flask_gosession.deadline import WithoutWaiting
from flask_gosession.errors import AuthError, StoreError
from flask_gosession.web.guest import GUEST, CurrentUser
from flask_gosession.web.identity import CurrentSession, Identity
from flask_gosession.web.state import this_request
from flask_gosession.web.visit import Visit, visit_of


def user_of(realm: str) -> Any:
    """Return the user of the current request, or a guest when nobody is signed in or the store is down."""
    try:
        here = this_request()
    except RuntimeError:
        return GUEST
    visit = visit_of(realm, here)
    known = visit.current
    if known is not None and known.at_hand is not None:  # as in every view behind a guard
        return known.at_hand
    return _ask(visit, _USER, GUEST)


def session_of(realm: str) -> CurrentSession | None:
    """Return the session of the current request, or None for a guest, or a user without one."""
    try:
        here = this_request()
    except RuntimeError:
        return None
    session: CurrentSession | None = _ask(visit_of(realm, here), _SESSION, None)
    return session


_USER, _SESSION = attrgetter("user"), attrgetter("session")


def _ask(visit: Visit, pick: Callable[[Identity], Any], nobody: Any) -> Any:
    """Return what *pick* reads from the identity of a visit; *nobody* for a guest, or while the store is down."""
    try:
        with WithoutWaiting():
            return pick(visit.current or visit.authenticate())
    except AuthError:
        return nobody
    except StoreError:
        visit.warn_of_outage()
        return nobody
    except HTTPException:
        # The body, which might hold a token or its proof, is too large: the page that says so must not fail as well.
        return nobody


current_user: Any = CurrentUser(partial(user_of, "default"))
"""The user of the current request, or a falsy guest; it always answers ``is_authenticated`` and ``is_anonymous``."""

current_session: CurrentSession = LocalProxy(partial(session_of, "default"))  # type: ignore[assignment]  # stands for it
"""The session of the current request; falsy when nobody is signed in."""
