"""Metrics by the real prometheus-client: names, labels, and what is counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sites import LONG, Site, open_endpoints, open_site

from flask_gosession.events import AuditDropped, StoreFailing
from flask_gosession.observe import PrometheusObserver
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def site(clock: FakeClock, registry: CollectorRegistry) -> Site:
    return open_site(clock, OBSERVERS=PrometheusObserver(registry), loader=lambda subject: {"id": subject})


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, {"realm": "default", **labels}) or 0.0


def test_a_request_is_counted_once_as_check_store_and_loader(site: Site, registry: CollectorRegistry):
    """A request with a token, whose user is cached, is one check and one read."""
    pair = site.login("ada")
    assert site.get(pair["access_token"]).status_code == 200
    before = value(registry, "gosession_store_duration_seconds_count", method="load", outcome="ok")
    assert site.get(pair["access_token"]).status_code == 200
    assert value(registry, "gosession_check_duration_seconds_count", level="strict", outcome="ok") == 2
    assert value(registry, "gosession_store_duration_seconds_count", method="load", outcome="ok") == before + 1


def test_the_user_cache_is_counted(clock: FakeClock, registry: CollectorRegistry):
    """The loader is timed, and those answered without it are hits."""

    def views(app, gosession) -> None:
        app.add_url_rule("/who", "who", gosession.login_required(lambda: gosession.current_user))

    site = open_site(clock, OBSERVERS=PrometheusObserver(registry), loader=lambda subject: {"id": subject}, views=views)
    token = site.pair("ada").access_token
    for _ in range(3):
        assert site.get(token, "/who").get_json() == {"id": "ada"}
    assert value(registry, "gosession_user_requests_total", result="miss") == 1
    assert value(registry, "gosession_user_requests_total", result="hit") == 2
    assert value(registry, "gosession_user_load_duration_seconds_count", outcome="ok") == 1


def test_what_was_refused_has_the_text_of_its_error(site: Site, registry: CollectorRegistry):
    """A check that refuses is told by the stable text of the error; a token never is."""
    pair = site.pair("ada")
    site.manager.revoke("ada", pair.sid, "kicked")
    assert site.get(pair.access_token).status_code == 401
    assert site.get("garbage").status_code == 401
    assert value(registry, "gosession_check_duration_seconds_count", level="strict", outcome="session_ended") == 1
    assert value(registry, "gosession_check_duration_seconds_count", level="strict", outcome="token_malformed") == 1
    text = generate_latest(registry).decode()
    assert [secret for secret in (pair.access_token, pair.sid, "ada", "garbage") if secret in text] == []


def test_events_are_counted_by_name_and_reason(site: Site, registry: CollectorRegistry):
    """Each event is one more of its kind; those that end a session have the reason, too."""
    pair = site.pair("ada")
    site.manager.revoke("ada", pair.sid, "kicked")
    assert value(registry, "gosession_events_total", event="logged_in", reason="") == 1
    assert value(registry, "gosession_events_total", event="revoked", reason="kicked") == 1


def test_names_and_units_are_those_of_the_conventions(site: Site, registry: CollectorRegistry):
    """All names have one prefix, counters end with total, times are seconds, and labels have few values."""
    site.manager.authenticate(site.pair("ada").access_token)
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    assert {family.name.partition("_")[0] for family in families} == {"gosession"}
    for family in families:
        assert family.documentation.endswith(".")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
        labels = {name for sample in family.samples for name in sample.labels}
        assert labels <= {"realm", "event", "reason", "level", "outcome", "method", "result", "le"}


@pytest.mark.usefixtures("site")
def test_the_circuit_and_what_was_dropped_are_told(registry: CollectorRegistry):
    """The gauge of the circuit is there from the start, and is 1 while the store fails."""
    assert registry.get_sample_value("gosession_store_circuit_open", {"realm": "default"}) == 0
    observer = PrometheusObserver(registry)
    observer.on_event(StoreFailing(at=1, address="redis://host", cause="gone"), "default")
    observer.on_event(AuditDropped(at=1, count=7), "default")
    observer.on_verdict("default", 0.2)
    assert value(registry, "gosession_store_circuit_open") == 1
    assert value(registry, "gosession_audit_dropped_total") == 7
    assert value(registry, "gosession_verdict_age_seconds_count") == 1


def test_a_store_that_fails_opens_the_circuit_in_the_gauge(clock: FakeClock, registry: CollectorRegistry):
    """A store behind our circuit breaker that stops answering is seen in the gauge, and in the outcome of its calls."""
    store = FaultyStore(MemoryStore(clock=clock))
    store.shared = True  # so that it gets a circuit breaker
    site = open_endpoints(clock, store, OBSERVERS=[PrometheusObserver(registry)])
    token = site.pair("ada").access_token
    store.fail("load", 3)
    for _ in range(3):
        assert site.get(token, "/auth/session").status_code == 503
    assert value(registry, "gosession_store_circuit_open") == 1
    failed = value(registry, "gosession_store_duration_seconds_count", method="load", outcome="store_unavailable")
    assert failed == 3


def test_two_apps_and_realms_share_a_registry(clock: FakeClock, registry: CollectorRegistry):
    """Two apps in one process count into the same metrics: a registry takes each name once."""
    for name in ("one", "two"):
        open_endpoints(clock, OBSERVERS=PrometheusObserver(registry)).pair(name)
    assert value(registry, "gosession_events_total", event="logged_in", reason="") == 2


def test_pools_are_counted(tmp_path: Path, clock: FakeClock, registry: CollectorRegistry):
    """A store with connections says how many are in use when a call begins."""
    from cli.shop import make_shop

    shop = make_shop(f"sqlite:///{tmp_path}/sessions.db?timeout=5", clock, OBSERVERS=PrometheusObserver(registry))
    with shop.manager.store.store.store._engine.connect():  # somebody else is using one
        shop.manager.login("ada")
    assert value(registry, "gosession_store_connections_used") == 1
    assert shop.manager.show("ada").location.startswith("table")
    shop.manager.close()


WORKER = f"""
import os
from flask import Flask
from flask_gosession import GoSession
app = Flask("shop")
app.testing = True
app.config.update(SECRET_KEY={LONG!r}, GOSESSION_OBSERVERS="prometheus")
gosession = GoSession(app)
with app.app_context():
    gosession.manager.login("ada")
    if os.fork() == 0:
        gosession.manager.login("bob")
        os._exit(0)
os.wait()
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def test_the_numbers_of_several_processes_are_added_up(tmp_path: Path):
    """With PROMETHEUS_MULTIPROC_DIR, what a forked worker counts is in the sum."""
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", WORKER], capture_output=True, text=True, timeout=60, check=True, env=environ
    )
    assert 'gosession_events_total{event="logged_in",realm="default",reason=""} 2.0' in result.stdout
