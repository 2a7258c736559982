"""The rule of a login: whether it is allowed, and which sessions end to make room for it."""

from __future__ import annotations

from collections.abc import Container, Sequence

from msgspec.structs import replace

from flask_gosession.errors import SessionEnded, SessionLimit
from flask_gosession.session.change import Change, EndedSession, end_sessions
from flask_gosession.session.check import refuse_banned, was_used
from flask_gosession.session.not_before import brought_back, refuse_earlier_login
from flask_gosession.session.policy import OnLimit, Policy
from flask_gosession.session.record import Session, SubjectRecord


def admit(
    record: SubjectRecord,
    new: Session,
    now: float,
    policy: Policy,
    *,
    limit: int | None = None,
    on_limit: OnLimit | None = None,
    presented: bytes | None = None,
    continues: bytes | None = None,
) -> Change[Session]:
    """Add the session *new*, evicting as many as the session limits require.

    *limit* and *on_limit* override the policy for this login; *presented* is the id of a session that the client
    had until now, which ends. Raises Banned, SessionEnded for credentials older than the subject's mark, unless the
    login *continues* a live session of that id, and SessionLimit if the policy is to refuse. If it
    brings a mark back from the future, the refusal is in the change. Doing it again with the same *new* changes nothing
    further.
    """
    refuse_banned(record, now)
    try:
        refuse_earlier_login(record, new, continues, now)
    except SessionEnded as refused:
        if (known := brought_back(record, now)) is record:
            raise
        return Change(known, new, refused=refused)
    record = replace(record, sessions=tuple([session for session in record.sessions if session.id != new.id]))
    own = [session for session in record.sessions if session.id == presented]
    record, replaced = end_sessions(record, own, "logged_out", now, client=new.client)
    victims = _over_limit(record, new, now, policy, limit=limit, on_limit=on_limit or policy.on_limit)
    record, evicted = end_sessions(record, victims, "evicted", now, client=new.client)
    user = None if record.user and record.user.gone else record.user
    # A loader that started before this login may still say that there is no such user.
    version = int.from_bytes(new.id[:8], "big") >> 1 or 1
    admitted = replace(record, sessions=(*record.sessions, new), user=user, user_version=version)
    ended: tuple[EndedSession, ...] = replaced + evicted
    return Change(admitted, new, ended, announce=bool(own or victims) or user is not record.user)


def _over_limit(
    record: SubjectRecord, new: Session, now: float, policy: Policy, *, limit: int | None, on_limit: OnLimit
) -> list[Session]:
    """Return the sessions that end to make room for *new*, in that order."""
    total = policy.session_limit if limit is None else limit
    # An impersonated session is not the person's own: it neither counts against them nor pushes them out.
    pool = [session for session in record.sessions if (session.actor is None) is (new.actor is None)]
    if on_limit == "evict_idle":
        pool.sort(key=lambda session: session.seen)
    if policy.unused_first:
        pool.sort(key=was_used)
    # A session that has ended by this host's clock never takes a live one's place; but if there is no place left for
    # it, it goes: to a host whose clock is behind, it is live, and would be one too many.
    over = {session.id for session in pool if session.ends <= now}
    if over:
        pool.sort(key=lambda session: session.id not in over)
    if not policy.client_limits:
        return _excess(pool, total, over, on_limit)
    victims = _excess(*_class_pool(pool, new.client, policy), over, on_limit)
    leaving = {session.id for session in victims}
    rest = [session for session in pool if session.id not in leaving]
    return victims + _excess(rest, total, over, on_limit)


def _class_pool(pool: Sequence[Session], client: str, policy: Policy) -> tuple[list[Session], int]:
    """Return the sessions that share the limit of a client class, and that limit."""
    limits = policy.client_limits
    if client in limits:
        return [session for session in pool if session.client == client], limits[client]
    if "*" not in limits:
        raise SessionLimit("This kind of client may not sign in.")
    return [session for session in pool if session.client not in limits], limits["*"]


def _excess(pool: Sequence[Session], limit: int, over: Container[bytes], on_limit: OnLimit) -> list[Session]:
    """Return the first of *pool* that must end so that one more fits *limit*; those that are *over* are not live."""
    live = sum([session.id not in over for session in pool])
    if live >= limit and (on_limit == "refuse" or limit < 1):
        raise SessionLimit
    return list(pool[: max(len(pool) + 1 - limit, 0)])
