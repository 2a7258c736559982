"""One blinker signal per event: receivers, plain or async, get the app as sender and the frozen event as ``event``."""

from __future__ import annotations

import logging
from collections.abc import Callable

from blinker import Namespace
from flask import Flask

from flask_gosession import events

log = logging.getLogger("flask_gosession")

_signals = Namespace()

logged_in = _signals.signal("logged_in", "A session was made.")
logged_out = _signals.signal("logged_out", "The person signed out.")
refreshed = _signals.signal("refreshed", "The tokens of a session were rotated.")
confirmed = _signals.signal("confirmed", "The person has shown their credentials again.")
evicted = _signals.signal("evicted", "A newer login needed the place.")
revoked = _signals.signal("revoked", "A session was ended from elsewhere.")
reuse_detected = _signals.signal("reuse_detected", "An old refresh token came back.")
banned = _signals.signal("banned", "A subject was banned.")
ban_lifted = _signals.signal("ban_lifted", "A ban was lifted before its end.")
user_forgotten = _signals.signal("user_forgotten", "The cached user info was dropped.")
binding_changed = _signals.signal("binding_changed", "A session is used from another network or browser.")
corrupt_record = _signals.signal("corrupt_record", "A stored record could not be read.")
data_dropped = _signals.signal("data_dropped", "Session data was not saved: the session had ended.")

_SIGNAL_OF = {
    events.LoggedIn: logged_in,
    events.LoggedOut: logged_out,
    events.Refreshed: refreshed,
    events.Confirmed: confirmed,
    events.Evicted: evicted,
    events.Revoked: revoked,
    events.ReuseDetected: reuse_detected,
    events.BannedSubject: banned,
    events.BanLifted: ban_lifted,
    events.UserForgotten: user_forgotten,
    events.BindingChanged: binding_changed,
    events.CorruptRecord: corrupt_record,
    events.DataDropped: data_dropped,
}


def send(app: Flask, event: events.Event) -> None:
    """Send *event* to the receivers of its signal; what one of them raises is logged, and the others still hear."""
    for receiver in _SIGNAL_OF[type(event)].receivers_for(app):
        _deliver(receiver, app, event)


def _deliver(receiver: Callable[..., object], app: Flask, event: events.Event) -> None:
    try:
        app.ensure_sync(receiver)(app, event=event)
    except Exception:
        log.exception("a receiver of %s failed", type(event).__name__)
