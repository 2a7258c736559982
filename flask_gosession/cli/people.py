"""Commands about users: who is signed in, from where, and why a session has ended; sign out, ban."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_args

import click

from flask_gosession import ids
from flask_gosession.cli import output
from flask_gosession.cli.group import DASHES, Target, answer_no, command, gosession, note, warn_of_memory
from flask_gosession.engine.inspection import SessionView, SubjectView
from flask_gosession.engine.results import Revocation
from flask_gosession.engine.scanning import Match, size_of
from flask_gosession.errors import Reason
from flask_gosession.setting_readers import duration

F = TypeVar("F", bound=Callable[..., Any])

HEAD = ("SID", "JTI", "CLIENT", "DEVICE", "IP", "CREATED", "LAST SEEN", "ENDS", "FRESH", "ACTOR")

_user = click.argument("user")
_message = click.option("--message", help="A sentence for a client that comes back with one of the tokens.")
_seconds = duration(1)


def _reason(default: Reason) -> Callable[[F], F]:
    words = click.Choice(get_args(Reason))
    return click.option(
        "--reason",
        type=words,
        default=default,
        show_default=True,
        help="The reason given to the holder.",
    )


@command(gosession, "sessions")
@_user
def sessions(target: Target, user: str) -> None:
    """List the live sessions of USER, the most recently used first.

    SID and JTI are those in the access token: compare them with what `inspect` says of a token.
    """
    warn_of_memory(target)
    live = target.manager.show(user).sessions
    output.answer(target, live, lambda: output.table(HEAD, map(_row, live), f"{user} has no live session."))


@command(gosession, "show")
@_user
def show(target: Target, user: str) -> None:
    """Show all that is stored about USER: live and ended sessions, ban, mark, cached user info, size and place.

    Exits with 1 if nothing is stored.
    """
    warn_of_memory(target)
    view = target.manager.show(user)
    output.answer(target, view, lambda: _described(view))
    if view.state == "absent":
        answer_no()


@command(gosession, "find", context_settings=DASHES)
@click.argument("wanted", metavar="SID|JTI|IP")
def find(target: Target, wanted: str) -> None:
    """Find whose session that is: by session id, by a token's jti, by address or network (192.0.2.0/24).

    Reads every record, a batch at a time. With --json each session is one line. Exits with 1 if there is none.
    """
    warn_of_memory(target)
    found = 0
    with output.progress("Reading records", size_of(target.manager.store)) as advance:
        for match in target.manager.find(wanted, on_batch=advance):
            found += 1
            click.echo(output.json_line(match) if target.as_json else _found(match))
    if not found:
        note("no record has it: it is neither a live session nor one that ended in the last days.")
        answer_no()


@command(gosession, "revoke", context_settings=DASHES)
@_user
@click.argument("sid", required=False)
@click.option("--client", "client_class", help="End the sessions of this client class instead: web, ios, …")
@_reason("kicked")
@_message
def revoke(
    target: Target, user: str, sid: str | None, client_class: str | None, reason: Reason, message: str | None
) -> None:
    """End one session of USER, by its SID, or all of one client class.

    Ending it twice is not an error.
    """
    warn_of_memory(target)
    if (sid is None) == (client_class is None):
        raise click.UsageError("Name a SID or --client; for all sessions there is revoke-all.")
    if sid is None:
        ended = target.manager.revoke_all(user, reason, client_class=client_class, message=message)
    else:
        ended = target.manager.revoke(user, _sid(sid), reason, message=message)
    _answer_ended(target, ended)


@command(gosession, "revoke-all")
@_user
@click.option("--except", "kept", metavar="SID", help="Keep this session.")
@_reason("revoked_all")
@_message
def revoke_all(target: Target, user: str, kept: str | None, reason: Reason, message: str | None) -> None:
    """End all sessions of USER, or all but one."""
    warn_of_memory(target)
    but = None if kept is None else _sid(kept)
    _answer_ended(target, target.manager.revoke_all(user, reason, but=but, message=message))


@command(gosession, "ban")
@_user
@click.option("--for", "lasting", metavar="DURATION", help="How long: 90m, 7d, 52w.")
@click.option("--until", metavar="TIME", help="When it ends: 2030-01-31, 2030-01-31T12:00 (UTC).")
@click.option("--reason", default="", help="Why, for the records: a word such as abuse.")
@_message
def ban(target: Target, user: str, lasting: str | None, until: str | None, reason: str, message: str | None) -> None:
    """Refuse USER until a time, and end what is live.

    The ban is part of the stored record, and is lost with it: a lasting one belongs in your own data.
    """
    warn_of_memory(target)
    end = _end(target, lasting, until)
    ended = target.manager.ban(user, until=end, reason=reason, message=message)
    output.answer(
        target,
        {"until": end, "count": ended.count, "confirmed": ended.confirmed},
        lambda: [f"{output.plain(user)} is banned until {output.moment(end)}. {_counted(ended)}"],
    )
    _warn_of_unconfirmed(ended)


@command(gosession, "unban")
@_user
def unban(target: Target, user: str) -> None:
    """Let USER sign in again. Exits with 1 if there was no ban."""
    warn_of_memory(target)
    lifted = target.manager.lift_ban(user)
    sentence = f"{output.plain(user)} may sign in again." if lifted else f"{output.plain(user)} was not banned."
    output.answer(target, {"lifted": lifted}, lambda: [sentence])
    if not lifted:
        answer_no()


def _sid(text: str) -> str:
    if ids.from_text(text) is None:
        raise click.BadParameter(f"{text!r} is not a session id: those have 22 characters, as `sessions` lists them.")
    return text


def _end(target: Target, lasting: str | None, until: str | None) -> float:
    if (lasting is None) == (until is None):
        raise click.UsageError("Say how long: either --for or --until.")
    try:
        if lasting is not None:
            return target.manager.clock() + float(_seconds(lasting))
        return output.read_moment(str(until))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _answer_ended(target: Target, ended: Revocation) -> None:
    output.answer(target, ended, lambda: [_counted(ended)])
    _warn_of_unconfirmed(ended)


def _counted(ended: Revocation) -> str:
    return "1 session was ended." if ended.count == 1 else f"{ended.count} sessions were ended."


def _warn_of_unconfirmed(ended: Revocation) -> None:
    if not ended.confirmed:
        note("fewer replicas than GOSESSION_WAIT_REPLICAS asks for have confirmed it: a failover now could undo it.")


def _row(session: SessionView) -> tuple[object, ...]:
    actor = session.actor and session.actor.subject
    times = (output.moment(each) for each in (session.created, session.last_seen, session.ends))
    device = session.label or session.agent[:40]
    return (session.sid, session.jti, session.client, device, session.ip, *times, session.fresh, actor)


def _described(view: SubjectView) -> Iterator[str]:
    yield from output.fields(
        [
            ("subject", view.subject),
            ("state", view.state.replace("_", " ")),
            ("stored", output.size(view.bytes)),
            ("at", view.location),
        ]
    )
    if view.ban is not None:
        ban = view.ban
        times = f"since {output.moment(ban.at)} until {output.moment(ban.until)}"
        yield f"banned {times} {output.plain(ban.reason)} {output.plain(ban.message)}".rstrip()
    if view.not_before is not None:
        mark = view.not_before
        times = f"{output.moment(mark.at)} sign nobody in until {output.moment(mark.until)}"
        yield f"credentials from before {times}: {output.plain(mark.reason)} {output.plain(mark.message)}".rstrip()
    if view.user is not None:
        known = output.plain(view.user.value) if view.user.exists else "there is no such user"
        yield f"user info, {view.user.age:.0f} s old, {view.user.bytes} B: {known}"
    yield from _listed("live sessions", output.table(HEAD, map(_row, view.sessions), "none"))
    ended = (
        (each.sid, each.reason, output.moment(each.at), each.by_client, output.moment(each.known_until), each.message)
        for each in view.ended
    )
    head = ("SID", "REASON", "AT", "BY CLIENT", "KNOWN UNTIL", "MESSAGE")
    yield from _listed("ended sessions", output.table(head, ended, "none"))


def _listed(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield ""
    yield f"{title}:"
    yield from (f"  {line}" for line in lines)


def _found(match: Match) -> str:
    if match.session is not None:
        seen = output.moment(match.session.last_seen)
        what = f"live, {match.session.client} from {match.session.ip or 'nowhere known'}, last seen {seen}"
        sid = match.session.sid
    else:
        ended = match.ended
        sid = ended.sid if ended else ""
        what = f"ended: {ended.reason}, {output.moment(ended.at)}" if ended else "ended"
    return output.plain(f"{match.subject}  {sid}  {what}  (by {match.by})")
