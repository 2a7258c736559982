"""The user-info cache: what the app's user loader returns, kept in the subject's record for a while."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints, is_typeddict
from zlib import crc32

import msgspec

from flask_gosession import at_fork
from flask_gosession.durations import Duration
from flask_gosession.engine.records import Records, Snapshot
from flask_gosession.errors import StoreError, UserNotFound
from flask_gosession.session.arguments import valid_seconds
from flask_gosession.session.encoding import UNREADABLE
from flask_gosession.session.exact import changed_type
from flask_gosession.session.names import valid_subject
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import SubjectRecord, UserInfo
from flask_gosession.session.user import fill, forget

log: logging.Logger = logging.getLogger("flask_gosession")

Loader = Callable[[str], Any]

ADVICE = (
    "the user loader returned %s, which cannot be kept, so it is called for each request; a dict, a dataclass or a "
    "msgspec Struct with the few fields that views need would be kept in the session store for GOSESSION_USER_TTL"
)


class Loaded(NamedTuple):
    """A user as loaded, and whether other threads may share it: a database row belongs to the thread that loaded it."""

    user: Any
    is_shared: bool


class _NotStorable(Exception):
    """The store would not give this user back unchanged."""


class UserCache:
    """Loads, caches, refreshes and forgets user info; *on_forgotten* is called with each subject that was dropped."""

    def __init__(
        self,
        loader: Loader | None,
        subjects: Records,
        policy: Policy,
        clock: Callable[[], float],
        on_forgotten: Callable[[str], None] = lambda _subject: None,
    ) -> None:
        self._records = subjects
        self._policy = policy
        self._clock = clock
        self._on_forgotten = on_forgotten
        self._flights = _SingleFlight()
        self._warned = False
        self._advised = False
        self.use(loader)

    def use(self, loader: Loader | None, *, cached: bool = True) -> None:
        """Use *loader* from now on; with *cached* False, call it each time."""
        self._loader = loader
        self._cached = cached
        self._know_type(_declared_type(loader))

    @property
    def has_loader(self) -> bool:
        """Whether there is a user loader."""
        return self._loader is not None

    def load(self, subject: str | int, *, ttl: Duration | None = None) -> Any:
        """Return the user of *subject*, or None when there is no such user.

        The answer comes from the store while younger than *ttl* (by default ``USER_TTL``), else from the loader, which
        is called once for all threads that want the same subject. What the loader raises passes to the caller, and
        nothing is cached. What the store could not give back unchanged, such as a row of an ORM, is returned as loaded
        and never cached: the loader is called each time.
        """
        return self.of(self._records.read(valid_subject(subject)).record, ttl=ttl)

    def of(self, record: SubjectRecord, *, ttl: Duration | None = None) -> Any:
        """Like `load`, given a record that was just read."""
        if self._loader is None:
            return None
        info, most = record.user, None if ttl is None else valid_seconds("ttl", ttl)
        lifetime = self._policy.user_ttl if most is None else most
        if lifetime <= 0 or not self._cached:
            return self._loader(record.subject)
        if info is not None and self._counts(info, most):  # as in nearly every request
            try:
                return self._decode(info)
            except UNREADABLE:
                log.info("the cached user info no longer fits the loader's type; it is loaded again")
        return self._load(record, most, lifetime)

    def _load(self, record: SubjectRecord, most: float | None, lifetime: float) -> Any:
        """Load the user and keep them for *lifetime*, once for all threads that ask; *most*: as `_counts` takes it."""
        assert self._loader is not None  # noqa: S101 - `of` has asked
        # A call after a `forget` must not get an answer from before it.
        flight, led = (record.subject, record.user_version), []

        def fetch() -> Loaded:
            led.append(True)
            # Another flight may have landed since the record was read.
            seen = self._read_again(record.subject)
            latest = record if seen is None else seen.record
            info = latest.user
            if info is not None and self._counts(info, most):
                with suppress(*UNREADABLE):
                    return Loaded(self._decode(info), is_shared=True)
            return self._fetch(latest, seen, lifetime)

        loaded = self._flights.run(flight, fetch)
        return loaded.user if loaded.is_shared or led else self._loader(record.subject)

    def require(self, record: SubjectRecord, *, ttl: Duration | None = None) -> Any:
        """Like `of`, but raise UserNotFound if the loader knows no such user; None only if there is no loader."""
        user = self.of(record, ttl=ttl)
        if user is None and self.has_loader:
            raise UserNotFound
        return user

    def would_keep(self, record: SubjectRecord) -> bool:
        """Whether reading the user of *record* would load and cache them, because no valid info is cached."""
        if self._loader is None or not self._cached or self._policy.user_ttl <= 0:
            return False
        return record.user is None or not self._counts(record.user, None)

    def refresh(self, subjects: Iterable[str | int], *, ttl: Duration | None = None) -> dict[str, Any]:
        """Load the users of *subjects* again now, and return them by subject.

        Raises ValueError or TypeError for wrong arguments, and then forgets nothing.
        """
        if isinstance(subjects, str):
            raise TypeError("subjects is a list; for one subject, pass a list of one")
        fresh, ttl = {}, None if ttl is None else valid_seconds("ttl", ttl)
        for subject in [valid_subject(subject) for subject in subjects]:
            self.forget(subject)
            fresh[subject] = self.load(subject, ttl=ttl)
        return fresh

    def forget(self, subject: str | int) -> None:
        """Drop the cached info of *subject*; a load that is under way in any process cannot put it back."""
        subject, version = valid_subject(subject), secrets.randbits(63) + 1
        self._records.update(subject, lambda record, now: forget(record, version, now))
        self._on_forgotten(subject)

    def _counts(self, info: UserInfo, ttl: float | None) -> bool:
        """Whether cached info is undamaged, young enough, and of a type that is known."""
        return info.counts(self._clock(), ttl) and (self._type is not None or not info.value)

    def _read_again(self, subject: str) -> Snapshot | None:
        try:
            return self._records.read(subject)
        except StoreError:
            return None

    def _fetch(self, record: SubjectRecord, seen: Snapshot | None, ttl: float) -> Loaded:
        assert self._loader is not None  # noqa: S101 - `of` has asked
        started, user = self._clock(), self._loader(record.subject)
        try:
            value = self._encode(user)
            info = UserInfo(started, started + ttl, value, crc32(value))
            back = self._read_back(user, info)
        except _NotStorable as error:
            self._advise(str(error))
            return Loaded(user, is_shared=False)
        if len(info.value) <= self._policy.user_cap:
            self._keep(record, seen, info)
        elif not self._warned:
            self._warned = True
            log.warning(
                "user info is over %d bytes and is loaded anew each time: return fewer fields from the user loader, or "
                "raise GOSESSION_USER_CAP",
                self._policy.user_cap,
            )
        return Loaded(back, is_shared=True)

    def _advise(self, kind: str) -> None:
        if not self._advised:
            self._advised = True
            # Rows are what most loaders return, and work; a value that was meant to be kept deserves a warning.
            log.log(logging.WARNING if self._cached else logging.INFO, ADVICE, kind)

    def _keep(self, record: SubjectRecord, seen: Snapshot | None, info: UserInfo) -> None:
        """Store *info*; without *seen* the record is read anew: what is no longer stored must not come back."""
        subject, version = record.subject, record.user_version
        try:
            self._records.update(subject, lambda stored, now: fill(stored, info, version, now), seen)
        except StoreError:
            log.warning("user info could not be cached; the store is not available")

    def _encode(self, user: Any) -> bytes:
        if user is None:
            return b""
        if not _is_plain(user):
            self._cached = False  # a loader of rows: no other thread waits for a row that it may not use
            raise _NotStorable(type(user).__name__)
        if self._type is None:
            self._know_type(dict[str, Any] if isinstance(user, dict) else type(user))
        expected: Any = get_origin(self._type) or self._type
        if type(user) is not expected and not isinstance(user, dict):
            raise _NotStorable(f"{type(user).__name__} where it has returned {expected.__name__} before")
        try:
            return msgspec.msgpack.encode(user)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise _NotStorable(f"{type(user).__name__} that cannot be stored ({error})") from error

    def _read_back(self, user: Any, info: UserInfo) -> Any:
        """Return what the store will give back, if that is unchanged."""
        try:
            back = self._decode(info)
            changed = changed_type(user, back)
        except UNREADABLE as error:
            raise _NotStorable(f"{type(user).__name__} that does not read back ({error})") from error
        if changed:
            raise _NotStorable(f"{type(user).__name__} with {changed} in it, which the store would change")
        return back

    def _decode(self, info: UserInfo) -> Any:
        """Return the user that undamaged *info* holds."""
        return self._read(info.value) if info.value else None

    def _know_type(self, kind: Any) -> None:
        self._type: Any = kind
        self._read: Callable[[bytes], Any] = _decoder_of(kind)


_leading: ContextVar[frozenset[object]] = ContextVar("gosession_leading", default=frozenset())
"""The loads that the current thread or task is in the middle of."""


class _SingleFlight:
    """Lets one thread do what several want at the same time, and gives them all its outcome.

    If that thread is interrupted (by a gevent.Timeout, a KeyboardInterrupt, …), one of the others takes over.
    The lock is never held during a wait, so it may have been made before gevent replaces the threads.
    """

    def __init__(self) -> None:
        self._begin_anew()
        at_fork.in_child(self._begin_anew)

    def run(self, key: object, work: Callable[[], Any]) -> Any:
        own = self, key
        if own in _leading.get():
            raise RuntimeError("The user loader asked for the very user that it is loading.")
        if _leading.get():
            # Two loaders that wait for each other's user would wait for ever.
            return self._work(own, work)
        while True:
            new: Future[Any] = Future()
            with self._lock:
                flight = self._flights.setdefault(key, new)
            if flight is new:
                return self._lead(key, new, work)
            try:
                return flight.result()
            except CancelledError:
                if not flight.cancelled():  # the loader's own
                    raise

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[object, Future[Any]] = {}

    def _lead(self, key: object, flight: Future[Any], work: Callable[[], Any]) -> Any:
        try:
            result = self._work((self, key), work)
        except Exception as error:
            self._end(key, flight)
            flight.set_exception(error)
            raise
        except BaseException:
            self._end(key, flight)
            flight.cancel()
            raise
        self._end(key, flight)
        flight.set_result(result)
        return result

    def _end(self, key: object, flight: Future[Any]) -> None:
        """Take the flight off the list before its outcome is known: a thread that knows it may begin the next."""
        with self._lock:
            if self._flights.get(key) is flight:  # a fork may have cleared the list
                del self._flights[key]

    @staticmethod
    def _work(own: object, work: Callable[[], Any]) -> Any:
        token = _leading.set(_leading.get() | {own})
        try:
            return work()
        finally:
            _leading.reset(token)


@lru_cache(maxsize=64)
def _decoder_of(kind: Any) -> Callable[[bytes], Any]:
    """Return what reads users of that class; making it costs several times as much as using it."""
    return msgspec.msgpack.Decoder(kind).decode


def _is_plain(user: object) -> bool:
    return user is None or isinstance(user, (dict, msgspec.Struct)) or _is_dataclass(type(user))


def _declared_type(loader: Loader | None) -> Any:
    """Return the class that the loader is annotated to return, or None if that is unknown before a load."""
    try:
        declared = get_type_hints(loader).get("return")
    except (NameError, TypeError):
        return None
    is_union = get_origin(declared) in (Union, UnionType)
    options = [one for one in (get_args(declared) if is_union else (declared,)) if one is not type(None)]
    return _stored_form(options[0]) if len(options) == 1 else None


def _stored_form(kind: Any) -> Any:
    """Return the type as which a user of the class *kind* is read back, or None if it cannot be stored."""
    if is_typeddict(kind):
        return kind
    origin = get_origin(kind) or kind
    if not isinstance(origin, type):
        return None
    if issubclass(origin, dict):
        return dict[str, Any]
    return kind if issubclass(origin, msgspec.Struct) or _is_dataclass(origin) else None


def _is_dataclass(kind: type) -> bool:
    """Whether *kind* is a class of values: SQLAlchemy's mapped dataclasses are rows."""
    return hasattr(kind, "__dataclass_fields__") and not hasattr(kind, "__mapper__")
