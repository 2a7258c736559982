"""One blinker signal per event: receivers, plain or async, get the app as sender and the frozen event as ``event``."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable

from blinker import NamedSignal, Namespace
from flask import Flask

from flask_gosession import events

log: logging.Logger = logging.getLogger("flask_gosession")


def _signals() -> dict[type[events.Event], NamedSignal]:
    """Return a signal for each event, with the event's name in snake case and its docstring."""
    namespace = Namespace()
    return {
        kind: namespace.signal(events.name_of(kind), inspect.cleandoc(kind.__doc__ or "")) for kind in events.kinds()
    }


_SIGNAL_OF = _signals()

logged_in: NamedSignal = _SIGNAL_OF[events.LoggedIn]
logged_out: NamedSignal = _SIGNAL_OF[events.LoggedOut]
refreshed: NamedSignal = _SIGNAL_OF[events.Refreshed]
refresh_forked: NamedSignal = _SIGNAL_OF[events.RefreshForked]
refresh_refused: NamedSignal = _SIGNAL_OF[events.RefreshRefused]
confirmed: NamedSignal = _SIGNAL_OF[events.Confirmed]
evicted: NamedSignal = _SIGNAL_OF[events.Evicted]
revoked: NamedSignal = _SIGNAL_OF[events.Revoked]
reuse_detected: NamedSignal = _SIGNAL_OF[events.ReuseDetected]
expired: NamedSignal = _SIGNAL_OF[events.Expired]
banned: NamedSignal = _SIGNAL_OF[events.SubjectBanned]
ban_lifted: NamedSignal = _SIGNAL_OF[events.BanLifted]
not_before_set: NamedSignal = _SIGNAL_OF[events.NotBeforeSet]
user_forgotten: NamedSignal = _SIGNAL_OF[events.UserForgotten]
binding_changed: NamedSignal = _SIGNAL_OF[events.BindingChanged]
corrupt_record: NamedSignal = _SIGNAL_OF[events.CorruptRecord]
data_dropped: NamedSignal = _SIGNAL_OF[events.DataDropped]
audit_dropped: NamedSignal = _SIGNAL_OF[events.AuditDropped]
store_failing: NamedSignal = _SIGNAL_OF[events.StoreFailing]
store_recovered: NamedSignal = _SIGNAL_OF[events.StoreRecovered]
feed_failing: NamedSignal = _SIGNAL_OF[events.FeedFailing]
feed_recovered: NamedSignal = _SIGNAL_OF[events.FeedRecovered]


def send(app: Flask, event: events.Event) -> None:
    """Send *event* to the receivers of its signal; what one of them raises is logged, and the others still run."""
    for receiver in _SIGNAL_OF[type(event)].receivers_for(app):
        _deliver(receiver, app, event)


def _deliver(receiver: Callable[..., object], app: Flask, event: events.Event) -> None:
    try:
        app.ensure_sync(receiver)(app, event=event)
    except Exception:
        log.exception("a receiver of %s failed", type(event).__name__)
