"""Makes the observers and the audit trail of a realm, from the settings ``OBSERVERS`` and ``AUDIT``.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from flask_gosession.config import Config
from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import ConfigError
from flask_gosession.events import Event
from flask_gosession.session.policy import Policy
from flask_gosession.stores.base import Store
from flask_gosession.tokens.types import Codec

if TYPE_CHECKING:
    from flask_gosession.observe.audit import Audit
    from flask_gosession.observe.watch import Watch


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
        observed = import_module("flask_gosession.observe.observed")
        manager: SessionManager = observed.ObservedManager(store, codec, policy, watch=self.watch, **options)
        return manager


def observe(config: Config, clock: Callable[[], float], problems: list[str]) -> Observation:
    """Return what observes the realm of *config*; add anything wrong to *problems*."""
    try:
        return Observation(_open_audit(config, clock), _open_watch(config))
    except ConfigError as error:
        problems += error.problems
        return Observation()


def _open_audit(config: Config, clock: Callable[[], float]) -> Audit | None:
    """Return the audit trail; most apps have none, and do not import it."""
    if config.audit is None:
        return None
    audit: Audit = import_module("flask_gosession.observe.audit").open_audit(config, clock)
    return audit


def _open_watch(config: Config) -> Watch | None:
    """Return what passes everything on to the observers; most apps have none, and do not import it."""
    if not config.observers:
        return None
    watch: Watch = import_module("flask_gosession.observe.observers").open_watch(config.observers, config.realm)
    return watch
