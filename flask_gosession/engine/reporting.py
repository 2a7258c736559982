"""Reports what has happened to sessions; a listener that fails never breaks the work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from flask_gosession import events
from flask_gosession.session.change import EndedSession
from flask_gosession.session.device import Device
from flask_gosession.session.record import Session
from flask_gosession.session.rotate import Answer, Outcome

log: logging.Logger = logging.getLogger("flask_gosession")

Emit = Callable[[events.Event], None]


class Reporter(msgspec.Struct, frozen=True):
    """Passes events on to *emit*."""

    emit: Emit

    def tell(self, event: events.Event) -> None:
        """Emit *event*; what a listener raises is logged."""
        try:
            self.emit(event)
        except Exception:
            log.exception("a listener of %s failed", type(event).__name__)

    def tell_ended(self, subject: str, ended: Iterable[EndedSession], now: float, device: Device) -> None:
        """Emit one event for each session that a rule has ended; *device* has caused it."""
        for fact in ended:
            self.tell(_ended_event(subject, fact, now, device))

    def tell_refresh(self, subject: str, outcome: Outcome, now: float, device: Device) -> None:
        """Emit the outcome of a refresh by *device*; nothing if the same pair was returned again, or has ended."""
        event = _refresh_event(subject, outcome, now, device)
        if event is not None:
            self.tell(event)


_KINDS: Mapping[str, type[events.Ended]] = {
    "logged_out": events.LoggedOut,
    "evicted": events.Evicted,
    "idle": events.Expired,
    "expired": events.Expired,
}


def actor_in(session: Session) -> str | None:
    """Return the subject who is behind an impersonated session."""
    return session.actor.subject if session.actor else None


def _ended_event(subject: str, fact: EndedSession, now: float, device: Device) -> events.Ended:
    session, reason = fact.session, fact.reason
    at = min(now, session.ends) if reason in ("idle", "expired") else now  # it may be noticed late
    if reason == "reuse_detected":
        both = _both(device, session)
        return events.ReuseDetected(
            subject=subject, at=at, sid=session.sid, client=session.client, reason=reason, **both
        )
    kind = _KINDS.get(reason, events.Revoked)
    actor = actor_in(session) if reason == "logged_out" else None
    ip = "" if kind is events.Expired else device.ip
    return kind(subject=subject, at=at, ip=ip, actor=actor, sid=session.sid, client=session.client, reason=reason)


def _refresh_event(subject: str, outcome: Outcome, now: float, device: Device) -> events.RefreshEvent | None:
    answer, session, before = outcome
    common: dict[str, Any] = {"subject": subject, "at": now, "sid": session.sid, "client": session.client}
    common |= {"gen": session.gen, "actor": actor_in(session), **_both(device, session)}
    if answer is Answer.REFUSED:
        return events.RefreshRefused(**common)
    if answer is Answer.FORKED:
        made_ip, made_agent = before.pair_from or (session.ip, session.agent)
        return events.RefreshForked(**common, made_ip=made_ip, made_agent=made_agent)
    if answer in (Answer.AGAIN, Answer.THEFT):
        return None
    adopted = answer in (Answer.SIBLING_ADOPTED, Answer.CHILD_ADOPTED)
    return events.Refreshed(**common, parent_again=answer is Answer.PARENT_AGAIN, adopted=adopted)


def _both(device: Device, session: Session) -> dict[str, Any]:
    """Return where a token was presented, and where its session was made."""
    here = {"ip": device.ip, "agent": device.agent}
    return {**here, "session_ip": session.ip, "session_agent": session.agent}
