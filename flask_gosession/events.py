"""What happens to sessions, each as one frozen object: a new field breaks no listener."""

from __future__ import annotations

from dataclasses import dataclass

from flask_gosession.errors import Reason


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something happened to *subject* at the Unix time *at*; ``ip`` is the address of the request that caused it."""

    subject: str
    at: float
    ip: str = ""


@dataclass(frozen=True, kw_only=True)
class SessionEvent(Event):
    """Something happened to one session."""

    sid: str
    client: str = ""


@dataclass(frozen=True, kw_only=True)
class LoggedIn(SessionEvent):
    """A session was made."""

    remember: bool = False
    actor: str | None = None
    """The subject who is behind an impersonated session."""


@dataclass(frozen=True, kw_only=True)
class Refreshed(SessionEvent):
    """The tokens of a session were rotated."""

    gen: int


@dataclass(frozen=True, kw_only=True)
class Confirmed(SessionEvent):
    """The person has shown their credentials again."""


@dataclass(frozen=True, kw_only=True)
class Ended(SessionEvent):
    """A session was ended; its kinds below say how, ``reason`` says it in the field's words."""

    reason: Reason


@dataclass(frozen=True, kw_only=True)
class LoggedOut(Ended):
    """The person signed out."""


@dataclass(frozen=True, kw_only=True)
class Evicted(Ended):
    """A newer login needed the place."""


@dataclass(frozen=True, kw_only=True)
class Revoked(Ended):
    """The session was ended from elsewhere: by the person, an administrator or the app."""


@dataclass(frozen=True, kw_only=True)
class ReuseDetected(Ended):
    """An old refresh token came back: ``ip`` is who presented it, ``session_ip`` who signed in."""

    session_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class BannedSubject(Event):
    """A subject was banned until the Unix time ``until``; its sessions ended by `Revoked` events of their own."""

    until: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class BanLifted(Event):
    """A ban was lifted before its end."""


@dataclass(frozen=True, kw_only=True)
class UserForgotten(Event):
    """The cached user info was dropped."""


@dataclass(frozen=True, kw_only=True)
class BindingChanged(SessionEvent):
    """A session is used from another network or browser (``changed``: ``ip``, ``agent``) than it was made in."""

    changed: str


@dataclass(frozen=True, kw_only=True)
class CorruptRecord(Event):
    """The stored record of a subject could not be read; it counts as signed out."""


@dataclass(frozen=True, kw_only=True)
class DataDropped(SessionEvent):
    """Session data was not saved because the session had ended meanwhile."""
