"""Looks at all records, a batch at a time: counts them, or finds a session by its id, a token's id or an address."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Literal, NamedTuple

import msgspec

from flask_gosession import ids
from flask_gosession.engine.inspection import (
    EndedView,
    SessionView,
    self_ended,
    view_self_ended,
    view_session,
    view_tombstone,
)
from flask_gosession.session import encoding as records
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Session, SubjectRecord
from flask_gosession.stores.base import Store
from flask_gosession.stores.breaker import behind_breaker
from flask_gosession.stores.capabilities import Page, Paged

BATCH = 500
SAMPLE = 10_000
"""How many records an estimate reads."""
MOST_NAMES = 100
"""How many client classes and reasons are counted separately; the rest are counted together."""
OTHERS = "(others)"


By = Literal["sid", "jti", "ip"]


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a store, or of the part that was read. Times are Unix seconds."""

    read: int = 0
    """How many records were read; the following numbers are about these, or projected from them in an estimate."""
    subjects: int = 0
    """Subjects with a record."""
    signed_in: int = 0
    """Subjects with at least one live session."""
    live: int = 0
    """Live sessions."""
    live_by_client: Mapping[str, int] = {}
    ended: int = 0
    """Ended sessions that are still known."""
    ended_by_reason: Mapping[str, int] = {}
    banned: int = 0
    """Subjects with a ban in force."""
    unreadable: int = 0
    """Records that are corrupt, or of a newer version."""
    bytes: int = 0
    """Of the stored values, without the server's own overhead."""
    largest: int = 0
    """Bytes of the largest value."""
    largest_subject: str | None = None
    oldest: float | None = None
    """When the oldest live session was made."""
    newest: float | None = None
    estimated: bool = False
    position: str | None = None
    """Where to go on; None if all was read, or the store has no positions."""
    complete: bool = False


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was looked for."""

    subject: str
    by: By
    """What matched; ``jti`` may be that of the current tokens, or of those before."""
    session: SessionView | None = None
    """The session, if it is live."""
    ended: EndedView | None = None
    """Why it is not."""


class _Entry(NamedTuple):
    """One record of a batch; None where it cannot be read."""

    subject: str
    record: SubjectRecord | None
    size: int


def count_records(store: Store, now: float, start: Stats | None = None, *, batch: int = BATCH) -> Iterator[Stats]:
    """Yield the counts so far after each batch, finally with ``complete``; start at the position *start*.

    Holds one batch in memory. An impersonated session counts while it would be live by itself. A record that changes
    meanwhile may be counted as it was, or as it is. Raises StoreUnavailable, and ValueError for a *start* that this
    store cannot go on from.
    """
    so_far = start or Stats()
    if so_far.complete:
        yield so_far
        return
    if so_far.read and so_far.position is None:
        raise ValueError("this count cannot be continued: its store has no positions")
    for page in _pages(store, so_far.position, batch):
        tally = _Tally(so_far)
        for entry in _entries(page):
            tally.add(entry, now)
        so_far = msgspec.structs.replace(tally.stats(), position=page.next or None, complete=page.next is None)
        yield so_far


def estimate(store: Store, now: float, *, sample: int = SAMPLE) -> Stats:
    """Return numbers projected from about *sample* records: seconds even for millions. Raises StoreUnavailable.

    Sizes and times of extremes are those of the sample. A store that cannot be sampled is counted.
    """
    home, counted = behind_breaker(store), Stats()
    for counted in count_records(store, now):
        if counted.read >= sample and isinstance(home, Paged):
            break
    if counted.complete or not isinstance(home, Paged):
        return counted
    return _projected(counted, max(home.size(), counted.subjects) / max(1, counted.subjects))


def find(
    store: Store,
    wanted: str,
    now: float,
    policy: Policy,
    *,
    on_batch: Callable[[int], None] = lambda _count: None,
    batch: int = BATCH,
) -> Iterator[Match]:
    """Yield each session that *wanted* points to: a session id, the id of a token, an address or a network.

    All records are read; *on_batch* gets the size of each batch after it. Raises StoreUnavailable, and ValueError for
    anything else.
    """
    return _matches_in(store, _matcher(wanted), now, policy, on_batch, batch)


def size_of(store: Store) -> int | None:
    """Return about how many records there are, for a progress bar; None if the store cannot say."""
    home = behind_breaker(store)
    return home.size() if isinstance(home, Paged) else None


def addresses(store: Store, now: float) -> Iterator[str]:
    """Yield the address of each live session that names one. Raises StoreUnavailable."""
    for page in _pages(store, None, BATCH):
        for entry in _entries(page):
            sessions = entry.record.sessions if entry.record else ()
            yield from (session.ip for session in sessions if session.ip and session.ends > now)


_Matcher = Callable[[SubjectRecord], Iterator[tuple[bytes, By]]]


def _matches_in(
    store: Store, matches: _Matcher, now: float, policy: Policy, on_batch: Callable[[int], None], batch: int
) -> Iterator[Match]:
    for page in _pages(store, None, batch):
        for _, record, _ in _entries(page):
            if record is not None:
                yield from (_match(record, sid, by, now, policy) for sid, by in matches(record))
        on_batch(len(page.records))


def _match(record: SubjectRecord, sid: bytes, by: By, now: float, policy: Policy) -> Match:
    session, tombstone = record.session(sid), record.tombstone(sid)
    if session is not None and session.ends > now:
        return Match(subject=record.subject, by=by, session=view_session(session, now, policy))
    ended = view_self_ended(session, now) if session else tombstone and view_tombstone(tombstone)
    return Match(subject=record.subject, by=by, ended=ended or None)


def _matcher(wanted: str) -> _Matcher:
    identifier = ids.from_text(wanted, 16) or ids.from_text(wanted, 32)
    if identifier is not None:
        return lambda record: _by_id(record, identifier)
    try:
        network = ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        raise ValueError(
            "look for a session id or a token's jti (22 characters; 43 for an opaque token), an address, or a network "
            "such as 192.0.2.0/24"
        ) from None
    return lambda record: ((each.id, "ip") for each in record.sessions if _is_in(each.ip, network))


def _by_id(record: SubjectRecord, identifier: bytes) -> Iterator[tuple[bytes, By]]:
    for session in record.sessions:
        if session.id == identifier:
            yield identifier, "sid"
        elif identifier in (session.access, session.refresh, session.parent_access, session.parent_refresh):
            yield session.id, "jti"
    if record.session(identifier) is None and record.tombstone(identifier) is not None:
        yield identifier, "sid"


def _is_in(ip: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(ip) in network
    except ValueError:
        return False


def _pages(store: Store, position: str | None, limit: int) -> Iterator[Page]:
    home = behind_breaker(store)
    if not isinstance(home, Paged):
        if position is not None:
            raise ValueError("this store has no positions: start again")
        yield from _pages_by_subject(home, limit)
        return
    while True:
        page = home.page(position, limit)
        yield page
        if page.next is None:
            return
        position = page.next


def _pages_by_subject(store: Store, limit: int) -> Iterator[Page]:
    """Yield the records of a store that can only list its subjects; a position only says that there is more."""
    subjects = store.subjects()
    chunk = list(islice(subjects, limit))
    while True:
        loaded = ((subject, store.load(subject)) for subject in chunk)
        records = [(subject, stored) for subject, stored in loaded if stored is not None]
        chunk = list(islice(subjects, limit))
        yield Page(records, "" if chunk else None)
        if not chunk:
            return


def _entries(page: Page) -> Iterator[_Entry]:
    for subject, stored in page.records:
        yield _Entry(subject, records.read(stored.value, subject), len(stored.value))


class _Tally:
    """Adds records to earlier counts."""

    def __init__(self, so_far: Stats) -> None:
        self._sums = {name: getattr(so_far, name) for name in _SUMS}
        self._clients = dict(so_far.live_by_client)
        self._reasons = dict(so_far.ended_by_reason)
        self._largest = so_far.largest, so_far.largest_subject
        self._oldest, self._newest = so_far.oldest, so_far.newest

    def add(self, entry: _Entry, now: float) -> None:
        """Count one record."""
        self._sums["read"] += 1
        self._sums["subjects"] += 1
        self._sums["bytes"] += entry.size
        self._largest = max(self._largest, (entry.size, entry.subject), key=lambda each: each[0])
        if entry.record is None:
            self._sums["unreadable"] += 1
            return
        live = [session for session in entry.record.sessions if session.ends > now]
        self._sums["signed_in"] += bool(live)
        self._sums["banned"] += entry.record.ban is not None and now < entry.record.ban.until
        for session in live:
            self._add_live(session)
        self._add_ended(entry.record, now)

    def stats(self) -> Stats:
        """Return what was counted."""
        return Stats(
            **self._sums,
            live_by_client=self._clients,
            ended_by_reason=self._reasons,
            largest=self._largest[0],
            largest_subject=self._largest[1],
            oldest=self._oldest,
            newest=self._newest,
        )

    def _add_live(self, session: Session) -> None:
        self._sums["live"] += 1
        _count(self._clients, session.client)
        self._oldest = min(session.created, self._oldest or session.created)
        self._newest = max(session.created, self._newest or session.created)

    def _add_ended(self, record: SubjectRecord, now: float) -> None:
        over = [self_ended(session, now)[0] for session in record.sessions if session.ends <= now]
        for reason in (*over, *(tombstone.reason for tombstone in record.ended)):
            self._sums["ended"] += 1
            _count(self._reasons, reason)


_SUMS = ("read", "subjects", "signed_in", "live", "ended", "banned", "unreadable", "bytes")


def _count(numbers: dict[str, int], name: str) -> None:
    name = name if name in numbers or len(numbers) < MOST_NAMES else OTHERS
    numbers[name] = numbers.get(name, 0) + 1


def _projected(counted: Stats, factor: float) -> Stats:
    sums = {name: round(getattr(counted, name) * factor) for name in _SUMS if name != "read"}
    return msgspec.structs.replace(
        counted,
        **sums,
        live_by_client={name: round(number * factor) for name, number in counted.live_by_client.items()},
        ended_by_reason={name: round(number * factor) for name, number in counted.ended_by_reason.items()},
        estimated=True,
        complete=True,
        position=None,
    )
