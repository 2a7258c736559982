"""What one answer carries for the sessions of one realm: cookies set or deleted, caching headers, and others."""

from __future__ import annotations

from operator import itemgetter

import msgspec
from flask import Response

from flask_gosession import ids
from flask_gosession.discreet import Discreet
from flask_gosession.tokens.types import TokenPair
from flask_gosession.web.cookies import Cookie, OwnToken
from flask_gosession.web.state import State

_name_of = itemgetter(0)


class Reply(Discreet, msgspec.Struct, eq=False):
    """Collects what to add to the answer while the view runs; `apply` adds it afterwards."""

    state: State
    _pair: TokenPair | None = None
    _renewed: TokenPair | None = None
    _actors: dict[str, OwnToken] = {}
    _unsets_actor: bool = False
    _unsets_cookies: bool = False
    _forbids_caching: bool = False
    _clears_site_data: bool = False
    _doubled: tuple[Cookie, ...] = ()
    _confirmed: bool = True
    _is_applied: bool = False

    @property
    def renewed(self) -> TokenPair | None:
        """The newer access token that the browser gets for its session; None without a renewal."""
        return self._renewed

    @property
    def confirmed(self) -> bool:
        """Whether as many replicas as required know of the revocations so far."""
        return self._confirmed

    def hand_out(self, pair: TokenPair) -> None:
        """Give the client the tokens of a login or refresh, and no earlier ones."""
        self._pair = pair
        self.forbid_caching()

    def hand_out_nothing(self) -> None:
        """Withhold all tokens so far from the client."""
        self._pair = self._renewed = None

    def withdraw(self, sid: str, earlier: TokenPair | None) -> None:
        """Withhold the tokens of a session that has ended; the client gets the *earlier* ones in their place."""
        if self._pair is not None and self._pair.sid == sid:
            self._pair = earlier
        if self._renewed is not None and self._renewed.sid == sid:
            self._renewed = None

    def renew(self, access: TokenPair) -> None:
        """Give the browser a newer access token of its session."""
        self._renewed = access

    def unset_cookies(self) -> None:
        """Delete the browser's cookies, unless it gets new ones."""
        self._unsets_cookies = True

    def keep_actor(self, sid: str, own: OwnToken) -> None:
        """Let the browser keep its *own* token along with the cookies of the impersonated session *sid*."""
        self._actors[sid] = own

    def unset_actor(self) -> None:
        """Delete the actor's own token from the browser."""
        self._unsets_actor = True

    def unset_doubled(self, cookie: Cookie) -> None:
        """Delete every cookie of that name from the browser, whoever set it and for whatever path."""
        self._doubled = (*self._doubled, cookie)
        self.forbid_caching()

    def clear_site_data(self) -> None:
        """Tell the browser to clear what the configuration names: the person has signed out."""
        self._clears_site_data = True

    def forbid_caching(self) -> None:
        """Let no cache keep the answer."""
        self._forbids_caching = True

    def report_confirmation(self, *, confirmed: bool) -> None:
        """Tell the client whether as many replicas as required know of the latest revocation."""
        self._confirmed = confirmed

    def apply(self, response: Response) -> None:
        """Add all of it to *response*; called again, what has changed since."""
        if self._is_applied:
            self.state.transport.jar.take_back(response)
        self._is_applied = True
        self._set_cookies(response)
        if self._renewed is not None or self._forbids_caching:
            response.headers["Cache-Control"] = "no-store"
        if self._clears_site_data and self.state.config.clear_site_data:
            named = ", ".join(f'"{kind}"' for kind in self.state.config.clear_site_data)
            response.headers["Clear-Site-Data"] = named
        if self.state.config.wait_replicas and not self._confirmed:
            response.headers["GoSession-Confirmed"] = "0"

    def _set_cookies(self, response: Response) -> None:
        jar, clock = self.state.transport.jar, self.state.manager.clock
        for cookie in self._doubled:
            jar.unset_everywhere(response, cookie)
        if self._pair is not None and self._pair.in_cookies:
            csrf = self.state.csrf.value_for(ids.from_text(self._pair.sid) or b"")
            jar.set_pair(response, self._pair, csrf, clock())
        elif self._unsets_cookies:
            jar.unset(response)
        elif self._renewed is not None:
            jar.set_access(response, self._renewed, clock())
        own = None if self._pair is None else self._actors.get(self._pair.sid)
        if own is not None:
            jar.set_actor(response, own, clock())
        elif self._unsets_actor:
            jar.unset_actor(response)


def tell_caches(response: Response, *, private: bool, by_cookie: bool) -> None:
    """Let no cache keep a *private* answer, unless it says itself what caches may do; *by_cookie*: it depends on it.

    The names are looked through here: werkzeug raises an exception inside for each that it does not find.
    """
    names = [*map(str.lower, map(_name_of, response.headers))]
    if by_cookie:
        if "vary" in names:
            response.vary.add("Cookie")
        else:  # which is most often, and needs no set of names
            response.headers.add("Vary", "Cookie")
    if private and "cache-control" not in names:
        response.headers.add("Cache-Control", "private, no-store")
