"""Listeners of events, and timers: the audit trail, metrics and traces; none of them ever holds up a request."""

from typing import TYPE_CHECKING

from flask_gosession.lazy_imports import names_from

if TYPE_CHECKING:
    from flask_gosession.observe.ecs import document_of
    from flask_gosession.observe.entries import AuditEntry
    from flask_gosession.observe.opentelemetry import OpenTelemetryObserver
    from flask_gosession.observe.prometheus import PrometheusObserver
    from flask_gosession.observe.watch import Call, Observer
else:
    __getattr__ = names_from(
        __name__,
        {
            "AuditEntry": "entries",
            "Call": "watch",
            "Observer": "watch",
            "OpenTelemetryObserver": "opentelemetry",
            "PrometheusObserver": "prometheus",
            "document_of": "ecs",
        },
    )

__all__ = [
    "AuditEntry",
    "Call",
    "Observer",
    "OpenTelemetryObserver",
    "PrometheusObserver",
    "document_of",
]
