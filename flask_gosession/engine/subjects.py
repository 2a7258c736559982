"""What can be done to a subject's sessions without any of their tokens: list, end, ban, look up."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from flask_gosession import events, ids
from flask_gosession.durations import Instant
from flask_gosession.engine import scanning
from flask_gosession.engine.actors import Actors
from flask_gosession.engine.endings import Endings, Listener
from flask_gosession.engine.inspection import SubjectView, inspect_subject
from flask_gosession.engine.lease import Lease
from flask_gosession.engine.records import Records, Rule
from flask_gosession.engine.reporting import Emit, Reporter, actor_in
from flask_gosession.engine.results import Revocation
from flask_gosession.engine.scanning import Match, Stats
from flask_gosession.errors import ConfigError, Reason, StoreUnavailable
from flask_gosession.session import arguments
from flask_gosession.session.change import Change, EndedSession
from flask_gosession.session.check import refuse_banned
from flask_gosession.session.device import UNKNOWN, Device
from flask_gosession.session.names import MESSAGE_CHARS, valid_client, valid_subject
from flask_gosession.session.not_before import is_marked, marked, refuse_earlier
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Ban, NotBefore, Session, SubjectRecord
from flask_gosession.session.revoke import LONGEST_BAN, ban, lift_ban, revoke
from flask_gosession.stores.address import cause_of
from flask_gosession.stores.base import Store
from flask_gosession.stores.feed import feed_of

log: logging.Logger = logging.getLogger("flask_gosession")

T = TypeVar("T")


class SubjectManager:
    """Everything that needs only the subject's name, as for an operator.

    Every method that writes does so in one atomic step on one subject's record. All of them raise StoreUnavailable
    when the store does not answer, and StoreConflict when other writers keep changing the same record.
    """

    def __init__(self, store: Store, policy: Policy, clock: Callable[[], float], emit: Emit) -> None:
        self.policy = policy
        self.clock = clock
        told: dict[str, Any] = {"on_corrupt": self._tell_corrupt, "on_run_out": self._tell_run_out}
        self.records: Records = Records(store, clock, leeway=policy.leeway, **told)
        self.actors: Actors = Actors(self.records, clock)
        self._reporter = Reporter(emit)
        feed = feed_of(store)
        self.lease: Lease | None = None if feed is None else Lease(feed, self._tell_feed)
        """Whether this process hears of every change; None if the store announces none."""
        self.endings: Endings | None = None if self.lease is None else Endings(self.lease, self._read_ended, clock)
        """The listeners to sessions that have ended."""

    @property
    def store(self) -> Store:
        """The store that holds the records."""
        return self.records.store

    def sessions(self, subject: str | int) -> list[Session]:
        """Return the live sessions of *subject*, the most recently used first.

        Each impersonated one costs a read of its actor's record.
        """
        now = self.clock()
        with self.records.one_operation():
            seen = self.records.read(valid_subject(subject))
            live = [
                session
                for session in seen.record.sessions
                if session.ends > now and self.actors.allow(seen.record.subject, session)
            ]
            self.records.notice_run_out(seen)
        return sorted(live, key=lambda session: -session.seen)

    def revoke(
        self,
        subject: str | int,
        sid: str,
        reason: Reason = "logged_out",
        *,
        message: str | None = None,
        client: str | None = None,
        ip: str = "",
    ) -> Revocation:
        """End one session; *message* is shown to a client that comes back with one of its tokens.

        An id that `SessionManager.honour` has let in without a session is no longer honoured, either.
        *reason* is one of `errors.Reason`, and *client* the class of the client that ends it. Raises ValueError or
        TypeError for wrong arguments.
        """
        key = ids.from_text(arguments.instance_of(str, "sid", sid))
        return self._revoke(subject, lambda session: session.id == key, reason, message, client, ip, ticket=key)

    def revoke_all(
        self,
        subject: str | int,
        reason: Reason = "revoked_all",
        *,
        but: str | None = None,
        client_class: str | None = None,
        message: str | None = None,
        client: str | None = None,
        ip: str = "",
    ) -> Revocation:
        """End all sessions of *subject*, or all but the session id *but*, or those of one client class.

        From now on, a login whose credentials were seen earlier is refused, even one under way: a mark is set for this,
        unless only one client class is meant. Change the password first, and then call this.
        Raises ValueError or TypeError for wrong arguments.
        """
        kept = None if but is None else arguments.valid_sid("but", but)
        client_class = None if client_class is None else valid_client(client_class)

        def picks(session: Session) -> bool:
            return session.id != kept and client_class in (None, session.client)

        return self._revoke(subject, picks, reason, message, client, ip, marks=client_class is None)

    def ban(self, subject: str | int, *, until: Instant, reason: str = "", message: str | None = None) -> Revocation:
        """Refuse *subject* until the moment *until*, at most ten years ahead, and end what is live.

        Logins whose credentials were seen before the ban stay refused after it. The ban is part of the subject's record
        and is lost with it: a lasting one belongs in the app's own data.
        """
        subject, now, until = valid_subject(subject), self.clock(), arguments.valid_instant("until", until)
        if not now < until <= now + LONGEST_BAN:
            raise ValueError("a ban ends in the future, within ten years")
        reason = arguments.valid_text("reason", reason)[:MESSAGE_CHARS]
        new_ban = Ban(now, until, reason, _message(message))
        mark = NotBefore(now, self.policy.mark_kept_until(now), "banned", new_ban.message)
        rule = partial(ban, new_ban=new_ban)
        count, confirmed = self._apply(subject, lambda record, now: marked(rule(record, now=now), mark), confirm=True)
        self._reporter.tell(events.SubjectBanned(subject=subject, at=now, until=until, reason=reason))
        return Revocation(count, confirmed)

    def lift_ban(self, subject: str | int) -> bool:
        """Let *subject* sign in again; return whether there was a ban."""
        subject = valid_subject(subject)
        lifted, _ = self._apply(subject, lambda record, _now: lift_ban(record))
        if lifted:
            self._reporter.tell(events.BanLifted(subject=subject, at=self.clock()))
        return lifted

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call *listener* with a `SessionEnd` for each session that ends from now on; return a function that stops it.

        It hears of every end, whoever caused it and in whatever process. A thread of this process calls it, one end
        after the other, outside any request; what it raises is logged. An end may be missed while the store cannot
        be reached, or if more than sixteen sessions of one subject end at once. Raises ConfigError for a store that
        announces nothing.
        """
        if self.endings is None:
            raise ConfigError(
                "listen() needs a session store that announces changes: Redis, Valkey or memory; this one does not."
            )
        return self.endings.listen(listener)

    def show(self, subject: str | int) -> SubjectView:
        """Return all that is stored about *subject*, in words; writes nothing and sends no event."""
        now = self.clock()
        return inspect_subject(self.store, valid_subject(subject), now, self.policy, self.actors.has_signed_in)

    def stats(self, *, estimate: bool = False) -> Stats:
        """Return what is in the store, from every record, batch by batch, or from a sample for an *estimate*.

        `scanning.count_records` shows the progress, and can go on after an interruption.
        """
        if estimate:
            return scanning.estimate(self.store, self.clock())
        return deque(scanning.count_records(self.store, self.clock()), maxlen=1).pop()

    def find(self, wanted: str, *, on_batch: Callable[[int], None] = lambda _count: None) -> Iterator[Match]:
        """Yield the sessions with that session id, token id or address (or network); every record is read.

        *on_batch* gets the number of records after each batch. Raises ValueError for anything else.
        """
        wanted = arguments.instance_of(str, "wanted", wanted)
        return scanning.find(self.store, wanted, self.clock(), self.policy, on_batch=on_batch)

    def ban_of(self, subject: str | int) -> Ban | None:
        """Return the ban in force, or None."""
        found = self.records.read(valid_subject(subject)).record.ban
        return found if found and self.clock() < found.until else None

    def not_before_of(self, subject: str | int) -> NotBefore | None:
        """Return the mark of *subject*, or None: older credentials are refused. `revoke_all` and `ban` set it.

        It is dropped when no session from before it could still be live.
        """
        record = self.records.read(valid_subject(subject)).record
        return record.not_before if is_marked(record, self.clock()) else None

    def require_current(self, subject: str | int, seen_at: Instant) -> None:
        """Check credentials that were seen, or a foreign token that was issued, at *seen_at*, as a login does.

        Raises Banned while *subject* is banned, and SessionEnded for anything older than the mark of *subject*.
        """
        seen_at = arguments.valid_instant("seen_at", seen_at)
        record, now = self.records.read(valid_subject(subject)).record, self.clock()
        refuse_banned(record, now)
        refuse_earlier(record, seen_at, now)

    def close(self) -> None:
        """Close the store's connections."""
        if self.endings is not None and self.lease is not None:
            self.endings.close()
            self.lease.close()
        self.store.close()

    def _revoke(
        self,
        subject: str | int,
        picks: Callable[[Session], bool],
        reason: Reason,
        message: str | None,
        client: str | None,
        ip: str,
        *,
        marks: bool = False,
        ticket: bytes | None = None,
    ) -> Revocation:
        reason, message, ip = arguments.valid_reason(reason), _message(message), arguments.valid_text("ip", ip)
        client = None if client is None else valid_client(client)
        ending = partial(revoke, picks=picks, reason=reason, client=client, message=message, ticket=ticket)

        def rule(record: SubjectRecord, now: float) -> Change[int]:
            change = ending(record, now=now)
            mark = NotBefore(now, self.policy.mark_kept_until(now), reason, message)
            return marked(change, mark) if marks else change

        count, confirmed = self._apply(valid_subject(subject), rule, Device(ip), confirm=True)
        return Revocation(count, confirmed)

    def _apply(self, subject: str, rule: Rule[T], device: Device = UNKNOWN, *, confirm: bool = False) -> tuple[T, bool]:
        """Update a record by *rule*, report what has ended, and raise what is refused."""
        change, confirmed = self.records.update(subject, rule, confirm=confirm)
        self._settle(subject, change, device)
        return change.result, confirmed

    def _settle(self, subject: str, change: Change[Any], device: Device) -> None:
        """Report which sessions a change has ended, and raise what it refuses."""
        self._reporter.tell_ended(subject, change.ended, self.clock(), device)
        if change.marked is not None:
            mark = change.marked
            self._reporter.tell(events.NotBeforeSet(subject=subject, at=mark.at, ip=device.ip, reason=mark.reason))
        if change.refused is not None:
            raise change.refused

    def _tell_session(
        self, kind: type[events.SessionEvent], subject: str, session: Session, ip: str, **more: Any
    ) -> None:
        common: dict[str, Any] = {"subject": subject, "at": self.clock(), "ip": ip, "actor": actor_in(session)}
        self._reporter.tell(kind(**common, sid=session.sid, client=session.client, **more))

    def _read_ended(self, subject: str) -> SubjectRecord:
        return self.records.read(subject).record

    def _tell_feed(self, error: StoreUnavailable | None) -> None:
        """Log that changes are no longer heard, or are heard again."""
        address = getattr(self.store, "address", type(self.store).__name__)
        if error is None:
            log.warning("the session store at %s announces changes again", address)
            self._reporter.tell(events.FeedRecovered(at=self.clock(), address=address))
            return
        cause = cause_of(error)
        log.error("the session store at %s announces no changes (%s); each check asks it until it does", address, cause)
        self._reporter.tell(events.FeedFailing(at=self.clock(), address=address, cause=cause))

    def _tell_run_out(self, subject: str, sessions: Sequence[EndedSession]) -> None:
        self._reporter.tell_ended(subject, sessions, self.clock(), UNKNOWN)

    def _tell_corrupt(self, subject: str) -> None:
        self._reporter.tell(events.CorruptRecord(subject=subject, at=self.clock()))


def _message(value: str | None) -> str | None:
    return None if value is None else arguments.valid_text("message", value)[:MESSAGE_CHARS]
