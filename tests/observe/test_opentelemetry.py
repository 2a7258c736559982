"""Metrics and spans by the real OpenTelemetry API and SDK."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from sites import Site, open_site

from flask_gosession.events import AuditDropped, StoreFailing
from flask_gosession.observe import OpenTelemetryObserver
from flask_gosession.testing.clock import FakeClock


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracers(spans: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


@pytest.fixture
def observer(reader: InMemoryMetricReader, tracers: TracerProvider) -> OpenTelemetryObserver:
    return OpenTelemetryObserver(MeterProvider([reader]), tracers)


@pytest.fixture
def site(clock: FakeClock, observer: OpenTelemetryObserver) -> Site:
    return open_site(clock, OBSERVERS=[observer], loader=lambda subject: {"id": subject})


def metrics_of(reader: InMemoryMetricReader) -> dict[str, tuple[str, list]]:
    """Return unit and data points of each metric by its name."""
    data = reader.get_metrics_data()
    found = [one for resource in data.resource_metrics for scope in resource.scope_metrics for one in scope.metrics]
    return {one.name: (one.unit, list(one.data.data_points)) for one in found}


def test_checks_store_and_events_are_measured(site: Site, reader: InMemoryMetricReader):
    """Times are histograms in seconds, events a counter; attributes carry no person and no session."""
    pair = site.login("ada")
    assert site.get(pair["access_token"]).status_code == 200
    assert site.get("garbage").status_code == 401
    found = metrics_of(reader)
    unit, points = found["gosession.check.duration"]
    assert unit == "s"
    assert [dict(point.attributes) for point in points] == [
        {"gosession.realm": "default", "gosession.level": "strict"},
        {"gosession.realm": "default", "gosession.level": "strict", "error.type": "token_malformed"},
    ]
    assert {point.attributes["gosession.method"] for point in found["gosession.store.duration"][1]} == {"load", "swap"}
    assert dict(found["gosession.events"][1][0].attributes) == {
        "gosession.event": "logged_in",
        "gosession.realm": "default",
    }
    assert "ada" not in str(found)


def test_spans_stand_in_one_another(site: Site, spans: InMemorySpanExporter, tracers: TracerProvider):
    """The store's span is a child of the check's, which is a child of the request's."""
    pair = site.login("ada")
    spans.clear()
    with tracers.get_tracer("test").start_as_current_span("request"):
        assert site.get(pair["access_token"]).status_code == 200
    finished = spans.get_finished_spans()
    (request,) = [one for one in finished if one.name == "request"]
    (check,) = [one for one in finished if one.name == "gosession.check"]
    within = [one.name for one in finished if one.parent and one.parent.span_id == check.context.span_id]
    assert check.parent.span_id == request.context.span_id
    assert within == ["gosession.store"]


def test_a_refusal_is_no_error_of_ours(site: Site, spans: InMemorySpanExporter):
    """A token that is refused leaves its span without an error, and names why; what the client sent is not in it."""
    site.get("garbage")
    (span,) = [one for one in spans.get_finished_spans() if one.name == "gosession.check"]
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes["error.type"] == "token_malformed"
    assert "garbage" not in span.to_json()


def test_a_store_that_is_down_is_an_error(site: Site, spans: InMemorySpanExporter):
    """A store that does not answer is an error of its span and of the check's."""
    token = site.pair("ada").access_token
    site.store.fail("load")
    spans.clear()
    assert site.get(token).status_code == 503
    found = {one.name: (one.status.status_code, one.attributes["error.type"]) for one in spans.get_finished_spans()}
    assert found == {
        "gosession.store": (StatusCode.ERROR, "store_unavailable"),
        "gosession.check": (StatusCode.ERROR, "store_unavailable"),
    }


def test_an_event_is_one_of_the_current_span(site: Site, spans: InMemorySpanExporter, tracers: TracerProvider):
    """What happens in a request stands in its span."""
    with tracers.get_tracer("test").start_as_current_span("request"):
        pair = site.pair("ada")
        site.manager.revoke("ada", pair.sid, "kicked")
    (span,) = [one for one in spans.get_finished_spans() if one.name == "request"]
    assert [one.name for one in span.events] == ["gosession.logged_in", "gosession.revoked"]
    assert dict(span.events[1].attributes) == {"gosession.realm": "default", "gosession.reason": "kicked"}


def test_the_rest_is_measured(observer: OpenTelemetryObserver, reader: InMemoryMetricReader):
    """Circuit, losses, connections, cache and verdicts have instruments."""
    observer.on_realm("default")
    observer.on_event(StoreFailing(at=1, address="redis://host", cause="gone"), "default")
    observer.on_event(AuditDropped(at=1, count=7), "default")
    observer.on_connections("default", 3)
    observer.on_cache("default", hit=True)
    observer.on_verdict("default", 0.2)
    found = metrics_of(reader)
    numbers = {name: points[0].value for name, (_, points) in found.items() if hasattr(points[0], "value")}
    assert numbers == {
        "gosession.events": 1,
        "gosession.store.circuit.open": 1,
        "gosession.audit.dropped": 7,
        "gosession.store.connections.used": 3,
        "gosession.user.requests": 1,
    }
    assert found["gosession.verdict.age"][1][0].sum == 0.2


def test_without_an_sdk_nothing_happens(clock: FakeClock):
    """The name alone works where the app has set no provider up: the API does nothing."""
    site = open_site(clock, OBSERVERS="opentelemetry")
    assert site.get(site.pair("ada").access_token).status_code == 200
    assert not trace.get_current_span().is_recording()
