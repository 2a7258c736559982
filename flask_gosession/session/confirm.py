"""The rule of a re-authentication: a new pair without a parent, so no copy of an earlier token becomes fresh."""

from __future__ import annotations

from msgspec.structs import replace

from flask_gosession.session.change import Change
from flask_gosession.session.check import check, with_session
from flask_gosession.session.device import Device
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Session, SubjectRecord
from flask_gosession.session.rotate import Successor
from flask_gosession.tokens.types import Claims


def confirm(record: SubjectRecord, claims: Claims, successor: Successor, now: float, policy: Policy) -> Change[Session]:
    """Note that the credentials of the session of an access token were seen just now, and give it a new pair.

    The access token that came with the request stays good until the new one has been in use for the overlap, but is
    never fresh; every earlier refresh token is superseded. Raises like `check`.
    """
    session = check(record, claims, now, policy)
    pair = successor.after(None)
    if session.access == pair.access:
        return Change(record, session)
    confirmed = replace(
        _moved(session, successor.device),
        access=pair.access,
        refresh=pair.refresh,
        salt=pair.salt,
        gen=session.next_gen,
        authenticated=max(session.authenticated, now),
        seen=max(session.seen, now),
        parent_access=claims.jti,
        parent_refresh=None,
        rotated_at=now,
        used_at=None,
        forks=0,
        forked_at=None,
        pair_from=None,
    )
    return Change(with_session(record, confirmed), confirmed, announce=True)


def _moved(session: Session, device: Device) -> Session:
    """Bind the session to the device on which the credentials were shown, if that is known."""
    if device == Device():
        return session
    return replace(session, ip=device.ip, agent=device.agent, label=device.label)
