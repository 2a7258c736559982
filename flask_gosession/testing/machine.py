"""A Hypothesis state machine: whatever is done to sessions in whatever order, a store and the model agree."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import ClassVar, NamedTuple, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from flask_gosession.errors import AuthError
from flask_gosession.manager import SessionManager
from flask_gosession.session.policy import Policy
from flask_gosession.stores.base import Store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.model import ABSOLUTE, GRACE, IDLE, LIMIT, ModelSubject
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.types import TokenPair

T = TypeVar("T")

SECRET = "the secret of a state machine, which nobody keeps"  # noqa: S105 - signs what lives for one example
NAMES = ("ann", "bob")
POLICY = Policy(
    access_lifetime=10 * ABSOLUTE,
    idle_timeout=IDLE,
    absolute_timeout=ABSOLUTE,
    touch_interval=0,
    rotation_grace=GRACE,
    session_limit=LIMIT,
)


class Held(NamedTuple):
    """A pair of tokens that somebody keeps for ever, and what it should stand for."""

    name: str
    pair: TokenPair
    gen: int
    expires: float


class SessionMachine(RuleBasedStateMachine):
    """Give a subclass its ``store`` and pass it to ``run_state_machine_as_test``; examples do not meet in it."""

    store: ClassVar[Store]
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        # The machine's clock moves in whole seconds, as tokens do.
        self.clock = FakeClock(float(int(FakeClock()())))
        codec = JWTCodec(Keyring.from_secret(SECRET), leeway=0)
        self.manager = SessionManager(self.store, codec, POLICY, clock=self.clock)
        self.model = {name: ModelSubject() for name in NAMES}
        self._salt = secrets.token_hex(6)
        self._reason: str | None = None

    @rule(target=held, name=st.sampled_from(NAMES))
    def log_in(self, name: str) -> object:
        """Sign in, unless banned."""
        model, now = self.model[name], self.clock()
        if now < model.banned_until:
            assert self._answer(lambda: self.manager.login(self._subject(name))) == "banned"
            return multiple()
        pair = self.manager.login(self._subject(name))
        model.admit(pair.sid, now)
        return Held(name, pair, 0, now + ABSOLUTE)

    @rule(it=held)
    def check(self, it: Held) -> None:
        """Use an access token, current or not."""
        self._check(it)

    @rule(it=held)
    def extend(self, it: Held) -> None:
        """Move the idle end."""
        self._use(it, lambda: self.manager.extend(it.pair.access_token))

    @rule(it=held, key=st.sampled_from("xyz"), value=st.integers(0, 9))
    def save_data(self, it: Held, key: str, value: int) -> None:
        """Write one key of a session's data."""
        if self._use(it, lambda: self.manager.authenticate(it.pair.access_token)):
            assert self.manager.save_data(self.manager.authenticate(it.pair.access_token), {key: value})
            self.model[it.name].sessions[it.pair.sid].data[key] = value

    @rule(target=held, it=held)
    def refresh_and_use(self, it: Held) -> object:
        """Refresh and use the new access token, as clients do."""
        outcome = self._refresh(it)
        if isinstance(outcome, Held):
            self._check(outcome)
        return outcome

    @rule(target=held, it=held)
    def refresh(self, it: Held) -> object:
        """Refresh, and leave it at that."""
        return self._refresh(it)

    @rule(it=held, by=st.sampled_from(("access token", "refresh token", "id")))
    def end(self, it: Held, by: str) -> None:
        """End a session by a token of either type and any age, or by its id."""
        reason = "kicked" if by == "id" else "logged_out"
        expected = self.model[it.name].end([it.pair.sid], reason, self.clock())
        if by == "id":
            ended = self.manager.revoke(self._subject(it.name), it.pair.sid, "kicked")
        else:
            ended = self.manager.logout(it.pair.access_token if by == "access token" else it.pair.refresh_token or "")
        assert ended.count == expected

    @rule(it=held, spare=st.booleans())
    def revoke_all(self, it: Held, *, spare: bool) -> None:
        """End all sessions, or all others."""
        model, kept = self.model[it.name], it.pair.sid if spare else None
        expected = model.end(model.sessions.keys() - {kept}, "revoked_all", self.clock())
        assert self.manager.revoke_all(self._subject(it.name), but=kept).count == expected

    @rule(name=st.sampled_from(NAMES), seconds=st.integers(1, 200))
    def ban(self, name: str, seconds: int) -> None:
        """Ban a subject for some time."""
        model, now = self.model[name], self.clock()
        expected = model.end(model.sessions, "banned", now)
        model.banned_until = now + seconds
        assert self.manager.ban(self._subject(name), until=now + seconds).count == expected

    @rule(name=st.sampled_from(NAMES))
    def lift_ban(self, name: str) -> None:
        """Lift a ban."""
        model, now = self.model[name], self.clock()
        lifted = self.manager.lift_ban(self._subject(name))
        assert lifted or now >= model.banned_until
        model.banned_until = 0.0

    @rule(name=st.sampled_from(NAMES))
    def sweep(self, name: str) -> None:
        """Drop the cached user info, and let the store drop what may be forgotten: no session minds."""
        self.manager.users.forget(self._subject(name))
        self.store.purge(self.clock())

    @rule(seconds=st.sampled_from((1, 5, 9, 10, 11, 11, 50, 99, 100, 300, 999, 2000)))
    def wait(self, seconds: int) -> None:
        """Let time go by."""
        self.clock.advance(seconds)

    @invariant()
    def lists_agree(self) -> None:
        """List what the model lists: the live sessions with their numbers and data, and the ban."""
        now = self.clock()
        for name, model in self.model.items():
            found = {session.sid: session for session in self.manager.sessions(self._subject(name))}
            assert sorted(found) == sorted(model.live(now))
            for sid, session in found.items():
                expected = model.sessions[sid]
                assert (session.gen, session.ends, session.own_data or {}) == (
                    expected.gen,
                    expected.ends,
                    expected.data,
                )
            ban = self.manager.ban_of(self._subject(name))
            assert (ban.until if ban else 0.0) == (model.banned_until if now < model.banned_until else 0.0)

    def _check(self, it: Held) -> None:
        self._use(it, lambda: self.manager.check(it.pair.access_token))

    def _refresh(self, it: Held) -> object:
        """Refresh with a token of any age: a successor, the same successor, a newer one elsewhere, or a theft."""
        model, now = self.model[it.name], self.clock()
        possible = model.refresh_answers(it.pair.sid, it.gen, it.expires, now)
        new: list[TokenPair] = []
        answer = self._answer(lambda: new.append(self.manager.refresh(it.pair.refresh_token or "")))
        assert answer in possible, (answer, possible)
        if answer == "token_reused":
            model.end([it.pair.sid], "reuse_detected", now)
        if answer != "ok":
            return multiple()
        model.rotate(it.pair.sid, it.gen, now)
        return Held(it.name, new[0], model.sessions[it.pair.sid].gen, it.expires)

    def _subject(self, name: str) -> str:
        return f"{name}-{self._salt}"

    def _use(self, it: Held, work: Callable[[], object]) -> bool:
        """Do what needs an access token, and expect what the model does; return whether it was accepted."""
        model, now = self.model[it.name], self.clock()
        possible = model.answers(it.pair.sid, it.gen, it.expires, now)
        answer = self._answer(work)
        assert answer in possible, (answer, possible)
        known = model.reason_of(it.pair.sid) if answer == "session_ended" and now < it.expires else None
        assert known in (None, self._reason)
        if answer == "ok":
            model.sessions[it.pair.sid].use(it.gen, now)
        return answer == "ok"

    def _answer(self, work: Callable[[], object]) -> str:
        """Return "ok" or the ``error``, and keep the reason."""
        try:
            work()
        except AuthError as error:
            self._reason = error.reason
            return error.error
        return "ok"
