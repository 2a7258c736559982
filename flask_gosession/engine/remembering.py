"""A second credential of a session: it lasts as long, proves no fresh login, and brings the pair back."""

from __future__ import annotations

from flask_gosession import ids
from flask_gosession.engine.adoption import AdoptingManager
from flask_gosession.engine.issuing import Issuer
from flask_gosession.engine.user_cache import UserCache
from flask_gosession.session import arguments
from flask_gosession.session import check as checks
from flask_gosession.session.device import UNKNOWN, Device
from flask_gosession.session.names import valid_subject
from flask_gosession.session.record import Session
from flask_gosession.session.second import give_second, resume
from flask_gosession.tokens.types import Claims, TokenPair, TokenType


class RememberingManager(AdoptingManager):
    """What a remember cookie needs, which outlives the cookies of the pair."""

    issuer: Issuer
    users: UserCache

    def remember(self, subject: str | int, sid: str) -> str:
        """Return the second credential of a live session; each call returns another text for the same credential.

        It and every copy of it end with the session, whoever ends that. Raises what `session` raises.
        """
        subject, key, seed = valid_subject(subject), arguments.valid_sid("sid", sid), ids.new_id()
        session, _ = self._apply(subject, lambda record, now: give_second(record, key, seed, now))
        return self.codec.encode(self._second_of(subject, session))

    def tokens(self, subject: str | int, sid: str) -> TokenPair:
        """Return the current pair of a live session, dated anew, for a client that has proved its right otherwise.

        Raises what `session` raises, and what the claims loader raises.
        """
        subject = valid_subject(subject)
        session = self.session(subject, sid)
        return self.issuer.pair_again(subject, session, self.clock(), self.issuer.draw(subject))

    def resume(self, token: str, *, device: Device = UNKNOWN) -> TokenPair:
        """Return the current pair of the session that a second credential belongs to; the session is no longer fresh.

        No session is made and none is ended: several simultaneous calls get the same pair. The user and the
        claims loader are asked first. Raises UserNotFound, what the loaders raise, and the AuthError that says why
        there is no session for it.
        """
        device = arguments.instance_of(Device, "device", device)
        claims = self.codec.decode(token, TokenType.REMEMBER, self.clock())
        with self.records.one_operation():
            seen = self.records.read(claims.subject)
            self.actors.require(claims.subject, checks.live_session(seen.record, claims.sid, self.clock()))
        self.users.require(seen.record)
        drawn = self.issuer.draw(claims.subject)
        change, _ = self.records.update(claims.subject, lambda record, now: resume(record, claims, now), seen)
        self._settle(claims.subject, change, device)
        return self.issuer.pair_again(claims.subject, change.result, self.clock(), drawn)

    def _second_of(self, subject: str, session: Session) -> Claims:
        now = int(self.clock())
        jti, salt = self.codec.second_ids(session.id, session.second or b"")
        end = max(now, min(int(session.expires), now + int(self.policy.longest_lifetime)))
        return Claims(
            subject,
            session.id,
            jti,
            TokenType.REMEMBER,
            issued_at=now,
            expires_at=end,
            client=session.client,
            salt=salt,
        )
