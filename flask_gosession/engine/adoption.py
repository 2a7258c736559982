"""Sessions by their id alone: look one up, adopt one that another library has begun, mark one as not fresh."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from flask_gosession import events, ids
from flask_gosession.durations import Instant
from flask_gosession.engine.login import new_session
from flask_gosession.engine.records import Snapshot
from flask_gosession.engine.subjects import SubjectManager
from flask_gosession.errors import StoreError
from flask_gosession.session import arguments
from flask_gosession.session import check as checks
from flask_gosession.session.admit import admit
from flask_gosession.session.adopt import adopt
from flask_gosession.session.change import Change
from flask_gosession.session.device import UNKNOWN, Device
from flask_gosession.session.login_options import LoginOptions
from flask_gosession.session.names import valid_subject
from flask_gosession.session.record import LATEST, Session, SubjectRecord, Ticket
from flask_gosession.session.second import mark_stale
from flask_gosession.session.tickets import is_honoured, note_ticket
from flask_gosession.tokens.types import Codec

log: logging.Logger = logging.getLogger("flask_gosession")


def derived_sid(*evidence: str) -> str:
    """Return the one session id that belongs to *evidence*, such as the issuer and the ``jti`` of a foreign token."""
    return ids.to_text(ids.derived_id(*evidence))


class AdoptingManager(SubjectManager):
    """What adapters for other libraries need: the credentials are theirs, and the sessions behind them are ours."""

    codec: Codec

    def session(self, subject: str | int, sid: str, *, used: bool = False) -> Session:
        """Return the live session of that id, whatever its credential.

        *used*: whether its client has just shown that credential, which is noted now and then. Raises the
        AuthError that says why there is no session, and ValueError for anything that is not a session id.
        """
        subject, key, now = valid_subject(subject), arguments.valid_sid("sid", sid), self.clock()
        with self.records.one_operation():
            seen = self.records.read(subject)
            session = checks.live_session(seen.record, key, now)
            self.actors.require(subject, session)
            if used and checks.touch_due(session, session.access, now, self.policy):
                self._note_use(seen, session)
        return session

    def honour(self, subject: str | int, *, sid: str, until: Instant) -> None:
        """Let `is_honoured` accept *sid* until *until*: the id of a token in a mail, say, that opens no session.

        Only the latest sixteen of a subject are kept. Raises ValueError or TypeError for wrong arguments.
        """
        ticket = Ticket(arguments.valid_sid("sid", sid), min(arguments.valid_instant("until", until), LATEST))
        self._apply(valid_subject(subject), lambda record, now: note_ticket(record, ticket, now))

    def is_honoured(self, subject: str | int, sid: str) -> bool:
        """Whether a token with that id is good although it has no session. Raises Banned while *subject* is banned."""
        record = self.records.read(valid_subject(subject)).record
        return is_honoured(record, arguments.valid_sid("sid", sid), self.clock())

    def adopt(
        self,
        subject: str | int,
        *,
        sid: str,
        expires: Instant,
        again_until: Instant | None = None,
        authenticated: Instant | None = None,
        client: str = "web",
        device: Device = UNKNOWN,
        data: Mapping[str, Any] | None = None,
        cookies: bool = False,
    ) -> Session:
        """Return the live session *sid* of *subject*, made now if that id was never seen; it has no tokens of ours.

        Repeated and simultaneous calls change nothing. *sid* is drawn or derived by the caller from a credential that
        it has verified, and never taken from a client; see `derived_sid`. The session ends at *expires*, within the
        longest lifetime, and never because it is idle. Without *again_until* it is a login like any other: the session
        limits apply. With it, the credential is an old one that may come again until then: no session is evicted, a
        session of it that has ended stays so until then, and *authenticated* says when it was issued; 0 says that
        nobody knows, and then it begins nothing once any adopted session of *subject* has ended. *cookies*:
        whether its tokens will go to a browser as cookies. Raises Banned, SessionLimit, SessionEnded, and ValueError or
        TypeError for wrong arguments.
        """
        subject, key = valid_subject(subject), arguments.valid_sid("sid", sid)
        now, device = self.clock(), arguments.instance_of(Device, "device", device)
        lifetime = min(arguments.valid_instant("expires", expires) - now, self.policy.longest_lifetime)
        if lifetime <= 0:
            raise ValueError("expires is in the future")
        wanted = LoginOptions.read(
            {"client": client, "lifetime": lifetime, "idle": lifetime, "data": data, "authenticated": authenticated},
            self.policy,
        )
        again = None if again_until is None else min(arguments.valid_instant("again_until", again_until), LATEST)
        in_cookies = bool(arguments.valid_cookies(cookies))
        made = new_session(wanted, self.codec, now, device=device, actor=None, in_cookies=in_cookies)
        session = replace(made, id=key, again_until=again)
        (found, is_new), _ = self._apply(subject, partial(self._adopting, session), device)
        if is_new:
            self._tell_session(events.LoggedIn, subject, found, device.ip)
        return found

    def mark_stale(self, subject: str | int, sid: str) -> Session:
        """Note that a session is no longer fresh, until the user shows their credentials again; return the session.

        Raises what `session` raises.
        """
        key = arguments.valid_sid("sid", sid)
        return self._apply(valid_subject(subject), lambda record, now: mark_stale(record, key, now))[0]

    def _note_use(self, seen: Snapshot, session: Session) -> None:
        try:
            self.records.try_update(seen, lambda record, now: checks.touch(record, session.id, session.access, now))
        except StoreError:
            log.warning("the use of a session could not be noted; the store is not available")

    def _adopting(self, new: Session, record: SubjectRecord, now: float) -> Change[tuple[Session, bool]]:
        is_known = record.session(new.id) is not None or record.tombstone(new.id) is not None
        rule = adopt if is_known or new.again_until is not None else partial(admit, policy=self.policy)
        change = rule(record, new, now)
        return change.with_result((change.result, change.result == new))
