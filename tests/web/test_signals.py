"""Events reach blinker's receivers, with the app as sender, and no receiver can break a request."""

from __future__ import annotations

import pytest
from blinker import NamedSignal
from msgspec.structs import fields

from flask_gosession import events, signals
from flask_gosession.errors import Reason

NAMED = {name: signal for name, signal in vars(signals).items() if isinstance(signal, NamedSignal)}


def example(kind):
    """Return an event of a kind."""
    values = {str: "x", float: 1.0, int: 1, bool: True, Reason: "kicked"}
    return kind(**{each.name: values[each.type] for each in fields(kind) if each.required})


@pytest.mark.parametrize("kind", events.kinds(), ids=lambda kind: kind.__name__)
def test_each_event_has_a_signal(shop, kind):
    """Every kind of event is sent on a signal of its own, with the app as sender."""
    got, event = [], example(kind)

    def receiver(sender, event):
        got.append((sender, event))

    for signal in NAMED.values():
        signal.connect(receiver, sender=shop.app)
    try:
        signals.send(shop.app, event)
    finally:
        for signal in NAMED.values():
            signal.disconnect(receiver, sender=shop.app)
    assert got == [(shop.app, event)]


def test_each_signal_has_the_name_of_its_event():
    """`LoggedIn` is heard at `logged_in`; a ban alone has a shorter name, for `banned` says it all."""
    assert {name for name, signal in NAMED.items() if name != signal.name} == {"banned"}
    assert {signal.name for signal in NAMED.values()} >= {"logged_in", "refresh_forked", "subject_banned"}
    assert len(NAMED) == len(events.kinds())


def test_a_road_is_heard(shop):
    """Login, refresh and logout are heard by receivers of their signals, with their facts."""
    heard = []

    def hear(sender, event):
        heard.append((type(event).__name__, event.subject))

    with (
        signals.logged_in.connected_to(hear, shop.app),
        signals.refreshed.connected_to(hear, shop.app),
        signals.logged_out.connected_to(hear, shop.app),
        signals.user_forgotten.connected_to(hear, shop.app),
    ):
        pair = shop.pair()
        shop.manager.refresh(pair.refresh_token)
        shop.manager.logout(pair.access_token)
        shop.manager.users.forget("ada")
    assert heard == [("LoggedIn", "ada"), ("Refreshed", "ada"), ("LoggedOut", "ada"), ("UserForgotten", "ada")]


def test_an_async_receiver(shop):
    """A receiver may be async, as views and loaders may."""
    heard = []

    async def hear(sender, event):
        heard.append(event.subject)

    with signals.logged_in.connected_to(hear, shop.app):
        shop.pair()
    assert heard == ["ada"]


def test_another_app_hears_nothing(shop):
    """A receiver that listens to one app hears nothing of another."""
    heard = []

    def hear(sender, event):
        heard.append(event)

    with signals.logged_in.connected_to(hear, object()):
        shop.pair()
    assert heard == []


def test_a_receiver_that_fails_breaks_nothing(shop, caplog):
    """What a receiver raises is logged; the person is signed in, and the other receivers hear of it."""
    heard = []

    def fail(sender, event):
        heard.append(event)
        raise RuntimeError("receiver")

    def fail_too(sender, event):
        fail(sender, event)

    with signals.logged_in.connected_to(fail, shop.app), signals.logged_in.connected_to(fail_too, shop.app):
        token = shop.pair().access_token
    assert shop.get(token).status_code == 200
    assert len(heard) == 2
    assert [record.message for record in caplog.records] == ["a receiver of LoggedIn failed"] * 2
