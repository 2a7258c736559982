"""Finds out whom the token of one request stands for, in one realm."""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec.structs import replace

from flask_gosession.discreet import Discreet
from flask_gosession.engine.results import Checked
from flask_gosession.errors import AnsweredError, TokenMissing
from flask_gosession.session import renewal
from flask_gosession.session.policy import Level
from flask_gosession.tokens.types import TokenType
from flask_gosession.web.binding import has_moved
from flask_gosession.web.cookies import CookiesDoubled
from flask_gosession.web.identity import REQUEST, Identity
from flask_gosession.web.reply import Reply
from flask_gosession.web.state import State, this_request
from flask_gosession.web.transport import Presented, is_navigation


class TokenCheck(Discreet, msgspec.Struct, eq=False, weakref=True):
    """Reads the token of a request and checks it, at a level; what the answer then owes is collected."""

    state: State
    owed: Reply | None = None
    """What to add to the answer; for most answers, nothing."""
    read_cookie: bool = False
    """Whether a token was looked for in the cookies, so that the answer depends on them."""
    _held: Identity | None = None
    """Who holds the token, if that was looked up without proof that a page meant to send it."""

    @property
    def reply(self) -> Reply:
        """Collects what the answer owes."""
        if self.owed is None:
            self.owed = Reply(self.state)
        return self.owed

    def read(self, kind: TokenType, locations: tuple[str, ...] | None = None) -> Presented | None:
        """Return the token that the request brings."""
        used = self.state.transport.locations if locations is None else locations
        if "cookie" in used:
            self.read_cookie = True
        try:
            return self.state.transport.read(this_request(), kind, locations)
        except CookiesDoubled as error:
            self.reply.unset_doubled(error.cookie)
            raise

    def identify(self, locations: tuple[str, ...] | None, level: Level, *, asks_proof: bool = True) -> Identity:
        """Return whom the token in one of *locations* stands for at *level*, or the error that says why nobody."""
        manager = self.state.manager
        try:
            presented = self.read(TokenType.ACCESS, locations)
            if presented is None:
                return self._identify_by_app() if locations is None else Identity(self.state, error=TokenMissing())
            identity, by_cookie = Identity(self.state, presented.location), presented.location == "cookie"
            if by_cookie and asks_proof and self.state.csrf.asks(this_request()):
                claims = manager.claims(presented.token, allow_expired=True)
                self.state.csrf.require_proof(this_request(), claims)
            if locations is None and self._held is not None:
                return self._held
            inspect = partial(self._compare, identity) if self.state.config.binding else None
            if level == "strict" and not self.state.levels.rides:  # nothing to find and nothing to keep
                identity.open(manager.authenticate(presented.token, by_cookie=by_cookie, inspect=inspect))
            else:
                look_up = partial(self.state.levels.check, presented.token, by_cookie=by_cookie, inspect=inspect)
                identity.look_up = look_up
                # By the signature alone only if nothing else is needed.
                if level != "signature" or inspect is not None or not self._trust(identity, presented.token):
                    identity.open(look_up(level))
            if by_cookie and identity.level != "signature":
                self._renew(identity)
        except AnsweredError as error:
            error.realm = self.state.config.realm
            return Identity(self.state, error=error)
        return identity

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
        manager, checked = self.state.manager, identity.find()
        if checked.stale or not (checked.expired or manager.renewal_due(checked)):
            return
        sets = is_navigation(this_request())
        if not (checked.expired or sets):
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
