"""The rule of a login: who may come in, and who has to leave for it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from flask_gosession.errors import SessionLimit
from flask_gosession.session.change import Change, Ended, bury
from flask_gosession.session.check import refuse_banned
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
) -> Change[Session]:
    """Add the session *new*, evicting as many as the session limits ask for.

    *limit* and *on_limit* replace the policy's for this login; *presented* is the id of a session that the client
    had until now, which ends. Raises Banned, and SessionLimit where the policy is to refuse. Doing it again with
    the same *new* changes nothing further.
    """
    refuse_banned(record, now)
    record = replace(record, sessions=tuple(session for session in record.sessions if session.id != new.id))
    own = [session for session in record.sessions if session.id == presented]
    record, replaced = bury(record, own, "logged_out", now, client=new.client)
    victims = _over_limit(record, new, now, policy, limit=limit, on_limit=on_limit or policy.on_limit)
    record, evicted = bury(record, victims, "evicted", now, client=new.client)
    user = None if record.user and record.user.gone else record.user
    # A loader that is under way since before this login may still say that there is no such user.
    version = int.from_bytes(new.id[:8], "big") >> 1 or 1
    admitted = replace(record, sessions=(*record.sessions, new), user=user, user_version=version)
    ended: tuple[Ended, ...] = replaced + evicted
    return Change(admitted, new, ended, announce=bool(ended) or user is not record.user)


def _over_limit(
    record: SubjectRecord, new: Session, now: float, policy: Policy, *, limit: int | None, on_limit: OnLimit
) -> list[Session]:
    """Return the sessions that must go to make room for *new*, in the order in which they go."""
    total = policy.session_limit if limit is None else limit
    # An impersonated session is not the person's own: it neither counts against them nor pushes them out.
    pool = [session for session in record.sessions if (session.act is None) is (new.act is None)]
    if on_limit == "evict_idle":
        pool.sort(key=lambda session: session.seen)
    # What is over by this host's clock never costs a live session its place; but where there is no place left for
    # it, it goes: to a host whose clock is behind it is live, and would be one too many.
    pool.sort(key=lambda session: session.ends > now)
    victims = _excess(*_class_pool(pool, new.client, policy), now, on_limit)
    rest = [session for session in pool if session not in victims]
    return victims + _excess(rest, total, now, on_limit)


def _class_pool(pool: Sequence[Session], client: str, policy: Policy) -> tuple[list[Session], int]:
    """Return the sessions that share the limit of a client class, and that limit."""
    limits = policy.client_limits
    if not limits:
        return [], 1
    if client in limits:
        return [session for session in pool if session.client == client], limits[client]
    if "*" not in limits:
        raise SessionLimit("This kind of client may not sign in.")
    return [session for session in pool if session.client not in limits], limits["*"]


def _excess(pool: Sequence[Session], limit: int, now: float, on_limit: OnLimit) -> list[Session]:
    """Return the first of *pool* that must go so that one more stays within *limit*."""
    live = sum(session.ends > now for session in pool)
    if live >= limit and (on_limit == "refuse" or limit < 1):
        raise SessionLimit
    return list(pool[: max(len(pool) + 1 - limit, 0)])
