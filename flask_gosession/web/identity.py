"""Whom a token stands for: a session and its user, or the error that says why there is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec

from flask_gosession.discreet import Discreet
from flask_gosession.engine.results import Checked
from flask_gosession.errors import AnsweredError, AuthError, CSRFFailed, TokenMissing, UserNotFound
from flask_gosession.session import check as checks
from flask_gosession.session.policy import LEVELS, Level
from flask_gosession.session.record import Session
from flask_gosession.tokens.types import Claims
from flask_gosession.web.session_data import SessionData
from flask_gosession.web.state import State

LookUp = Callable[..., Checked]
"""Asks the store about a token; *may_be_stale*: an earlier answer will do during an outage. See `LevelChecks.check`."""

REQUEST = "request"
"""The location of a user without a session, found in the request by the app itself."""


class CurrentSession:
    """The session of a request: what the record says of it, and its data.

    *look_up* asks the store if the session was checked without it: always for the data, which others may have
    changed, and for everything else if all there is are the *claims* of a token.
    """

    def __init__(
        self,
        checked: Checked | None,
        state: State,
        *,
        moved: bool = False,
        claims: Claims | None = None,
        look_up: LookUp | None = None,
    ) -> None:
        self._checked = checked
        self._state = state
        self._moved = moved
        self._claims = claims
        self._look_up = look_up

    @property
    def checked(self) -> Checked:
        """The session, the token's claims, and the record that both were checked against."""
        if self._checked is None:
            assert self._look_up is not None  # noqa: S101 - one of the two is given
            self._checked = self._look_up()
        return self._checked

    @property
    def stale(self) -> bool:
        """Whether the store does not answer now, but confirmed the session within ``OUTAGE_GRACE``."""
        return self._checked is not None and self._checked.stale

    def use(self, checked: Checked) -> None:
        """Use what the store has just said."""
        self._checked = checked
        if not checked.stale:
            self._look_up = None

    @cached_property
    def data(self) -> SessionData:
        """The session's data; most requests never read it."""
        if self._look_up is not None:
            self.use(self._look_up(may_be_stale=False))
        return SessionData(self.checked.session.data, self._state.config.data_cap)

    @property
    def changes(self) -> dict[str, Any]:
        """What this request has changed in the data; see `SessionData.changes`."""
        return self.data.changes if "data" in vars(self) else {}

    @property
    def record(self) -> Session:
        """The session as stored."""
        return self.checked.session

    @property
    def claims(self) -> Claims:
        """What the token said."""
        return self.checked.claims if self._claims is None else self._claims

    @property
    def subject(self) -> str:
        """The user id."""
        return self.claims.subject

    @property
    def sid(self) -> str:
        """The session id: a public handle, never a secret."""
        return self.claims.sid_text

    @property
    def client(self) -> str:
        """The client class."""
        return self.claims.client if self._checked is None else self.record.client

    @property
    def created(self) -> float:
        """When the session was made, as a Unix time."""
        return self.record.created

    @property
    def expires(self) -> float:
        """When the session ends at the latest, as a Unix time."""
        return self.record.expires

    @property
    def authenticated(self) -> float:
        """When the credentials were last seen, as a Unix time; an older token keeps the older time."""
        return checks.authenticated_by(self.record, self.claims)

    @property
    def remember(self) -> bool:
        """Whether the login asked to be remembered."""
        return self.record.remember

    @property
    def jti(self) -> str:
        """The id of the token that came with the request."""
        return self.claims.jti_text

    @property
    def fresh(self) -> bool:
        """Whether the credentials were seen within ``FRESH_LIFETIME``, by the person whose session it is."""
        return self.is_fresh(self._state.config.fresh_lifetime)

    def is_fresh(self, within: float) -> bool:
        """Whether the credentials were seen within so many seconds, from the same place."""
        aged = self._state.manager.clock() - self.authenticated > within
        moved = self._moved and self._state.config.binding_action == "step_up"
        # An impersonator has not shown the credentials of the person whose session it is.
        return not (self.outdated or aged or moved or self.actor is not None)

    @property
    def outdated(self) -> bool:
        """Whether the token is from before the last re-authentication: it is never fresh."""
        return checks.is_outdated(self.record, self.claims.jti)

    @property
    def actor(self) -> str | None:
        """The subject who is behind an impersonated session."""
        return self.record.actor.subject if self.record.actor else None

    def __repr__(self) -> str:
        return f"CurrentSession(sid={self.sid!r}, client={self.client!r})"


class Identity(Discreet, msgspec.Struct, eq=False):
    """The outcome of one authentication: a session and its user, or the error that says why there is none.

    A Struct, like everything that each request makes: creating one runs no Python.
    """

    _shown = ("location",)

    state: State
    location: str | None = None
    """Where the token came from; `REQUEST`: there was no token, and the app itself found the user."""
    error: AnsweredError | None = None
    look_up: LookUp | None = None
    """Looks the session up in the store, once, when something needs it."""
    level: Level = "strict"
    """How thoroughly the outcome was checked."""
    may_be_wrong: bool = False
    """Whether the store was not asked, or did not answer."""
    claims: Claims | None = None
    """What the token says, if that is all that was needed."""
    opened: CurrentSession | None = None
    """The session, once it has been needed."""
    at_hand: Any = None
    """The user, once loaded; None before that, and if there is none."""
    _checked: Checked | None = None
    _loaded: bool = False
    _moved: bool = False

    @property
    def by_cookie(self) -> bool:
        """Whether the token came in a cookie, or leaves in one."""
        return self.location == "cookie"

    @property
    def is_unproven(self) -> bool:
        """Whether the only thing missing is the proof that a page meant to send the cookie."""
        return isinstance(self.error, CSRFFailed)

    @property
    def moved(self) -> bool:
        """Whether the session is used from somewhere other than where it was made."""
        return self._moved

    @property
    def session(self) -> CurrentSession:
        """The session; raises the error that says why there is none."""
        if self.error is not None:
            raise self.error
        if self.opened is None:
            checked = self._checked if self.level == "signature" else self.find()
            again = self.look_up if self.may_be_wrong else None
            self.opened = CurrentSession(checked, self.state, moved=self._moved, claims=self.claims, look_up=again)
        return self.opened

    @property
    def person(self) -> str | None:
        """The subject behind the request, as far as is known by now; for an impersonator, their own."""
        if self._checked is None:
            return None
        actor = self._checked.session.actor
        return self._checked.claims.subject if actor is None else actor.subject

    def is_at_odds_with(self, other: Identity) -> bool:
        """Whether both stand for users, but by different sessions."""
        return None not in (self.holder, other.holder) and self.holder != other.holder

    @property
    def holder(self) -> str | None:
        """What tells whom this stands for from others: the session id, as far as is known by now."""
        claims = self.claims if self._checked is None else self._checked.claims
        return claims.sid_text if claims is not None else REQUEST if self._loaded else None

    @property
    def user(self) -> Any:
        """The user, loaded once; raises what `session` raises, and UserNotFound."""
        return self._load_user() if self.at_hand is None else self.at_hand

    def _load_user(self) -> Any:
        if self.error is not None:
            raise self.error
        if not self._loaded:
            self.at_hand, self._loaded = self.state.manager.users.of((self._checked or self.find()).record), True
        if self.at_hand is None:
            # From now on there is no session either: a page must not see a session without its user.
            self.error = UserNotFound()
            raise self.error
        return self.at_hand

    def require(self) -> None:
        """Raise the error, if there is no session or no user; at the level ``signature`` the user is not loaded."""
        if self.level == "signature":
            self.session  # noqa: B018 - raises
        elif self.at_hand is None:
            self._load_user()

    def rely(self, level: Level | None, *, certain: bool = False) -> None:
        """Check at *level* or above, or, to be *certain*, by the store's answer in this very request.

        A weaker outcome is looked up again, once; if that raises, the error replaces the session.
        """
        is_weaker = level is not None and LEVELS.index(level) < LEVELS.index(self.level)
        if self.look_up is None or not (is_weaker or (certain and self.may_be_wrong)):
            return
        try:
            self.open(self.look_up(may_be_stale=not certain))
        except AnsweredError as error:
            self._refuse(error)

    def open(self, checked: Checked) -> None:
        """Stand for that session from now on; a user who was read from what is no longer stored is read again."""
        if self._checked is not None and self._checked.record.user != checked.record.user:
            self.at_hand, self._loaded = None, False
        self._checked, self.level = checked, "cached" if checked.kept else "strict"
        self.may_be_wrong = checked.kept or checked.stale
        if self.opened is not None:
            self.opened.use(checked)

    def trust(self, claims: Claims) -> None:
        """Stand for the session that a token names, until something needs more."""
        self.claims, self.level, self.may_be_wrong = claims, "signature", True

    def know_user(self, user: Any) -> None:
        """Keep *user* as the session's user, just loaded."""
        self.at_hand, self._loaded = user, True

    def note_moved(self, *, moved: bool) -> None:
        """Note whether the session is used from somewhere other than where it was made."""
        self._moved = moved

    def find(self) -> Checked:
        """Return the session that was checked, looking it up if need be. Raises TokenMissing if there is none."""
        if self._checked is None:
            if self.look_up is None:
                raise TokenMissing
            try:
                self.open(self.look_up())
            except AuthError as error:  # asked once; an outage may be over at the next look
                self._refuse(error)
                raise
            assert self._checked is not None  # noqa: S101 - just opened
        return self._checked

    def _refuse(self, error: AnsweredError) -> None:
        """Stand for nobody from now on."""
        error.realm = self.state.config.realm
        self.error, self.at_hand = error, None
