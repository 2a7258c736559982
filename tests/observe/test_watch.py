"""Whoever looks on is never in the way."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import pytest
from sites import Site, add_me, make_app, open_endpoints, open_site

from flask_gosession import ConfigError, SessionManager
from flask_gosession.events import Event
from flask_gosession.observe import Call, Observer
from flask_gosession.stores.breaker import behind_breaker
from flask_gosession.testing.clock import FakeClock


class Broken(Observer):
    """Fails at everything."""

    def on_realm(self, realm: str) -> None:
        raise RuntimeError("realm")

    def on_event(self, event: Event, realm: str) -> None:
        raise RuntimeError("event")

    def on_call(self, call: Call) -> None:
        raise RuntimeError("call")

    def on_cache(self, realm: str, *, hit: bool) -> None:
        raise RuntimeError("cache")

    @contextmanager
    def around(self, kind, name, realm):
        raise RuntimeError("around")
        yield


class AfterTheCall(Observer):
    """Fails when a call is over."""

    @contextmanager
    def around(self, kind, name, realm):
        yield
        raise RuntimeError("after")


class Listening(Observer):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.events: list[Event] = []

    def on_event(self, event: Event, realm: str) -> None:
        self.events.append(event)

    def on_call(self, call: Call) -> None:
        self.calls.append(call)


@pytest.mark.parametrize("broken", [Broken, AfterTheCall])
def test_an_observer_that_fails_breaks_nothing_and_is_logged_once(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, broken: type[Observer]
):
    """Requests go on, the other observers hear all, and the log has one line with the first failure."""
    listening = Listening()
    site = open_site(clock, OBSERVERS=[broken(), listening], loader=lambda subject: {"id": subject})
    pair = site.login("ada")
    for _ in range(3):
        assert site.get(pair["access_token"]).status_code == 200
    assert site.get("garbage").status_code == 401
    told = [each for each in caplog.records if "its further failures are not logged" in each.getMessage()]
    assert len(told) == 1
    assert [each.outcome for each in listening.calls if each.kind == "check"] == ["ok", "ok", "ok", "token_malformed"]
    assert len(listening.events) == 1


def test_nothing_is_wrapped_where_nobody_looks_on(clock: FakeClock):
    """Without observers the manager is the plain one, over the plain store."""
    site = open_endpoints(clock)
    assert type(site.manager) is SessionManager
    assert site.manager.store is site.store


def test_operators_see_the_store_itself(clock: FakeClock):
    """The timers around a store hide none of its powers from the commands."""
    site: Site = open_endpoints(clock, OBSERVERS=Listening())
    assert site.manager.store is not site.store
    assert behind_breaker(site.manager.store) is site.store


def test_a_refresh_and_a_logout_are_timed_at_the_store(clock: FakeClock):
    """Reads and swaps are told with how they ended."""
    listening = Listening()
    site = open_endpoints(clock, OBSERVERS=listening)
    pair = site.pair("ada")
    site.manager.refresh(pair.refresh_token or "")
    site.manager.logout(pair.access_token)
    assert {(each.name, each.outcome) for each in listening.calls if each.kind == "store"} == {
        ("load", "ok"),
        ("swap", "ok"),
    }


@pytest.mark.parametrize("observers", ["statsd", ["prometheus", 7], object()])
def test_a_wrong_observer_is_told_at_the_start(clock: FakeClock, observers: object):
    """What cannot look on is a sentence at start-up."""
    with pytest.raises(ConfigError, match="GOSESSION_OBSERVERS is a list of 'prometheus', 'opentelemetry'"):
        open_site(clock, app=make_app(), views=add_me, OBSERVERS=observers)


@pytest.mark.parametrize(("name", "package"), [("prometheus", "prometheus_client"), ("opentelemetry", "opentelemetry")])
def test_a_missing_package_is_told_with_its_extra(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, name: str, package: str
):
    """Where the package is missing, the sentence says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"flask_gosession.observe.{name}", raising=False)
    with pytest.raises(ConfigError, match=rf"Flask-GoSession\[{name}\]"):
        open_site(clock, app=make_app(), views=add_me, OBSERVERS=name)
