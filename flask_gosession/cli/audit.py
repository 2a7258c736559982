"""The command about the audit trail: what was done to whom, by whom, from where."""

from __future__ import annotations

import click

from flask_gosession.cli import output
from flask_gosession.cli.group import NO, Target, command, fail, gosession
from flask_gosession.observe.entries import UNREADABLE, AuditEntry

HEAD = ("AT", "ACTION", "SUBJECT", "SID", "CLIENT", "IP", "REASON", "BY")


@command(gosession, "audit")
@click.argument("user", required=False)
@click.option("--since", help="The first moment, in UTC, such as 2026-01-31 or 2026-01-31T08:00.")
@click.option("--until", help="The moment before which the last entry was written.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
def audit(target: Target, user: str | None, *, since: str | None, until: str | None, limit: int) -> None:
    """List what the audit trail has about or by USER, or about everybody, the newest first.

    Needs GOSESSION_AUDIT to be "sql", or the URL of an SQL database.
    """
    trail = target.state.audit
    if trail is None or not trail.is_readable:
        fail(UNREADABLE, NO)
    first = output.read_moment(since) if since else 0.0
    entries = trail.trail(user, since=first, until=output.read_moment(until) if until else None, limit=limit)
    output.answer(target, entries, lambda: output.table(HEAD, map(_row, entries), "There are no entries."))


def _row(entry: AuditEntry) -> tuple[str, ...]:
    return (
        output.moment(entry.at),
        entry.action,
        entry.subject,
        entry.sid,
        entry.client,
        entry.ip,
        entry.reason,
        entry.actor,
    )
