"""One request to one realm: who is asking, and the sessions that the request has made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any

import msgspec
from flask import Request, Response
from msgspec.structs import replace
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from flask_gosession.deadline import WithoutWaiting
from flask_gosession.engine.results import Checked
from flask_gosession.errors import AnsweredError, AuthError, StoreConflict, StoreError, TokenInvalid, TokenMissing
from flask_gosession.session import renewal
from flask_gosession.session.policy import Level
from flask_gosession.tokens.types import TokenPair, TokenType
from flask_gosession.web.binding import has_moved
from flask_gosession.web.cookies import CookiesDoubled
from flask_gosession.web.guest import GUEST, CurrentUser
from flask_gosession.web.identity import REQUEST, CurrentSession, Identity, LookUp
from flask_gosession.web.reply import Reply
from flask_gosession.web.state import EXTENSION, State, state_of, this_app, this_request
from flask_gosession.web.transport import Presented, is_navigation

log: logging.Logger = logging.getLogger("flask_gosession")

VISITS = "_gosession"
"""Where a request keeps its visits."""


class Visit(msgspec.Struct, eq=False, weakref=True):
    """What is known about one realm in one request."""

    state: State
    current: Identity | None = None
    """Who is asking, once it has been looked up."""
    owed: Reply | None = None
    """What to add to the answer; for most answers, nothing."""
    is_private: bool = False
    """Whether the answer is for a signed-in user: no cache may keep it unless the view says otherwise."""
    _identities: dict[tuple[str, ...] | None, Identity] = {}
    """Who is asking, by each choice of locations; None stands for the configured ones."""
    _named: dict[str, None] = {}
    _everybody: list[Identity] = []
    """Who the request is and has been."""
    _new_pairs: list[TokenPair] = []
    _made: set[str] = set()
    """The ids of the sessions that this request made, whose tokens no client has yet."""
    _held: Identity | None = None
    """Who holds the token, if that was looked up without proof that a page meant to send it."""
    before_login: list[Callable[[], object]] = []
    """Called before a login replaces the sessions of the request, or makes the first."""
    has_presented: bool = True
    """Whether the session that the request came with is still its session: true until a login replaces it."""
    _warned: bool = False

    @property
    def reply(self) -> Reply:
        """Collects what the answer owes."""
        if self.owed is None:
            self.owed = Reply(self.state)
        return self.owed

    @property
    def new_pairs(self) -> tuple[TokenPair, ...]:
        """The tokens of the live sessions that the request has made or refreshed, the latest last."""
        return tuple(self._new_pairs)

    @property
    def named_locations(self) -> tuple[str, ...]:
        """The locations that routes have named, in place of the configured ones."""
        return tuple(self._named)

    @property
    def asking(self) -> str | None:
        """The subject behind the request, as far as is known by now; for an impersonator, their own."""
        return next((identity.person for identity in self._everybody if identity.person is not None), None)

    def read(self, kind: TokenType, locations: tuple[str, ...] | None = None) -> Presented | None:
        """Return the token that the request brings."""
        used = self.state.transport.locations if locations is None else locations
        if "cookie" in used:
            self.reply.vary_by_cookie()
        try:
            return self.state.transport.read(this_request(), kind, locations)
        except CookiesDoubled as error:
            self.reply.unset_doubled(error.cookie)
            raise

    def authenticate(
        self, locations: tuple[str, ...] | None = None, level: Level | None = None, *, certain: bool = False
    ) -> Identity:
        """Return who is asking: checked once per request and choice of locations.

        At *level* or above, if that is given: an earlier check in this request is repeated if it
        was weaker. *certain*: by what the store says in this request, not what it said before an outage.
        """
        known = (self.current if locations is None else None) or self._identities.get(locations)
        if known is None:
            known = self._identify(locations, level or self.state.config.level)
            if locations is not None:
                self._named.update(dict.fromkeys(locations))
            if self._identities:
                known = self._only(known)
            self._identities[locations] = known
            self._everybody.append(known)
        self.current = known
        if known.may_be_wrong:
            known.rely(level, certain=certain)
        return known

    def hold(self) -> Identity:
        """Return whose token it is, by the store, even without proof that a page meant to send its cookie."""
        known = self._held or self._identities.get(None)
        if known is None or known.is_unproven:
            known = self._identify(None, "strict", asks_proof=False)
        self._held = known
        if known.may_be_wrong:
            known.rely("strict", certain=True)
        return known

    def hand_out(self, pair: TokenPair, *, cookies: bool, new: bool = False) -> TokenPair:
        """Let the answer carry the tokens, and the rest of the request go on with their session; return them.

        *new*: the request has just made that session, and no client has its tokens yet.
        """
        pair = replace(pair, in_cookies=cookies)
        if new:
            self._made.add(pair.sid)
        self.reply.hand_out(pair)
        self._new_pairs.append(pair)
        # An answer that gets lost was never used: a check by the server itself must not start the grace period.
        look_up = partial(self.state.manager.authenticate, pair.access_token, used=False)
        self._continue_as(Identity(self.state, location="cookie" if cookies else None, look_up=look_up))
        return pair

    def keep_private(self) -> None:
        """Let no cache keep the answer unless the view says otherwise: a guard has let a user in."""
        self.is_private = True

    def leave_sessions(self) -> None:
        """Forget the sessions that the request came with or has made."""
        self._new_pairs.clear()
        self.has_presented = False

    def sign_out(self) -> None:
        """Let the rest of the request go on as a guest's, and no cache keep the answer."""
        self.reply.forbid_caching()
        self._continue_as(Identity(self.state, error=TokenMissing()))

    def end_undelivered(self) -> None:
        """End the new sessions whose tokens were in a body that an error has replaced: no client has them."""
        here = self.state.device(this_request())
        try:
            for pair in [pair for pair in self._new_pairs if pair.sid in self._made and not pair.in_cookies]:
                self.state.manager.logout(pair.access_token, device=here)
        except StoreError:
            log.warning("a session whose tokens never reached a client could not be ended; it expires unused")

    def withdraw(self, sid: str) -> None:
        """Hand out no token of a session that has ended; hand out what the request made before it, if anything."""
        self._new_pairs = [pair for pair in self._new_pairs if pair.sid != sid]
        self.reply.withdraw(sid, earlier=self._new_pairs[-1] if self._new_pairs else None)

    def save_data(self, response: Response) -> None:
        """Save what the request has changed in the data of its sessions, unless it failed. Raises StoreError."""
        for identity in self._everybody:
            if identity.opened is not None and response.status_code < 500:
                self._save_changes(identity.opened)

    def _save_changes(self, session: CurrentSession) -> None:
        changes = session.changes
        if not changes:
            return
        try:
            self.state.manager.save_data(session.checked, changes)
        except ValueError as error:  # it fits by itself, but not together with what others have written meanwhile
            raise StoreConflict from error

    def warn_of_outage(self) -> None:
        """Log, once per request, that the page is shown as to a guest."""
        if not self._warned:
            log.warning("the session store is not available; the page is shown as to a guest")
        self._warned = True

    def _continue_as(self, identity: Identity) -> None:
        self._identities.clear()
        self._everybody.append(identity)
        self.current = self._held = identity

    def _only(self, identity: Identity) -> Identity:
        """Return *identity*, or a refusal if the request has tokens of another session, too."""
        if any(identity.is_at_odds_with(other) for other in self._identities.values()):
            return Identity(self.state, error=TokenInvalid("The request has tokens of two sessions; send one of them."))
        return identity

    def _identify(self, locations: tuple[str, ...] | None, level: Level, *, asks_proof: bool = True) -> Identity:
        """Return whom the token in one of *locations* stands for at *level*, or the error that says why nobody."""
        manager = self.state.manager
        try:
            presented = self.read(TokenType.ACCESS, locations)
            if presented is None:
                return self._identify_by_app() if locations is None else Identity(self.state, error=TokenMissing())
            identity, by_cookie = Identity(self.state, presented.location), presented.location == "cookie"
            if by_cookie and asks_proof:
                claims = manager.claims(presented.token, allow_expired=True)
                self.state.csrf.require_proof(this_request(), claims)
            if locations is None and self._held is not None:
                return self._held
            inspect = partial(self._compare, identity) if self.state.config.binding else None
            if level == "strict" and not self.state.levels.rides:  # nothing to find and nothing to keep
                identity.open(manager.authenticate(presented.token, by_cookie=by_cookie, inspect=inspect))
            else:
                look_up = partial(self.state.levels.check, presented.token, by_cookie=by_cookie, inspect=inspect)
                self._check(identity, presented.token, look_up, level)
            if by_cookie and identity.level != "signature":
                self._renew(identity)
        except AnsweredError as error:
            error.realm = self.state.config.realm
            return Identity(self.state, error=error)
        return identity

    def _check(self, identity: Identity, token: str, look_up: LookUp, level: Level) -> None:
        """Check *token* at *level*; by its signature alone only if nothing else is needed."""
        identity.look_up = look_up
        if level != "signature" or self.state.config.binding or not self._trust(identity, token):
            identity.open(look_up(level))

    def _trust(self, identity: Identity, token: str) -> bool:
        """Trust the token alone, unless something else is needed; return whether it was trusted."""
        claims = self.state.levels.claims_by_signature(token)
        if claims is None:
            return False
        now = self.state.manager.clock()
        if identity.by_cookie and renewal.may_be_due(claims, now) and is_navigation(this_request()):
            return False
        identity.trust(claims)
        return True

    def _identify_by_app(self) -> Identity:
        """Return the user that the app's request loader finds in a request without a token."""
        load = self.state.request_loader
        user = None if load is None else self.state.app.ensure_sync(load)(this_request())
        if user is None:
            return Identity(self.state, error=TokenMissing())
        identity = Identity(self.state, location=REQUEST)
        identity.know_user(user)
        return identity

    def _renew(self, identity: Identity) -> None:
        """Renew a token from a cookie when it is due.

        The claims of an expired one are loaded anew for every request, but only a navigation sets the cookie: a late
        reply to a script would overwrite the cookies of a newer rotation, login or logout.
        """
        manager, sets, checked = self.state.manager, is_navigation(this_request()), identity.session.checked
        if checked.stale or not (checked.expired or (sets and manager.renewal_due(checked))):
            return
        identity.rely("strict", certain=True)
        checked = identity.session.checked
        claims, user = manager.renew(checked)
        identity.open(replace(checked, claims=replace(checked.claims, extra=claims.extra)))
        identity.know_user(user)
        if sets:
            renewed = manager.issuer.signed(checked.session, claims, manager.clock())
            self.state.transport.jar.check_size(renewed)
            self.reply.renew(renewed)

    def _compare(self, identity: Identity, checked: Checked) -> None:
        """Note whether the session has moved; raises BindingMismatch if that is refused."""
        state = self.state
        identity.note_moved(moved=has_moved(checked, state.device(this_request()), state.manager, state.config))

    def __repr__(self) -> str:
        return f"Visit({self.state.config.realm!r})"


def visit_of(realm: str, here: Request | None = None) -> Visit:
    """Return the visit of *here*, the current request; it is kept on the request, which no two clients share."""
    kept = (here or this_request()).__dict__
    try:
        state: State = this_app().extensions[EXTENSION][realm]
    except KeyError:
        state = state_of(realm)  # which says what is missing
    visits: dict[str, Visit] | None = kept.get(VISITS)
    if visits is None:
        visits = kept[VISITS] = {}
    kept["_gosession_realm"] = realm
    visit = visits.get(realm)
    if visit is None or visit.state is not state:
        visit = visits[realm] = Visit(state)
    return visit


def visits_of(here: Request) -> dict[str, Visit] | None:
    """Return the visits of a request, by realm; None if no realm was used."""
    found: dict[str, Visit] | None = here.__dict__.get(VISITS)
    return found


def realm_of(here: Request) -> str | None:
    """Return the realm that a request used last: a refusal now comes from there."""
    realm: str | None = vars(here).get("_gosession_realm")
    return realm


def user_of(realm: str) -> Any:
    """Return the user of the current request, or a guest when nobody is signed in or the store is down."""
    return _current(realm, _USER, GUEST)


def session_of(realm: str) -> CurrentSession | None:
    """Return the session of the current request, or None for a guest, or a user without one."""
    session: CurrentSession | None = _current(realm, _SESSION, None)
    return session


_USER, _SESSION = attrgetter("user"), attrgetter("session")


def _current(realm: str, pick: Callable[[Identity], Any], nobody: Any) -> Any:
    """Return what *pick* reads from the identity of the request; *nobody* for a guest, or while the store is down."""
    try:
        here = this_request()
    except RuntimeError:
        return nobody
    visit = visit_of(realm, here)
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


current_user: Any = CurrentUser(partial(_current, "default", _USER, GUEST))
"""The user of the current request, or a falsy guest; it always answers ``is_authenticated`` and ``is_anonymous``."""

current_session: CurrentSession = LocalProxy(partial(_current, "default", _SESSION, None))  # type: ignore[assignment]  # stands for it
"""The session of the current request; falsy when nobody is signed in."""
