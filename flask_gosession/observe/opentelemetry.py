"""Metrics and spans for OpenTelemetry, by `opentelemetry-api`: without an SDK in the app they cost next to nothing.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.trace import Status, StatusCode

from flask_gosession import events
from flask_gosession._version import __version__
from flask_gosession.errors import AuthError
from flask_gosession.observe.watch import Call, Kind, Observer, outcome_of

SCOPE = "flask_gosession"
_SPANS: Mapping[Kind, str] = {"check": "gosession.check", "store": "gosession.store", "loader": "gosession.user.load"}


class OpenTelemetryObserver(Observer):
    """Records through the app's own providers, by default the global ones.

    An event becomes an event of the current span, too; neither has a subject, a session id or an address.
    """

    def __init__(
        self, meter_provider: metrics.MeterProvider | None = None, tracer_provider: trace.TracerProvider | None = None
    ) -> None:
        self._tracer = trace.get_tracer(SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._durations = {
            "check": meter.create_histogram("gosession.check.duration", "s", "Checks of access tokens."),
            "store": meter.create_histogram("gosession.store.duration", "s", "Calls of the session store."),
            "loader": meter.create_histogram("gosession.user.load.duration", "s", "Calls of the user loader."),
        }
        self._events = meter.create_counter("gosession.events", "{event}", "What happened to sessions.")
        self._users = meter.create_counter("gosession.user.requests", "{request}", "Users asked for.")
        self._dropped = meter.create_counter("gosession.audit.dropped", "{entry}", "Audit entries not written.")
        self._connections = meter.create_gauge(
            "gosession.store.connections.used", "{connection}", "Connections in use when a call of the store began."
        )
        self._circuit = meter.create_gauge(
            "gosession.store.circuit.open", "1", "1 while requests are refused because the store does not answer."
        )
        self._verdicts = meter.create_histogram("gosession.verdict.age", "s", "Age of the verdicts checks went by.")

    def on_realm(self, realm: str) -> None:
        """Start with the circuit closed."""
        self._circuit.set(0, {"gosession.realm": realm})

    def on_event(self, event: events.Event, realm: str) -> None:
        """Count the event, and add it to the current span."""
        name = events.name_of(type(event))
        reason = {"gosession.reason": event.reason} if isinstance(event, events.Ended) else {}
        about = {"gosession.realm": realm, **reason}
        self._events.add(1, {"gosession.event": name, **about})
        trace.get_current_span().add_event(f"gosession.{name}", about)
        if isinstance(event, (events.StoreFailing, events.StoreRecovered)):
            self._circuit.set(int(isinstance(event, events.StoreFailing)), about)
        if isinstance(event, events.AuditDropped):
            self._dropped.add(event.count, about)

    def on_call(self, call: Call) -> None:
        """Record how long it took."""
        about = {"gosession.realm": call.realm, f"gosession.{_NAMES[call.kind]}": call.name}
        failed = {} if call.outcome in _NO_ERROR else {"error.type": call.outcome}
        self._durations[call.kind].record(call.seconds, {**about, **failed})

    def on_cache(self, realm: str, *, hit: bool) -> None:
        """Count a lookup of a user."""
        self._users.add(1, {"gosession.realm": realm, "gosession.cache.result": "hit" if hit else "miss"})

    def on_connections(self, realm: str, used: int) -> None:
        """Set the gauge."""
        self._connections.set(used, {"gosession.realm": realm})

    def on_verdict(self, realm: str, age: float) -> None:
        """Record the age."""
        self._verdicts.record(age, {"gosession.realm": realm})

    def around(self, kind: Kind, name: str, realm: str) -> AbstractContextManager[object]:
        """Return a span around the call: a child of the request's span, and the parent of any calls in it."""
        return self._span(_SPANS[kind], {"gosession.realm": realm, f"gosession.{_NAMES[kind]}": name})

    @contextmanager
    def _span(self, name: str, about: Mapping[str, str]) -> Iterator[None]:
        # The text of an error may contain what a client sent: its type is enough.
        quiet: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(name, attributes=about, **quiet) as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", outcome_of(error))
                if not isinstance(error, AuthError):  # that one is an answer, not a failure of ours
                    span.set_status(Status(StatusCode.ERROR))
                raise


_NAMES: Mapping[Kind, str] = {"check": "level", "store": "method", "loader": "loader"}
_NO_ERROR = ("ok", "lost", "unconfirmed")
