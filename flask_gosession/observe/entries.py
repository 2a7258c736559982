"""What the audit trail keeps about an event: who, what, which session, from where, why; never a token.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import msgspec

from flask_gosession import events
from flask_gosession.config import PREFIX

LONGEST = 255
"""Characters of each text in an entry; longer texts are cut."""

UNAUDITED = (events.StoreEvent, events.UserForgotten, events.DataDropped, events.AuditDropped)
"""Events about the system rather than a person's sessions: they go to the log and the metrics."""

UNREADABLE = f'There is no audit trail to read: set {PREFIX}AUDIT to "sql", or to the URL of an SQL database.'


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit trail. *at* is a Unix time; an empty text means unknown or not applicable."""

    at: float
    action: str
    """The event, named as its signal is: ``logged_in``, ``revoked``, …"""
    subject: str
    realm: str
    sid: str = ""
    client: str = ""
    """The client class of the session."""
    ip: str = ""
    """The address of the request that did it."""
    agent: str = ""
    """The user agent of a request that brought a refresh token."""
    reason: str = ""
    actor: str = ""
    """The subject who did it, if known to be another one."""


def entry_of(event: events.Event, realm: str) -> AuditEntry | None:
    """Return the entry of *event*; None for routine events, and those not about a person's sessions.

    A refresh with the current token is routine; with a superseded one it is not.
    """
    if isinstance(event, UNAUDITED) or _is_routine(event):
        return None
    return AuditEntry(
        at=event.at,
        action=events.name_of(type(event)),
        subject=_cut(event.subject),
        realm=realm,
        sid=_text(event, "sid"),
        client=_text(event, "client"),
        ip=_cut(event.ip),
        agent=_text(event, "agent"),
        reason=_text(event, "reason") or _text(event, "changed"),
        actor=_cut(event.actor or ""),
    )


def _is_routine(event: events.Event) -> bool:
    return isinstance(event, events.Refreshed) and not (event.parent_again or event.adopted)


def _text(event: events.Event, name: str) -> str:
    return _cut(getattr(event, name, ""))


def _cut(text: str) -> str:
    return text[:LONGEST]
