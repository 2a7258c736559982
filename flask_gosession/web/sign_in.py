"""What a request does to its sessions: log in, impersonate, refresh, confirm, log out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from flask import current_app, request

from flask_gosession.config import Config
from flask_gosession.engine.results import Revocation
from flask_gosession.errors import AuthError, CSRFFailed, TokenMissing
from flask_gosession.session.arguments import valid_cookies
from flask_gosession.session.login_options import DEFAULT_CLIENT, LoginKeywords
from flask_gosession.session.names import valid_subject
from flask_gosession.session.record import Session
from flask_gosession.tokens.types import Claims, TokenPair, TokenType
from flask_gosession.web.binding import has_moved
from flask_gosession.web.cookies import OwnToken
from flask_gosession.web.login_time import seen_at
from flask_gosession.web.state import State
from flask_gosession.web.transport import Presented
from flask_gosession.web.visit import Visit

if TYPE_CHECKING:
    from typing_extensions import Unpack

PAIR = (TokenType.ACCESS, TokenType.REFRESH)
"""The types of the tokens that a login hands out."""
MADE = "made"
"""The location of a token that no client has sent: the request made it."""
BESIDE = "beside"
"""The location of the actor's own token, which the cookies of an impersonated session keep."""


class SessionToken(NamedTuple):
    """A token that came with the request or was made by it, and its claims."""

    presented: Presented
    claims: Claims

    @property
    def by_cookie(self) -> bool:
        """Whether a cookie brought it."""
        return self.presented.location == "cookie"


def log_in(visit: Visit, user: object, *, cookies: bool | None, **options: Unpack[LoginKeywords]) -> TokenPair:
    """Sign *user* in, replacing all sessions of the request; *cookies* None: as configured."""
    state, subject = visit.state, subject_of(visit.state, user)
    cookies = valid_cookies(cookies)
    if cookies is None:
        cookies = _prefers_cookies(state.config, options.get("client", DEFAULT_CLIENT))
    owned = session_tokens(visit, cookies=cookies)
    for prepare in visit.before_login:
        prepare()
    # This ends the session in the cookie, which another site must not cause either.
    if state.csrf.enabled and (cookies or any(one.by_cookie for one in owned)):
        state.csrf.require_own_origin(request)
    here, fits = state.labelled_device(request), _inspection(visit, cookies=cookies)
    _date(options, state, subject)

    def end_others(pair: TokenPair) -> None:
        """End all but the last, which the login itself ends, once the login is known to be valid."""
        fits(pair)
        for one in owned[:-1]:
            state.manager.logout(one.presented.token, device=here)

    pair = state.manager.login(
        subject,
        device=here,
        cookies=cookies,
        presented=owned[-1].claims if owned else None,
        inspect=end_others,
        **options,
    )
    visit.leave_sessions()
    if any(one.by_cookie for one in owned):
        _unset_cookies(visit)
    return visit.hand_out(pair, cookies=cookies, new=True)


def impersonate(visit: Visit, user: object, *, cookies: bool | None, **options: Unpack[LoginKeywords]) -> TokenPair:
    """Sign the current user in as *user*; *cookies* None: the way the request's own token came."""
    actor, subject = visit.authenticate(certain=True), subject_of(visit.state, user)
    checked = actor.session.checked
    cookies = valid_cookies(cookies)
    if cookies is None:
        cookies = actor.by_cookie
    own = _own_token(visit, checked.session) if cookies and actor.by_cookie else None
    _date(options, visit.state, subject)
    pair = visit.state.manager.impersonate(
        checked,
        subject,
        device=visit.state.labelled_device(request),
        cookies=cookies,
        inspect=_inspection(visit, cookies=cookies),
        **options,
    )
    if own is not None:
        visit.reply.keep_actor(pair.sid, own)
    return visit.hand_out(pair, cookies=cookies, new=True)


def refresh(visit: Visit) -> TokenPair:
    """Rotate the refresh token of the request; the new pair leaves the way the old one came."""
    state, manager = visit.state, visit.state.manager
    presented = visit.read(TokenType.REFRESH)
    if presented is None and not manager.codec.dated:
        presented = visit.read(TokenType.ACCESS)  # an opaque token of the first kind refreshes itself
    if presented is None:
        raise TokenMissing
    cookies, here = presented.location == "cookie", state.device(request)
    if cookies:
        state.csrf.require_proof(request, manager.claims(presented.token))
    if state.config.binding:
        has_moved(manager.holder(presented.token, TokenType.REFRESH), here, manager, state.config)
    pair = manager.refresh(presented.token, device=here, inspect=_inspection(visit, cookies=cookies))
    for other in visit.new_pairs:
        if other.in_cookies and other.sid != pair.sid:  # an answer sets the cookies of one session only
            manager.logout(other.access_token, device=here)
    return visit.hand_out(pair, cookies=cookies)


def confirm(visit: Visit, *, asks_proof: bool = True) -> TokenPair:
    """Note that the person has shown their credentials again; the new tokens leave the way the old ones did."""
    identity = visit.authenticate(certain=True) if asks_proof else visit.hold()
    pair = visit.state.manager.confirm(
        identity.session.checked,
        device=visit.state.labelled_device(request),
        inspect=_inspection(visit, cookies=identity.by_cookie),
    )
    return visit.hand_out(pair, cookies=identity.by_cookie)


def log_out(visit: Visit, *, asks_proof: bool = True) -> Revocation:
    """End all sessions of the request, hand out none of their tokens, and unset the cookies that are its own.

    Without *asks_proof* the app has checked that its own page meant it; another site's request is refused.
    """
    state, owned = visit.state, session_tokens(visit)
    for one in owned:
        if one.by_cookie and asks_proof:
            state.csrf.require_proof(request, one.claims)
        elif one.by_cookie and state.csrf.enabled:
            state.csrf.require_own_origin(request)
    visit.reply.hand_out_nothing()
    here = state.device(request)
    ended = [state.manager.logout(one.presented.token, device=here) for one in owned]
    total = Revocation(sum(one.count for one in ended), all(one.confirmed for one in ended))
    has_cookies = _has_own_cookies(visit, {one.claims.sid for one in owned})
    if has_cookies:
        _unset_cookies(visit)
    if has_cookies or owned:  # and not on the word of another site
        visit.reply.clear_site_data()
    visit.reply.report_confirmation(confirmed=total.confirmed)
    visit.sign_out()
    return total


def _own_token(visit: Visit, session: Session) -> OwnToken | None:
    """Return what the browser keeps while its user acts as another user: its token of *session*."""
    made = [pair.access_token for pair in visit.new_pairs if pair.sid == session.sid]
    sent = visit.read(TokenType.ACCESS, ("cookie",))
    token = made[-1] if made else sent and sent.token
    return OwnToken(token, int(session.expires) if session.remember else None) if token else None


def _unset_cookies(visit: Visit) -> None:
    visit.reply.unset_cookies()
    if visit.state.transport.jar.actor.name in request.cookies:
        visit.reply.unset_actor()


def _date(options: LoginKeywords, state: State, subject: str) -> None:
    """Add when the credentials were seen if the caller does not say: a login under way must not survive a mark."""
    if options.get("authenticated") is None:
        options["authenticated"] = seen_at(state, subject)


def subject_of(state: State, user: object) -> str:
    """Return the subject of *user*: the value itself, or what the app's getter, ``get_id()``, ``id`` or ``"id"`` gives.

    Raises TypeError for an object that has none of these, or None there, as a row has before it is saved.
    """
    if isinstance(user, (str, int)) and not isinstance(user, bool):
        return valid_subject(user)
    if state.subject_getter is not None:
        return valid_subject(current_app.ensure_sync(state.subject_getter)(user))
    if callable(getattr(user, "get_id", None)):
        found = user.get_id()  # type: ignore[attr-defined]  # just looked for
    else:
        found = user.get("id") if isinstance(user, Mapping) else getattr(user, "id", None)
    if found is None or user is None:
        raise TypeError(
            f"login_user takes the user id as a str or int, or an object with get_id() or an id, and this "
            f"{type(user).__name__} has none: pass user.id, or register how to find it with @gosession.subject_getter."
        )
    return valid_subject(str(found) if isinstance(found, UUID) else found)


def session_tokens(visit: Visit, *, cookies: bool = False) -> list[SessionToken]:
    """Return a token of each session that the request has by now, live or not, the one made last at the end.

    With *cookies*, the browser's cookies count even if a token was sent on purpose: new ones replace them.
    A user who impersonates by cookie has their own session, too.
    """
    manager = visit.state.manager
    sent = _sent_tokens(visit, ("cookie",) if cookies else ()) if visit.has_presented else []
    beside = actor_token(visit) if any(one.by_cookie for one in sent) else None
    found = {one.claims.sid: one for one in reversed(sent if beside is None else [*sent, beside])}
    for pair in visit.new_pairs:
        claims = manager.claims(pair.access_token, allow_expired=True, allow_early=True)
        found.setdefault(claims.sid, SessionToken(Presented(pair.access_token, MADE), claims))
    return list(found.values())


def actor_token(visit: Visit) -> SessionToken | None:
    """Return the actor's own token, which the cookies keep during an impersonation."""
    token = request.cookies.get(visit.state.transport.jar.actor.name)
    return None if token is None else _token_of(visit, Presented(token, BESIDE))


def _sent_tokens(visit: Visit, also: tuple[str, ...] = ()) -> list[SessionToken]:
    """Return the tokens that came with the request, of either type, expired or not.

    They come from the first configured location that has any, since one sent on purpose counts alone, and from
    the locations that the route has named.
    """
    found = (_sent_at(visit, location) for location in visit.state.transport.locations)
    sent = next(filter(None, found), [])
    return sent + [one for location in (*visit.named_locations, *also) for one in _sent_at(visit, location)]


def _sent_at(visit: Visit, location: str) -> list[SessionToken]:
    found = {one.presented.token: one for kind in PAIR if (one := _sent_as(visit, location, kind)) is not None}
    return list(found.values())


def _sent_as(visit: Visit, location: str, kind: TokenType) -> SessionToken | None:
    try:
        presented = visit.read(kind, (location,))
    except AuthError:
        return None
    return None if presented is None else _token_of(visit, presented)


def _token_of(visit: Visit, presented: Presented) -> SessionToken | None:
    try:
        claims = visit.state.manager.claims(presented.token, allow_expired=True, allow_early=True)
    except AuthError:
        return None
    return SessionToken(presented, claims)


def _has_own_cookies(visit: Visit, ended: Collection[bytes]) -> bool:
    """Whether the browser's cookies are this request's to take away, which has *ended* those sessions.

    Cookies of a user other than the one whose token was sent on purpose are not, and another site, for which the
    browser sends no cookies, must not take them away either.
    """
    if "cookie" not in (*visit.state.config.token_locations, *visit.named_locations):
        return False
    if any(one.claims.sid in ended for one in _sent_at(visit, "cookie")):
        return True
    if _sent_tokens(visit):
        return False
    try:
        visit.state.csrf.require_own_origin(request)
    except CSRFFailed:
        return False
    return True


def _prefers_cookies(config: Config, client: str) -> bool:
    """Whether the tokens of a login go out as cookies if the caller does not say."""
    if "cookie" not in config.token_locations:
        return False
    return client == "web" or config.token_locations == ("cookie",)


def _inspection(visit: Visit, *, cookies: bool) -> Callable[[TokenPair], None]:
    """Return the check of new tokens before their session is written: tokens for cookies must fit into them."""
    return visit.state.transport.jar.check_size if cookies else _accept


def _accept(_pair: TokenPair) -> None:
    """Accept a pair that goes into a body, where size does not matter."""
