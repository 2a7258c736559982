"""The audit trail of one realm: events become entries, and go to the sink that ``GOSESSION_AUDIT`` names.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

from flask_gosession import events
from flask_gosession.config import PREFIX, Config
from flask_gosession.errors import ConfigError
from flask_gosession.observe.ecs import LoggingSink
from flask_gosession.observe.entries import UNREADABLE, AuditEntry, entry_of
from flask_gosession.observe.write_behind import WriteBehind
from flask_gosession.stores.registry import DATABASES

PATIENCE = 1.0
"""Seconds for which a reader waits for the unwritten entries of its own process."""


class Sink(Protocol):
    """Where entries go."""

    def write(self, entries: Sequence[AuditEntry]) -> None:
        """Write *entries*. Raise StoreUnavailable to have them tried again later."""
        ...


class Audit:
    """Puts an entry for each event into a queue, from which a thread writes them to *sink*."""

    def __init__(self, sink: Sink, config: Config, clock: Callable[[], float], *, batch: int = 100) -> None:
        self._sink: Any = sink
        self._realm = config.realm
        self._clock = clock
        self.tell: Callable[[events.Event], None] = lambda _event: None
        """Called with the number of dropped entries."""
        self.queue: WriteBehind[AuditEntry] = WriteBehind(
            sink.write, name="the audit trail", on_dropped=self._tell_dropped, batch=batch
        )

    @property
    def is_readable(self) -> bool:
        """Whether `trail` works."""
        return hasattr(self._sink, "trail")

    def on_event(self, event: events.Event) -> None:
        """Queue *event* if it belongs in the trail."""
        entry = entry_of(event, self._realm)
        if entry is not None:
            self.queue.put(entry)

    def trail(
        self, subject: str | None, *, since: float = 0.0, until: float | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Return the last *limit* entries about or by *subject* (None: anybody), the newest first.

        They include the earlier entries of this process, if those can be written within a second. Raises ConfigError if
        the trail is not in an SQL table, and StoreUnavailable.
        """
        if not self.is_readable:
            raise ConfigError(UNREADABLE)
        self.queue.flush(PATIENCE)
        found: list[AuditEntry] = self._sink.trail(subject, since=since, until=until, limit=limit)
        return found

    def purge(self) -> int:
        """Delete entries that are too old or too many, if the trail is a table; return how many."""
        return int(self._sink.purge()) if hasattr(self._sink, "purge") else 0

    def close(self) -> None:
        """Write what is waiting, within two seconds, and close the connections."""
        self.queue.flush()
        if hasattr(self._sink, "close"):
            self._sink.close()

    def _tell_dropped(self, count: int) -> None:
        self.tell(events.AuditDropped(at=self._clock(), count=count))


def open_audit(config: Config, clock: Callable[[], float]) -> Audit:
    """Return the audit trail that *config* asks for. Raises ConfigError if it cannot be made."""
    target = config.audit
    if callable(target):
        return Audit(_Function(target), config, clock, batch=1)
    if target == "logging":
        return Audit(LoggingSink(), config, clock)
    return Audit(_open_table(_url_of(target, config), config, clock), config, clock)


class _Function:
    """A function of the app, which takes one entry."""

    def __init__(self, function: Callable[[AuditEntry], object]) -> None:
        self._function = function

    def write(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            self._function(entry)


def _url_of(target: str, config: Config) -> str:
    if target != "sql":
        return target
    store = config.store
    if isinstance(store, str) and store.partition("://")[0].partition("+")[0] in DATABASES:
        return store
    raise ConfigError(
        f'{PREFIX}AUDIT = "sql" means the database of {PREFIX}STORE, which is not an SQL database: give a URL, such as '
        '"postgresql+psycopg://…".'
    )


def _open_table(url: str, config: Config, clock: Callable[[], float]) -> Sink:
    try:
        module = import_module("flask_gosession.observe.audit_table")
        sink: Sink = module.AuditTable(
            url,
            key_prefix=config.key_prefix,
            max_age=config.audit_max_age,
            max_entries=config.audit_max_entries,
            clock=clock,
        )
    except ImportError as error:
        raise ConfigError(
            f'{PREFIX}AUDIT needs the package {error.name}, which is not installed: pip install "Flask-GoSession[sql]".'
        ) from error
    except ConfigError as error:
        raise ConfigError(*(f"{PREFIX}AUDIT: {problem}" for problem in error.problems)) from None
    return sink
