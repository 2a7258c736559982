"""The user-info cache: what the app's loader says about a subject, kept in the subject's record for a while."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextvars import ContextVar
from functools import lru_cache, partial
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec

from flask_gosession.errors import StoreError
from flask_gosession.session.device import valid_subject
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import SubjectRecord, UserInfo
from flask_gosession.session.user import fill, forget
from flask_gosession.stores import at_fork
from flask_gosession.subjects import Subjects

log = logging.getLogger("flask_gosession")

Loader = Callable[[str], Any]

ADVICE = (
    "The user loader returned {kind}, which cannot be kept in the session store. Return a dict, a dataclass or a "
    "msgspec Struct with the few fields that views need, or set GOSESSION_USER_TTL = 0 to load anything once a request."
)
MIXED = (
    "The user loader returned {kind} where {expected} is expected: it returns one type for all users, because that is "
    "what the session store gives back."
)


class Users:
    """Loads, caches, refreshes and forgets user info; *on_forgotten* hears whose was dropped."""

    def __init__(
        self,
        loader: Loader | None,
        subjects: Subjects,
        policy: Policy,
        clock: Callable[[], float],
        on_forgotten: Callable[[str], None] = lambda _subject: None,
    ) -> None:
        self._subjects = subjects
        self._policy = policy
        self._clock = clock
        self._on_forgotten = on_forgotten
        self._flights = _SingleFlight()
        self._warned = False
        self.use(loader)

    def use(self, loader: Loader | None, *, cached: bool = True) -> None:
        """Ask *loader* from now on; with *cached* False, each time."""
        self._loader = loader
        self._cached = cached
        self._type = _declared_type(loader)

    @property
    def has_loader(self) -> bool:
        """Whether there is anybody to ask."""
        return self._loader is not None

    def load(self, subject: str | int, *, ttl: float | None = None) -> Any:
        """Return the user of *subject*, or None when there is no such user.

        Answered from the store while younger than *ttl* seconds (default: as it was loaded, ``USER_TTL``), else by
        the loader, which is asked once for all threads that want the same subject. Whatever the loader raises passes
        to the caller, and caches nothing. Raises TypeError for a value that cannot be stored.
        """
        return self.of(self._subjects.read(valid_subject(subject)).record, ttl=ttl)

    def of(self, record: SubjectRecord, *, ttl: float | None = None) -> Any:
        """Like `load`, with a record that was read just now."""
        lifetime = self._policy.user_ttl if ttl is None else ttl
        if self._loader is None:
            return None
        if lifetime <= 0 or not self._cached:
            return self._loader(record.subject)
        info = record.user
        if info is not None and self._counts(info, ttl):
            try:
                return self._decode(info)
            except msgspec.MsgspecError:
                log.info("the cached user info no longer fits the loader's type; it is loaded again")
        # Who asks after a `forget` must not be given what was asked before it.
        flight = record.subject, record.user_version
        return self._flights.run(flight, partial(self._fetch, record, lifetime))

    def refresh(self, subjects: Iterable[str | int], *, ttl: float | None = None) -> dict[str, Any]:
        """Load the users of *subjects* again now, and return them by subject."""
        fresh = {}
        for subject in map(valid_subject, subjects):
            self.forget(subject)
            fresh[subject] = self.load(subject, ttl=ttl)
        return fresh

    def forget(self, subject: str | int) -> None:
        """Drop the cached info of *subject*; a load that is under way in any process cannot put it back."""
        subject, version = valid_subject(subject), secrets.randbits(63) + 1
        self._subjects.update(subject, lambda record, now: forget(record, version, now))
        self._on_forgotten(subject)

    def _counts(self, info: UserInfo, ttl: float | None) -> bool:
        """Whether cached info is young enough, and of a type that is known."""
        now = self._clock()
        young = now < info.expires and (ttl is None or now - info.loaded_at < ttl)
        return young and (info.gone or self._type is not None)

    def _fetch(self, record: SubjectRecord, ttl: float) -> Any:
        assert self._loader is not None  # noqa: S101 - `of` has asked
        started = self._clock()
        info = UserInfo(started, started + ttl, self._encode(self._loader(record.subject)))
        user = self._read_back(info)
        if len(info.value) <= self._policy.user_cap:
            self._keep(record, info)
        elif not self._warned:
            self._warned = True
            log.warning("user info is over %d bytes and is served without the cache", self._policy.user_cap)
        return user

    def _keep(self, record: SubjectRecord, info: UserInfo) -> None:
        try:
            self._subjects.update(
                record.subject, lambda now_stored, now: fill(now_stored, info, record.user_version, now)
            )
        except StoreError:
            log.warning("user info could not be cached; the store is not available")

    def _encode(self, user: Any) -> bytes:
        if user is None:
            return b""
        if not _is_plain(user):
            raise TypeError(ADVICE.format(kind=type(user).__name__))
        if self._type is None:
            self._type = dict[str, Any] if isinstance(user, dict) else type(user)
        expected = get_origin(self._type) or self._type
        if type(user) is not expected and not isinstance(user, dict):
            raise TypeError(MIXED.format(kind=type(user).__name__, expected=expected.__name__))
        try:
            return msgspec.msgpack.encode(user)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise TypeError(ADVICE.format(kind=f"{type(user).__name__} ({error})")) from error

    def _read_back(self, info: UserInfo) -> Any:
        try:
            return self._decode(info)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise TypeError(ADVICE.format(kind=f"what does not read back as it was ({error})")) from error

    def _decode(self, info: UserInfo) -> Any:
        return None if info.gone else _decoder_of(self._type)(info.value)


_leading: ContextVar[frozenset[object]] = ContextVar("gosession_leading", default=frozenset())
"""The loads that the current thread or task is in the middle of."""


class _SingleFlight:
    """Lets one thread do what several want at the same time, and gives all of them its outcome."""

    def __init__(self) -> None:
        self._begin_anew()
        at_fork.in_child(self._begin_anew)

    def run(self, key: object, work: Callable[[], Any]) -> Any:
        own = self, key
        if own in _leading.get():
            raise RuntimeError("The user loader asked for the very user that it is loading.")
        if _leading.get():
            # Two loaders that wait for each other's user would wait for ever.
            return self._lead(own, Future(), work)
        new: Future[Any] = Future()
        with self._lock:
            flight = self._flights.setdefault(key, new)
        if flight is not new:
            return flight.result()
        try:
            return self._lead(own, new, work)
        finally:
            with self._lock:
                self._flights.pop(key, None)  # a fork may have begun anew

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[object, Future[Any]] = {}

    @staticmethod
    def _lead(own: object, future: Future[Any], work: Callable[[], Any]) -> Any:
        token = _leading.set(_leading.get() | {own})
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
            raise
        finally:
            _leading.reset(token)
        future.set_result(result)
        return result


@lru_cache(maxsize=64)
def _decoder_of(kind: Any) -> Callable[[bytes], Any]:
    """Return what reads users of that class; making it costs several times as much as using it."""
    return msgspec.msgpack.Decoder(kind).decode


def _is_plain(user: object) -> bool:
    return isinstance(user, (dict, msgspec.Struct)) or _is_dataclass(type(user))


def _declared_type(loader: Loader | None) -> Any:
    """Return the class that the loader is annotated to return, or None when that is not to be known before a load."""
    try:
        declared = get_type_hints(loader).get("return")
    except (NameError, TypeError):
        return None
    is_union = get_origin(declared) in (Union, UnionType)
    options = [one for one in (get_args(declared) if is_union else (declared,)) if one is not type(None)]
    return _stored_form(options[0]) if len(options) == 1 else None


def _stored_form(kind: Any) -> Any:
    """Return what a user of the class *kind* is read back as, or None when it is none that can be stored."""
    if is_typeddict(kind):
        return kind
    origin = get_origin(kind) or kind
    if not isinstance(origin, type):
        return None
    if issubclass(origin, dict):
        return dict[str, Any]
    return kind if issubclass(origin, msgspec.Struct) or _is_dataclass(origin) else None


def _is_dataclass(kind: type) -> bool:
    return hasattr(kind, "__dataclass_fields__")
