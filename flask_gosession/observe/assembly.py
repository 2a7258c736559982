"""Makes the observers and the audit trail of a realm, from the settings ``OBSERVERS`` and ``AUDIT``.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from flask_gosession.config import PREFIX, Config
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import ConfigError
from flask_gosession.events import Event
from flask_gosession.observe.audit import Audit, open_audit
from flask_gosession.observe.observed import ObservedManager
from flask_gosession.observe.watch import Observer, Watch
from flask_gosession.session.policy import Policy
from flask_gosession.stores.base import Store
from flask_gosession.tokens.types import Codec


class _Known(NamedTuple):
    module: str
    name: str
    extra: str


KNOWN: Mapping[str, _Known] = {
    "prometheus": _Known("flask_gosession.observe.prometheus", "PrometheusObserver", "prometheus"),
    "opentelemetry": _Known("flask_gosession.observe.opentelemetry", "OpenTelemetryObserver", "opentelemetry"),
}


class Observation(NamedTuple):
    """What observes a realm: the audit trail, and observers; either may be off."""

    audit: Audit | None = None
    watch: Watch | None = None

    def listeners(self, tell: Callable[[Event], None]) -> tuple[Callable[[Event], None], ...]:
        """Return the listeners to events; *tell* sends the events that they cause themselves."""
        found = []
        if self.audit is not None:
            self.audit.tell = tell
            found.append(self.audit.on_event)
        if self.watch is not None:
            found.append(self.watch.on_event)
        return tuple(found)

    @property
    def on_verdict(self) -> Callable[[float], None] | None:
        """The listener to the ages of verdicts; None without observers."""
        return None if self.watch is None else self.watch.on_verdict

    def make_manager(self, store: Store, codec: Codec, policy: Policy, **options: Any) -> SessionManager:
        """Return the session manager: a plain one unless there are observers."""
        if self.watch is None:
            return SessionManager(store, codec, policy, **options)
        return ObservedManager(store, codec, policy, watch=self.watch, **options)


def observe(config: Config, clock: Callable[[], float], problems: list[str]) -> Observation:
    """Return what observes the realm of *config*; add anything wrong to *problems*."""
    try:
        audit, observers = open_audit(config, clock), open_observers(config.observers)
    except ConfigError as error:
        problems += error.problems
        return Observation()
    return Observation(audit, Watch(observers, config.realm) if observers else None)


def open_observers(wanted: Iterable[Any]) -> list[Observer]:
    """Return the *wanted* observers, given by name or as objects. Raises ConfigError."""
    return [each if isinstance(each, Observer) else _open(each) for each in wanted]


def _open(name: object) -> Observer:
    known = KNOWN.get(name) if isinstance(name, str) else None
    if known is None:
        raise ConfigError(
            f"{PREFIX}OBSERVERS is a list of {', '.join(map(repr, KNOWN))} and of objects of flask_gosession."
            f"observe.Observer; one of it is {type(name).__name__ if not isinstance(name, str) else repr(name[:40])}."
        )
    try:
        observer: Observer = getattr(import_module(known.module), known.name)()
    except ImportError as error:
        raise ConfigError(
            f'{PREFIX}OBSERVERS: "{name}" needs the package {error.name}, which is not installed: '
            f'pip install "Flask-GoSession[{known.extra}]".'
        ) from error
    return observer
