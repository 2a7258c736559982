"""Acting as another user in a realm: who may, the way in, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from flask import request

from flask_gosession.engine.results import Checked
from flask_gosession.errors import AuthError, InsufficientScope
from flask_gosession.session.login_options import LoginKeywords, shows_login_keywords
from flask_gosession.session.record import Actor
from flask_gosession.tokens.types import TokenPair, TokenType
from flask_gosession.web import loaders, sign_in
from flask_gosession.web.binding import has_moved
from flask_gosession.web.state import State
from flask_gosession.web.visit import Visit, visit_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

NOBODY = "Nobody else is behind this session."

F = TypeVar("F", bound=Callable[..., Any])


class Impersonation:
    """The part of `GoSession` that lets users act as others."""

    name: str
    _states: list[State]
    _impersonation_check: Callable[[Any, str], Any] | None = None

    def impersonation_check(self, check: F) -> F:
        """Register the function, plain or async, that says whether a user may act as a subject.

        It takes the user who acts, as the user loader returns them, and the subject. It is asked first, and then for
        each use of the impersonated session, which ends with the first answer that is not true. Without one, the views
        that call `impersonate` decide, once, who may act as another user.
        """
        self._impersonation_check = check
        for state in self._states:
            loaders.use_impersonation_check(state, check)
        return check

    @shows_login_keywords
    def impersonate(
        self, subject: str | int | object, *, cookies: bool | None = None, **options: Unpack[LoginKeywords]
    ) -> TokenPair:
        """Sign the current user in as *subject*; the session names its actor, and ends when the actor's own does.

        It also ends when the actor's user is gone or the impersonation check refuses, and after
        ``IMPERSONATION_LIFETIME`` if no *lifetime* is given. It is never fresh: its tokens have no ``auth_time``. The
        tokens leave the way the current one came, unless *cookies* says otherwise, and the client class is the current
        one, unless *client* does. Raises InsufficientScope for a user who is impersonating already or may not, and what
        `login_user` raises.
        """
        return sign_in.impersonate(visit_of(self.name), subject, cookies=cookies, **options)

    def stop_impersonating(self) -> TokenPair | None:
        """End the impersonated session of the request, and go back to the actor's own session.

        The cookies have kept a token of the actor's own session for this: it is returned,
        newly dated, and put back in the cookies, even if the impersonated session has ended meanwhile. A client that
        holds its tokens itself goes on with those; it gets None. Raises InsufficientScope if nobody else is behind
        the session, and what `login_required` raises.
        """
        return _stop(visit_of(self.name))


def _stop(visit: Visit) -> TokenPair | None:
    state, manager, sent = visit.state, visit.state.manager, visit.read(TokenType.ACCESS)
    own = sign_in.actor_token(visit) if sent is not None and sent.location == "cookie" else None
    if sent is None or own is None:
        if visit.authenticate().session.actor is None:
            raise InsufficientScope(NOBODY)
        sign_in.log_out(visit)
        return None
    state.csrf.require_proof(request, manager.claims(sent.token, allow_expired=True, allow_early=True))
    checked, here = manager.authenticate(own.presented.token, by_cookie=True), state.device(request)
    has_moved(checked, here, manager, state.config)
    if not _is_behind(visit, checked):
        raise InsufficientScope(NOBODY)
    pair = _again(visit, checked)
    for one in sign_in.session_tokens(visit):
        if one.claims.sid != checked.session.id:
            manager.logout(one.presented.token, device=here)
    visit.leave_sessions()
    visit.reply.unset_actor()
    return visit.hand_out(pair, cookies=True)


def _is_behind(visit: Visit, actor: Checked) -> bool:
    """Whether *actor* is behind the session of the request, or that session has ended."""
    try:
        session = visit.authenticate().session.record
    except AuthError:
        return True
    return session.actor == Actor(actor.claims.subject, actor.session.id)


def _again(visit: Visit, own: Checked) -> TokenPair:
    """Return the current tokens of the actor's own session, for its cookies, as a repeated refresh does."""
    manager, subject = visit.state.manager, own.claims.subject
    manager.users.require(own.record)
    pair = manager.issuer.pair_again(subject, own.session, manager.clock(), manager.issuer.draw(subject))
    visit.state.transport.jar.check_size(pair)
    return pair
