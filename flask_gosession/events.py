"""What happens to sessions, each as one frozen object: a new field breaks no listener."""

from __future__ import annotations

import re

import msgspec

from flask_gosession.errors import Reason


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened to *subject* at the Unix time *at*; ``ip`` is the address of the request that caused it."""

    subject: str
    """The user id."""
    at: float
    """When it happened, as a Unix time."""
    ip: str = ""
    """The address of the request that caused it; empty if none did."""
    actor: str | None = None
    """Who did it, if known to be another user: an impersonator, an administrator, or ``cli:`` and a shell's user."""


class SessionEvent(Event, frozen=True, kw_only=True):
    """Something happened to one session."""

    sid: str
    """The session id, as in lists and tokens."""
    client: str = ""
    """The client class of the session."""


class StoreEvent(Event, frozen=True, kw_only=True):
    """Something happened to the session store at *address*, a URL without credentials; there is no ``subject``."""

    subject: str = ""
    """Always empty."""
    address: str
    """Where the store is, without credentials."""


class StoreFailing(StoreEvent, frozen=True, kw_only=True):
    """The store does not answer this process: requests are refused with 503 until it does; sent once."""

    cause: str
    """What the driver said."""


class StoreRecovered(StoreEvent, frozen=True, kw_only=True):
    """The store answers this process again."""

    seconds: float
    """How long it has been failing."""


class FeedFailing(StoreEvent, frozen=True, kw_only=True):
    """The store announces no changes to this process: meanwhile each check at level ``cached`` asks it; sent once."""

    cause: str
    """What the driver said."""


class FeedRecovered(StoreEvent, frozen=True, kw_only=True):
    """The store announces changes to this process again."""


class LoggedIn(SessionEvent, frozen=True, kw_only=True):
    """A session was made."""

    remember: bool = False
    """Whether the login asked to be remembered."""


class RefreshEvent(SessionEvent, frozen=True, kw_only=True):
    """A refresh token was presented: ``ip`` and ``agent`` are the request's, ``session_ip`` and so on the login's."""

    gen: int
    """How often the session has been rotated."""
    agent: str = ""
    """The user agent that presented the token."""
    session_ip: str = ""
    """The address that the session was made from."""
    session_agent: str = ""
    """The user agent that the session was made by."""


class Refreshed(RefreshEvent, frozen=True, kw_only=True):
    """The tokens of a session were rotated, or the current ones were given out again."""

    parent_again: bool = False
    """A superseded refresh token brought the current pair: a lost answer, another tab, or a copy."""
    adopted: bool = False
    """Another pair became the current one: the first of several to be used, or one that the store had lost."""


class RefreshForked(RefreshEvent, frozen=True, kw_only=True):
    """A superseded refresh token got a new pair, because the one made for ``made_ip`` had never been used."""

    made_ip: str = ""
    """The address that the unused pair was made for."""
    made_agent: str = ""
    """The user agent that the unused pair was made for."""


class RefreshRefused(RefreshEvent, frozen=True, kw_only=True):
    """A refresh token was refused: it is from before a re-authentication, or from a write that the store lost."""


class Confirmed(SessionEvent, frozen=True, kw_only=True):
    """The person has shown their credentials again."""


class Ended(SessionEvent, frozen=True, kw_only=True):
    """A session was ended: the subclasses say how, and ``reason`` says why."""

    reason: Reason
    """Why, in one word; see `errors.Reason`."""


class LoggedOut(Ended, frozen=True, kw_only=True):
    """The person signed out."""


class Evicted(Ended, frozen=True, kw_only=True):
    """A newer login took its place under the session limit."""


class Revoked(Ended, frozen=True, kw_only=True):
    """The session was ended from elsewhere: by the person, an administrator or the app."""


class ReuseDetected(Ended, frozen=True, kw_only=True):
    """A superseded refresh token came back: ``ip`` presented it, ``session_ip`` signed in."""

    agent: str = ""
    """The user agent that presented the token."""
    session_ip: str = ""
    """The address that the session was made from."""
    session_agent: str = ""
    """The user agent that the session was made by."""


class Expired(Ended, frozen=True, kw_only=True):
    """A session has expired (``reason``: ``idle`` or ``expired``); sent once, when that is noticed."""


class SubjectBanned(Event, frozen=True, kw_only=True):
    """A subject was banned until the Unix time ``until``; each session that it ended has a `Revoked` event."""

    until: float
    """The end of the ban, as a Unix time."""
    reason: str = ""
    """Why, as given with the ban."""


class BanLifted(Event, frozen=True, kw_only=True):
    """A ban was lifted before its end."""


class NotBeforeSet(Event, frozen=True, kw_only=True):
    """From now on, logins of the subject whose credentials were seen before ``at`` are refused."""

    reason: str
    """Why: one of `errors.Reason`."""


class UserForgotten(Event, frozen=True, kw_only=True):
    """The cached user info was dropped."""


class BindingChanged(SessionEvent, frozen=True, kw_only=True):
    """A session is used from another network or browser (``changed``: ``ip``, ``agent``) than it was made in."""

    changed: str
    """What is different: ``ip`` or ``agent``; one event for each."""


class CorruptRecord(Event, frozen=True, kw_only=True):
    """The stored record of a subject could not be read; it counts as signed out."""


class DataDropped(SessionEvent, frozen=True, kw_only=True):
    """Session data was not saved because the session had ended meanwhile."""


class AuditDropped(Event, frozen=True, kw_only=True):
    """Entries of the audit trail were lost, because their sink was too slow or failed; there is no ``subject``."""

    subject: str = ""
    """Always empty."""
    count: int
    """How many since this event was last sent."""


def name_of(kind: type[Event]) -> str:
    """Return the name of an event in snake case: that of its signal, and in the audit trail."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def kinds() -> list[type[Event]]:
    """Return the events that are sent, in the order of this module: the classes without subclasses."""
    found = [one for one in globals().values() if isinstance(one, type) and issubclass(one, Event)]
    return [kind for kind in found if not any(one is not kind and issubclass(one, kind) for one in found)]
