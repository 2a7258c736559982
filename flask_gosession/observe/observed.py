"""The session manager of a realm with observers: every check, and every use of the user loader, is timed.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from flask_gosession.durations import Duration
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Checked
from flask_gosession.engine.user_cache import Loader, UserCache
from flask_gosession.observe.watch import Watch
from flask_gosession.session.record import SubjectRecord
from flask_gosession.stores.base import Store
from flask_gosession.stores.timed import TimedStore
from flask_gosession.tokens.types import Codec

_loads: ContextVar[int] = ContextVar("gosession_loads", default=0)
"""How often the current thread or task has called a user loader."""


class ObservedManager(SessionManager):
    """A `SessionManager` that reports its checks, and the calls to its store and loader, to *watch*."""

    def __init__(self, store: Store, codec: Codec, *arguments: Any, watch: Watch, **options: Any) -> None:
        timed = TimedStore(store, lambda name: watch.timed("store", name), watch.on_connections)
        super().__init__(timed, codec, *arguments, **options)
        self._watch = watch
        self.users: UserCache = ObservedUsers(
            options.get("user_loader"), self.records, self.policy, self.clock, self._tell_forgotten, watch=watch
        )

    def authenticate(self, token: str, **options: Any) -> Checked:
        """Check an access token, and report how long it took."""
        with self._watch.timed("check", "strict"):
            return super().authenticate(token, **options)


class ObservedUsers(UserCache):
    """A `UserCache` that reports to *watch* how long its loader takes, and which lookups did without it."""

    def __init__(self, *arguments: Any, watch: Watch) -> None:
        self._watch = watch
        super().__init__(*arguments)

    def use(self, loader: Loader | None, *, cached: bool = True) -> None:
        """Use *loader* from now on, and time it; the extension's own, which is never cached, is left out."""
        self._watches = loader is not None and cached
        super().use(self._timed(loader) if loader is not None and cached else loader, cached=cached)

    def of(self, record: SubjectRecord, *, ttl: Duration | None = None) -> Any:
        """Return the user, and report whether the loader was called."""
        before = _loads.get()
        user = super().of(record, ttl=ttl)
        if self._watches:
            self._watch.on_cache(hit=_loads.get() == before)
        return user

    def _timed(self, loader: Callable[[str], Any]) -> Callable[[str], Any]:
        @wraps(loader)
        def load(subject: str) -> Any:
            _loads.set(_loads.get() + 1)
            with self._watch.timed("loader", "user"):
                return loader(subject)

        return load
