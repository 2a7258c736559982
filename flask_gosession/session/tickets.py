"""The rule of a ticket: a token of another library that is honoured, although no session belongs to it."""

from __future__ import annotations

from msgspec.structs import replace

from flask_gosession.session.change import Change
from flask_gosession.session.check import refuse_banned
from flask_gosession.session.record import SubjectRecord, Ticket

MOST_TICKETS = 16
"""How many of a subject, the latest, are honoured at once; links in mails need no more."""


def note_ticket(record: SubjectRecord, ticket: Ticket, now: float) -> Change[None]:
    """Honour *ticket* until its end. It signs nobody in, and no session ends for it."""
    others = [one for one in record.tickets if one.id != ticket.id and one.until > now]
    noted = replace(record, tickets=(*others, ticket)[-MOST_TICKETS:])
    return Change(record if noted == record else noted, None)


def is_honoured(record: SubjectRecord, sid: bytes, now: float) -> bool:
    """Whether a ticket of that id is good. Raises Banned while the subject is."""
    refuse_banned(record, now)
    return any(one.id == sid and one.until > now for one in record.tickets)
