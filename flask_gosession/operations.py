"""What operators need from a realm: its routes, its set-up, its public keys, and its audit trail.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from typing import Any

from flask import current_app

from flask_gosession import doctor
from flask_gosession.durations import Instant, unix_time_of
from flask_gosession.errors import ConfigError
from flask_gosession.findings import Finding
from flask_gosession.observe.entries import UNREADABLE, AuditEntry
from flask_gosession.session.names import valid_subject
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.web.route_list import RouteView, routes
from flask_gosession.web.state import state_of


class Operations:
    """The part of `GoSession` that is not about the current request."""

    name: str

    def routes(self) -> list[RouteView]:
        """Return what every route of the current app requires, in all realms, sorted by rule."""
        return routes(current_app)

    def doctor(self) -> list[Finding]:
        """Check the set-up of this realm in the current app and return the findings, the worst first.

        Nothing is changed. It asks the store some thirty times.
        """
        return doctor.examine(state_of(self.name))

    def jwks(self) -> dict[str, Any]:
        """Return the public keys of this realm as a JWK Set (RFC 7517), as the endpoint publishes it.

        Empty if the keys are secrets, and for opaque tokens.
        """
        codec = state_of(self.name).manager.codec
        return dict(codec.current_keyring().jwks()) if isinstance(codec, JWTCodec) else {"keys": []}

    def audit_trail(
        self,
        subject: str | int | None = None,
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """Return the last *limit* entries of the audit trail about or by *subject* (None: anybody), the newest first.

        Moments are Unix times, or datetimes with a time zone. The latest entries of this process are among them. Raises
        ConfigError unless `GOSESSION_AUDIT` is an SQL table, and StoreUnavailable.
        """
        audit = state_of(self.name).audit
        if audit is None:
            raise ConfigError(UNREADABLE)
        name = None if subject is None else valid_subject(subject)
        first = 0.0 if since is None else unix_time_of(since)
        return audit.trail(name, since=first, until=None if until is None else unix_time_of(until), limit=limit)
