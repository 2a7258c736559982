"""Audit entries as JSON, one object per line, with the names of the Elastic Common Schema (ECS 8).

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import msgspec

from flask_gosession.observe.entries import AuditEntry

LOGGER = "flask_gosession.audit"
VERSION = "8.11.0"

_KINDS: Mapping[str, tuple[str, str]] = {
    "logged_in": ("authentication", "start"),
    "confirmed": ("authentication", "change"),
    "subject_banned": ("iam", "change"),
    "ban_lifted": ("iam", "change"),
    "not_before_set": ("iam", "change"),
    "refreshed": ("session", "change"),
    "refresh_forked": ("session", "change"),
    "refresh_refused": ("session", "denied"),
    "reuse_detected": ("intrusion_detection", "end"),
    "binding_changed": ("session", "change"),
    "corrupt_record": ("session", "info"),
    **dict.fromkeys(("logged_out", "evicted", "revoked", "expired"), ("session", "end")),
}
"""The ``event.category`` and ``event.type`` of each action."""
_FAILED = ("refresh_refused", "reuse_detected")


def line_of(entry: AuditEntry) -> str:
    """Return *entry* as one line of JSON; at most some 3 kB of text."""
    return msgspec.json.encode(document_of(entry)).decode()


def document_of(entry: AuditEntry) -> dict[str, Any]:
    """Return *entry* under dotted ECS names; empty fields are left out.

    ``user.id`` did it; ``user.target.id`` is the owner of the session, if that is another user; ``related.user`` has
    both. Fields without a name in ECS are under ``gosession``.
    """
    category, kind = _KINDS.get(entry.action, ("session", "info"))
    people = [name for name in (entry.actor, entry.subject) if name]
    fields = {
        "@timestamp": datetime.fromtimestamp(entry.at, timezone.utc).isoformat(timespec="milliseconds"),
        "ecs.version": VERSION,
        "event.kind": "event",
        "event.dataset": "gosession.audit",
        "event.category": [category],
        "event.type": [kind],
        "event.action": entry.action,
        "event.outcome": "failure" if entry.action in _FAILED else "success",
        "event.reason": entry.reason,
        "user.id": people[0],
        "user.target.id": entry.subject if entry.actor else "",
        "related.user": people,
        "source.ip": entry.ip,
        "user_agent.original": entry.agent,
        "gosession.realm": entry.realm,
        "gosession.session.id": entry.sid,
        "gosession.session.client": entry.client,
    }
    return {name: value for name, value in fields.items() if value}


class LoggingSink:
    """Writes entries to the logger ``flask_gosession.audit``, at the level INFO.

    If the app has not set that logger up, it gets the level INFO and a handler that writes
    bare lines to stderr, as `Flask.logger` does.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER)
        if self._logger.level == logging.NOTSET:
            self._logger.setLevel(logging.INFO)
        if not self._logger.hasHandlers():
            self._logger.addHandler(_plain_handler())

    def write(self, entries: Sequence[AuditEntry]) -> None:
        """Log *entries*."""
        for entry in entries:
            self._logger.info("%s", line_of(entry))


def _plain_handler() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler
