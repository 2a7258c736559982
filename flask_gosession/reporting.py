"""Tells the world what has happened; a listener that fails never breaks the work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flask_gosession import events
from flask_gosession.session.change import Ended

log = logging.getLogger("flask_gosession")

Emit = Callable[[events.Event], None]


@dataclass(frozen=True)
class Reporter:
    """Passes events on to *emit*."""

    emit: Emit

    def tell(self, event: events.Event) -> None:
        """Emit *event*; what a listener raises is logged."""
        try:
            self.emit(event)
        except Exception:
            log.exception("a listener of %s failed", type(event).__name__)

    def tell_ended(self, subject: str, ended: Iterable[Ended], now: float, ip: str) -> None:
        """Emit one event for each session that a rule has ended."""
        for fact in ended:
            self.tell(_event_of(subject, fact, now, ip))


def _event_of(subject: str, fact: Ended, now: float, ip: str) -> events.Ended:
    session, reason = fact
    common = {"subject": subject, "at": now, "ip": ip, "sid": session.sid, "client": session.client}
    if reason == "reuse_detected":
        return events.ReuseDetected(**common, reason=reason, session_ip=session.ip)  # type: ignore[arg-type]  # a dict of mixed values
    kind = {"logged_out": events.LoggedOut, "evicted": events.Evicted}.get(reason, events.Revoked)
    return kind(**common, reason=reason)  # type: ignore[arg-type]  # a dict of mixed values
