"""One request to one realm: who is asking, and the sessions that the request has made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import msgspec
from flask import Flask, Request, Response
from msgspec.structs import replace

from flask_gosession.errors import StoreConflict, StoreError, TokenInvalid, TokenMissing
from flask_gosession.session.policy import Level
from flask_gosession.tokens.types import TokenPair
from flask_gosession.web.identity import CurrentSession, Identity
from flask_gosession.web.reply import tell_caches
from flask_gosession.web.state import state_of, this_app, this_request
from flask_gosession.web.token_check import TokenCheck

log: logging.Logger = logging.getLogger("flask_gosession")

VISITS = "_gosession"
"""Where a request keeps its visits."""

NO_REQUEST = (
    "There is no request here, and so no client to sign in, sign out or check: call this in a view, or in a test "
    "within app.test_request_context(). In a job or a shell use gosession.manager, within app.app_context()."
)


class Visit(TokenCheck, eq=False, weakref=True):
    """What is known about one realm in one request."""

    current: Identity | None = None
    """Who is asking, once it has been looked up."""
    is_private: bool = False
    """Whether the answer is for a signed-in user: no cache may keep it unless the view says otherwise."""
    _identities: dict[tuple[str, ...] | None, Identity] = msgspec.field(default_factory=dict)
    """Who is asking, by each choice of locations; None stands for the configured ones."""
    named_locations: tuple[str, ...] = ()
    """The locations that routes have named, in place of the configured ones."""
    _everybody: tuple[Identity, ...] = ()
    """Who the request is and has been."""
    new_pairs: tuple[TokenPair, ...] = ()
    """The tokens of the live sessions that the request has made or refreshed, the latest last."""
    _made: frozenset[str] = frozenset()
    """The ids of the sessions that this request made, whose tokens no client has yet."""
    before_login: tuple[Callable[[], object], ...] = ()
    """Called before a login replaces the sessions of the request, or makes the first."""
    has_presented: bool = True
    """Whether the session that the request came with is still its session: true until a login replaces it."""
    _warned: bool = False

    @property
    def asking(self) -> str | None:
        """The subject behind the request, as far as is known by now; for an impersonator, their own."""
        return next((identity.person for identity in self._everybody if identity.person is not None), None)

    def authenticate(
        self, locations: tuple[str, ...] | None = None, level: Level | None = None, *, certain: bool = False
    ) -> Identity:
        """Return who is asking: checked once per request and choice of locations.

        At *level* or above, if that is given: an earlier check in this request is repeated if it
        was weaker. *certain*: by what the store says in this request, not what it said before an outage.
        """
        known = self.current if locations is None else self._identities.get(locations)
        if known is None:
            known = self.identify(locations, level or self.state.config.level)
            if locations is not None:
                self.named_locations = tuple(dict.fromkeys((*self.named_locations, *locations)))
            if self._identities or self.new_pairs:
                known = self._only(known)
            self._identities[locations] = known
            self._everybody += (known,)
        self.current = known
        if known.may_be_wrong and (certain or level is not None):
            known.rely(level, certain=certain)
        return known

    def hold(self) -> Identity:
        """Return whose token it is, by the store, even without proof that a page meant to send its cookie."""
        known = self._held or self._identities.get(None)
        if known is None or known.is_unproven:
            known = self.identify(None, "strict", asks_proof=False)
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
            self._made |= {pair.sid}
        self.reply.hand_out(pair)
        self.new_pairs += (pair,)
        # An answer that gets lost was never used: a check by the server itself must not start the grace period.
        look_up = partial(self.state.manager.authenticate, pair.access_token, used=False)
        self._continue_as(Identity(self.state, location="cookie" if cookies else None, look_up=look_up))
        return pair

    def leave_sessions(self) -> None:
        """Forget the sessions that the request came with or has made."""
        self.new_pairs = ()
        self.has_presented = False

    def sign_out(self) -> None:
        """Let the rest of the request go on as a guest's, and no cache keep the answer."""
        self.reply.forbid_caching()
        self._continue_as(Identity(self.state, error=TokenMissing()))

    def end_undelivered(self) -> None:
        """End the new sessions whose tokens were to go into a body that an error replaces: no client gets them."""
        here = self.state.device(this_request())
        try:
            for pair in [pair for pair in self.new_pairs if pair.sid in self._made and not pair.in_cookies]:
                self.state.manager.logout(pair.access_token, device=here)
        except StoreError:
            log.warning("a session whose tokens never reached a client could not be ended; it expires unused")

    def withdraw(self, sid: str) -> None:
        """Hand out no token of a session that has ended; hand out what the request made before it, if anything."""
        self.new_pairs = tuple(pair for pair in self.new_pairs if pair.sid != sid)
        self.reply.withdraw(sid, earlier=self.new_pairs[-1] if self.new_pairs else None)

    def save_data(self, response: Response) -> StoreError | None:
        """Save what the request has changed in the data of its sessions, unless it failed; return why that failed."""
        for identity in self._everybody:
            if identity.opened is not None and response.status_code < 500:
                try:
                    self._save_changes(identity.opened)
                except StoreError as error:
                    error.realm = self.state.config.realm
                    return error
        return None

    def _save_changes(self, session: CurrentSession) -> None:
        changes = session.changes
        if not changes:
            return
        try:
            self.state.manager.save_data(session.checked, changes)
        except ValueError as error:  # it fits by itself, but not together with what others have written meanwhile
            raise StoreConflict from error

    def complete(self, response: Response) -> None:
        """Add the cookies and headers that the request has caused; called again, what has changed since."""
        if self.owed is not None:
            self.owed.apply(response)
        if self.is_private or self.read_cookie:
            tell_caches(response, private=self.is_private, by_cookie=self.read_cookie)

    def warn_of_outage(self) -> None:
        """Log, once per request, that the page is shown as to a guest."""
        if not self._warned:
            log.warning("the session store is not available; the page is shown as to a guest")
        self._warned = True

    def _continue_as(self, identity: Identity) -> None:
        self._identities.clear()
        self._everybody += (identity,)
        self.current = self._held = identity

    def _only(self, identity: Identity) -> Identity:
        """Return *identity*, or a refusal if the request has brought, or made, tokens of another session, too."""
        made = self.new_pairs[-1].sid if self.new_pairs else identity.holder
        if identity.holder not in (None, made) or any(map(identity.is_at_odds_with, self._identities.values())):
            return Identity(self.state, error=TokenInvalid("The request has tokens of two sessions; send one of them."))
        return identity


Visits = dict[tuple[Flask, str], Visit]
"""By app and realm: a view may enter the context of another app for a while."""


def visit_of(realm: str, here: Request | None = None) -> Visit:
    """Return the visit of *here*, the current request; it is kept on the request, which no two clients share."""
    try:
        app, kept = this_app(), (here or this_request()).__dict__
    except RuntimeError:
        raise RuntimeError(NO_REQUEST) from None
    visits: Visits | None = kept.get(VISITS)
    if visits is None:
        visits = kept[VISITS] = {}
    visit = visits.get((app, realm))
    if visit is None:
        visit = visits[app, realm] = Visit(state_of(realm, app))
    kept["_gosession_realm"] = realm
    return visit


def visits_of(here: Request) -> Visits | None:
    """Return the visits of a request; None if no realm was used."""
    found: Visits | None = here.__dict__.get(VISITS)
    return found


def realm_of(here: Request) -> str | None:
    """Return the realm that a request used last: a refusal now comes from there."""
    realm: str | None = vars(here).get("_gosession_realm")
    return realm
