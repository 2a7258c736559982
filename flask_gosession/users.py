"""The user-info cache: what the app's loader says about a subject, kept in the subject's record for a while."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any, get_args, get_type_hints

import msgspec

from flask_gosession.errors import StoreError
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import SubjectRecord, UserInfo
from flask_gosession.session.user import fill, forget
from flask_gosession.subjects import Subjects

log = logging.getLogger("flask_gosession")

Loader = Callable[[str], Any]

ADVICE = (
    "The user loader returned {kind}, which cannot be kept in the session store. Return a dict, a dataclass or a "
    "msgspec Struct with the few fields that views need, or set GOSESSION_USER_TTL = 0 to load anything once a request."
)


class Users:
    """Loads, caches, refreshes and forgets user info."""

    def __init__(self, loader: Loader | None, subjects: Subjects, policy: Policy, clock: Callable[[], float]) -> None:
        self._subjects = subjects
        self._policy = policy
        self._clock = clock
        self._flights = _SingleFlight()
        self._warned = False
        self.use(loader)

    def use(self, loader: Loader | None, *, cached: bool = True) -> None:
        """Ask *loader* from now on; with *cached* False, each time."""
        self._loader = loader
        self._cached = cached
        self._type = _declared_type(loader)

    def load(self, subject: str, *, ttl: float | None = None) -> Any:
        """Return the user of *subject*, or None when there is no such user.

        Answered from the store while younger than *ttl* seconds (default ``USER_TTL``), else by the loader, which is
        asked once for all threads that want the same subject. Whatever the loader raises passes to the caller, and
        caches nothing. Raises TypeError for a value that cannot be stored.
        """
        return self.of(self._subjects.read(subject).record, ttl=ttl)

    def of(self, record: SubjectRecord, *, ttl: float | None = None) -> Any:
        """Like `load`, with a record that was read just now."""
        ttl = self._policy.user_ttl if ttl is None else ttl
        if self._loader is None:
            return None
        if ttl <= 0 or not self._cached:
            return self._loader(record.subject)
        info = record.user
        if info is not None and self._clock() < info.expires and (info.gone or self._type is not None):
            try:
                return self._decode(info)
            except msgspec.MsgspecError:
                log.info("the cached user info no longer fits the loader's type; it is loaded again")
        return self._flights.run(record.subject, partial(self._fetch, record, ttl))

    def refresh(self, subjects: Iterable[str], *, ttl: float | None = None) -> dict[str, Any]:
        """Load the users of *subjects* again now, and return them by subject."""
        fresh = {}
        for subject in subjects:
            self.forget(subject)
            fresh[subject] = self.load(subject, ttl=ttl)
        return fresh

    def forget(self, subject: str) -> None:
        """Drop the cached info of *subject*; a load that is under way in any process cannot put it back."""
        version = secrets.randbits(63) + 1
        self._subjects.update(subject, lambda record, now: forget(record, version, now))

    def _fetch(self, record: SubjectRecord, ttl: float) -> Any:
        assert self._loader is not None  # noqa: S101 - `of` has asked
        started = self._clock()
        value = self._encode(self._loader(record.subject))
        info = UserInfo(started, started + ttl, value)
        if len(value) <= self._policy.user_cap:
            self._keep(record, info)
        elif not self._warned:
            self._warned = True
            log.warning("user info is over %d bytes and is served without the cache", self._policy.user_cap)
        return self._decode(info)

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
        try:
            return msgspec.msgpack.encode(user)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise TypeError(ADVICE.format(kind=f"{type(user).__name__} ({error})")) from error

    def _decode(self, info: UserInfo) -> Any:
        return None if info.gone else msgspec.msgpack.decode(info.value, type=self._type)


class _SingleFlight:
    """Lets one thread do what several want at the same time, and gives all of them its outcome."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, tuple[Future[Any], int]] = {}

    def run(self, key: str, work: Callable[[], Any]) -> Any:
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                future: Future[Any] = Future()
                self._flights[key] = future, threading.get_ident()
        if flight is None:
            return self._lead(key, future, work)
        if flight[1] == threading.get_ident():
            raise RuntimeError("The user loader asked for the very user that it is loading.")
        return flight[0].result()

    def _lead(self, key: str, future: Future[Any], work: Callable[[], Any]) -> Any:
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
            raise
        else:
            future.set_result(result)
            return result
        finally:
            with self._lock:
                del self._flights[key]


def _is_plain(user: object) -> bool:
    return isinstance(user, (dict, msgspec.Struct)) or hasattr(type(user), "__dataclass_fields__")


def _declared_type(loader: Loader | None) -> Any:
    """Return the class that the loader is annotated to return, or None when that is not to be known before a load."""
    try:
        declared = get_type_hints(loader).get("return")
    except (NameError, TypeError):
        return None
    options = [option for option in get_args(declared) or (declared,) if option is not type(None)]
    kind = options[0] if len(options) == 1 else None
    if kind is dict or getattr(declared, "__origin__", None) is dict:
        return dict[str, Any]
    return (
        kind if isinstance(kind, type) and (issubclass(kind, (dict, msgspec.Struct)) or _is_dataclass(kind)) else None
    )


def _is_dataclass(kind: type) -> bool:
    return hasattr(kind, "__dataclass_fields__")
