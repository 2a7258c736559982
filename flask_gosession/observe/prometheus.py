"""Metrics for Prometheus, by `prometheus-client`, with names, units and labels by its conventions.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from flask_gosession import events
from flask_gosession.observe.watch import Call, Observer

FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Seconds; a store nearby answers within the first few of these."""
AGES = (0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class _Instruments(NamedTuple):
    """The metrics in one registry; all realms and apps that use it share them."""

    events: Counter
    checks: Histogram
    store: Histogram
    loads: Histogram
    users: Counter
    connections: Gauge
    circuit: Gauge
    dropped: Counter
    verdicts: Histogram


@cache
def _instruments(registry: CollectorRegistry) -> _Instruments:
    """Return the metrics of *registry*, made when first needed: a registry accepts each name only once."""
    here: dict[str, Any] = {"namespace": "gosession", "registry": registry}
    return _Instruments(
        Counter("events", "What happened to sessions.", ("realm", "event", "reason"), **here),
        _histogram("check_duration_seconds", "Checks of access tokens.", ("realm", "level", "outcome"), here),
        _histogram("store_duration_seconds", "Calls of the session store.", ("realm", "method", "outcome"), here),
        _histogram("user_load_duration_seconds", "Calls of the user loader.", ("realm", "outcome"), here),
        Counter("user_requests", "Users asked for, answered from the cache or not.", ("realm", "result"), **here),
        _gauge("store_connections_used", "Connections in use when a call of the store began.", here),
        _gauge("store_circuit_open", "Processes that refuse requests because the store does not answer.", here),
        Counter("audit_dropped", "Entries of the audit trail that were not written.", ("realm",), **here),
        Histogram("verdict_age_seconds", "Age of the verdicts that checks went by.", ("realm",), buckets=AGES, **here),
    )


class PrometheusObserver(Observer):
    """Counts and times into *registry*, by default that of the process.

    If ``PROMETHEUS_MULTIPROC_DIR`` is set before the start, each process writes to files there, and the app's
    ``/metrics`` adds them up with `prometheus_client.multiprocess.MultiProcessCollector`: the gauges are sums over the
    processes that live.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._to = _instruments(registry)

    def on_realm(self, realm: str) -> None:
        """Start with the circuit closed: the gauge exists from the beginning."""
        self._to.circuit.labels(realm).set(0)

    def on_event(self, event: events.Event, realm: str) -> None:
        """Count the event; events about the store and the audit trail also have metrics of their own."""
        reason = event.reason if isinstance(event, events.Ended) else ""
        self._to.events.labels(realm, events.name_of(type(event)), reason).inc()
        if isinstance(event, (events.StoreFailing, events.StoreRecovered)):
            self._to.circuit.labels(realm).set(isinstance(event, events.StoreFailing))
        if isinstance(event, events.AuditDropped):
            self._to.dropped.labels(realm).inc(event.count)

    def on_call(self, call: Call) -> None:
        """Observe how long it took."""
        if call.kind == "loader":
            self._to.loads.labels(call.realm, call.outcome).observe(call.seconds)
            return
        family = self._to.checks if call.kind == "check" else self._to.store
        family.labels(call.realm, call.name, call.outcome).observe(call.seconds)

    def on_cache(self, realm: str, *, hit: bool) -> None:
        """Count a lookup of a user."""
        self._to.users.labels(realm, "hit" if hit else "miss").inc()

    def on_connections(self, realm: str, used: int) -> None:
        """Set the gauge."""
        self._to.connections.labels(realm).set(used)

    def on_verdict(self, realm: str, age: float) -> None:
        """Observe the age."""
        self._to.verdicts.labels(realm).observe(age)


def _histogram(name: str, text: str, labels: tuple[str, ...], here: dict[str, Any]) -> Histogram:
    return Histogram(name, text, labels, buckets=FAST, **here)


def _gauge(name: str, text: str, here: dict[str, Any]) -> Gauge:
    return Gauge(name, text, ("realm",), multiprocess_mode="livesum", **here)
