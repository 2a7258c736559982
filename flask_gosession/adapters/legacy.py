"""Sessions for earlier credentials of another library, until ``GOSESSION_LEGACY_UNTIL``.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from flask import Request

from flask_gosession.engine.adoption import derived_sid
from flask_gosession.errors import SessionEnded, TokenMalformed
from flask_gosession.session.names import valid_subject
from flask_gosession.web.state import State


class Credential(NamedTuple):
    """What a client has shown, verified by its library."""

    library: str
    subject: str
    evidence: str
    """What distinguishes it from the subject's others."""
    issued: float
    """When (Unix seconds); 0 if it does not say."""
    ends: float = math.inf
    """From when its own library refuses it (Unix seconds)."""

    def sid(self, state: State) -> str:
        """Return the id of its session: the same each time it comes."""
        return derived_sid(self.library, state.config.realm, self.subject, self.evidence)


def adopt(state: State, request: Request, shown: Credential, *, until: float, cookies: bool = False) -> str:
    """Begin its session, only once, to last *until* then (Unix seconds); return its id.

    Raises SessionEnded after the date, TokenMalformed for a subject that cannot be, and what `SessionManager.adopt`
    raises.
    """
    try:
        valid_subject(shown.subject)
    except ValueError:
        raise TokenMalformed from None
    manager, last = state.manager, state.config.legacy_until
    if last is None or manager.clock() >= last:
        raise SessionEnded
    sid = shown.sid(state)
    manager.adopt(
        shown.subject,
        sid=sid,
        expires=until,
        again_until=min(shown.ends, last),
        authenticated=shown.issued,
        device=state.labelled_device(request),
        cookies=cookies,
    )
    return sid
