"""Observers of one realm: they hear of events, and how long checks, stores and loaders take, and never break anything.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import msgspec

from flask_gosession.events import Event

if TYPE_CHECKING:
    from typing_extensions import Self

log: logging.Logger = logging.getLogger("flask_gosession")

Kind = Literal["check", "store", "loader"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was timed."""

    kind: Kind
    """``check`` (of an access token), ``store`` (a call to it) or ``loader`` (the user loader)."""
    name: str
    """The level of a check, the method of the store, or ``user``."""
    realm: str
    seconds: float
    outcome: str
    """``ok``, what a swap says (``lost``, ``unconfirmed``), the stable text of our error, or ``error``."""


class Observer:
    """An observer: override the methods you need. The threads of requests call them.

    What a method raises is logged, once per observer, and breaks nothing.
    """

    def on_realm(self, realm: str) -> None:
        """Hear that *realm* is set up."""

    def on_event(self, event: Event, realm: str) -> None:
        """Hear of an event."""

    def on_call(self, call: Call) -> None:
        """Hear of a call that has ended."""

    def on_cache(self, realm: str, *, hit: bool) -> None:
        """Hear whether a lookup of a user was answered without the loader."""

    def on_connections(self, realm: str, used: int) -> None:
        """Hear how many connections to the store were in use when a call to it began."""

    def on_verdict(self, realm: str, age: float) -> None:
        """Hear the age, in seconds, of the verdict that a check used instead of asking the store."""

    def around(self, kind: Kind, name: str, realm: str) -> AbstractContextManager[object]:  # noqa: ARG002 - to be overridden
        """Return a context that is entered before the call, and left after it."""
        return nullcontext()


Around = tuple[Observer, AbstractContextManager[object]]
"""What an observer has put around a call."""


class Watch:
    """All observers of one realm."""

    def __init__(
        self, observers: Sequence[Observer], realm: str, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.realm = realm
        self.clock = clock
        self._observers = tuple(observers)
        self._failed: set[int] = set()
        self.tell(lambda each: each.on_realm(realm))

    def on_event(self, event: Event) -> None:
        """Tell all observers of an event."""
        self.tell(lambda each: each.on_event(event, self.realm))

    def on_call(self, kind: Kind, name: str, seconds: float, outcome: str) -> None:
        """Tell all observers of a call."""
        call = Call(kind=kind, name=name, realm=self.realm, seconds=seconds, outcome=outcome)
        self.tell(lambda each: each.on_call(call))

    def on_cache(self, *, hit: bool) -> None:
        """Tell all observers whether the loader was needed."""
        self.tell(lambda each: each.on_cache(self.realm, hit=hit))

    def on_connections(self, used: int) -> None:
        """Tell all observers how many connections are in use."""
        self.tell(lambda each: each.on_connections(self.realm, used))

    def on_verdict(self, age: float) -> None:
        """Tell all observers how old a verdict is."""
        self.tell(lambda each: each.on_verdict(self.realm, age))

    def timed(self, kind: Kind, name: str) -> Timed:
        """Return the context of a call, which reports how long it took and how it ended."""
        return Timed(self, kind, name)

    def enter_around(self, kind: Kind, name: str) -> list[Around]:
        """Enter what the observers put around a call, and return it."""
        entered: list[Around] = []

        def enter(observer: Observer) -> None:
            context = observer.around(kind, name, self.realm)
            context.__enter__()
            entered.append((observer, context))

        self.tell(enter)
        return entered

    def tell(self, what: Callable[[Observer], object]) -> None:
        """Do *what* with each observer; the first failure of each is logged."""
        for observer in self._observers:
            self.attempt(observer, what)

    def attempt(self, observer: Observer, what: Callable[[Observer], object]) -> None:
        """Do *what* with *observer*; its first failure is logged."""
        try:
            what(observer)
        except Exception as error:
            if id(observer) in self._failed:
                return
            self._failed.add(id(observer))
            name = type(observer).__name__
            log.error("the observer %s failed; its further failures are not logged", name, exc_info=error)  # noqa: TRY400


class Timed:
    """One call while it lasts; `outcome` may be set to something better than ``ok``."""

    def __init__(self, watch: Watch, kind: Kind, name: str) -> None:
        self._watch = watch
        self._kind: Kind = kind
        self._name = name
        self._around: list[Around] = []
        self._began = 0.0
        self.outcome = "ok"

    def __enter__(self) -> Self:
        """Begin."""
        self._around = self._watch.enter_around(self._kind, self._name)
        self._began = self._watch.clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Report the outcome; an exception passes on."""
        seconds = self._watch.clock() - self._began
        outcome = self.outcome if error is None else outcome_of(error)
        for observer, context in reversed(self._around):
            self._watch.attempt(observer, partial(_leave, context, kind, error, trace))
        self._watch.on_call(self._kind, self._name, seconds, outcome)


def _leave(
    context: AbstractContextManager[object],
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
    _observer: Observer,
) -> None:
    context.__exit__(kind, error, trace)


def outcome_of(error: BaseException) -> str:
    """Return the stable text of one of our errors, and ``error`` for any other."""
    name = getattr(type(error), "error", None)
    return name if isinstance(name, str) else "error"
