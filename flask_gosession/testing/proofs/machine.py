"""A Hypothesis state machine: whatever is done to sessions in whatever order, a store and the model agree."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from itertools import count
from typing import ClassVar, NamedTuple, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AuthError
from flask_gosession.session.policy import Policy
from flask_gosession.stores.base import Store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.proofs.model import ABSOLUTE, GRACE, IDLE, LEEWAY, LIMIT, OK, ModelSubject, Pair
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.types import TokenPair

T = TypeVar("T")

SECRET = hashlib.sha256(b"signs what lives for one example").hexdigest()
NAMES = ("ann", "bob")
POLICY = Policy(
    access_lifetime=10 * ABSOLUTE,
    idle_timeout=IDLE,
    absolute_timeout=ABSOLUTE,
    touch_interval=0,
    rotation_grace=GRACE,
    leeway=LEEWAY,
    session_limit=LIMIT,
)


class Held(NamedTuple):
    """A pair of tokens that somebody keeps for ever, and what it should stand for."""

    name: str
    tokens: TokenPair
    pair: Pair
    expires: float


class SessionMachine(RuleBasedStateMachine):
    """Give a subclass its ``store`` and pass it to ``run_state_machine_as_test``; examples do not meet in it."""

    store: ClassVar[Store]
    held: Bundle[object] = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        # The machine's clock moves in whole seconds, as tokens do.
        self.clock: FakeClock = FakeClock(float(int(FakeClock()())))
        codec = JWTCodec(Keyring.from_secret(SECRET), leeway=0)
        self.manager: SessionManager = SessionManager(self.store, codec, POLICY, clock=self.clock)
        self.model: dict[str, ModelSubject] = {name: ModelSubject() for name in NAMES}
        self._salt = secrets.token_hex(6)
        self._numbers = count()
        self._reason: str | None = None

    @rule(target=held, name=st.sampled_from(NAMES))
    def log_in(self, name: str) -> object:
        """Sign in, unless banned."""
        model, now = self.model[name], self.clock()
        if now < model.banned_until:
            assert self._answer(lambda: self.manager.login(self._subject(name))) == "banned"
            return multiple()
        tokens, pair = self.manager.login(self._subject(name)), self._draw()
        model.admit(tokens.sid, pair, now)
        return Held(name, tokens, pair, now + ABSOLUTE)

    @rule(it=held)
    def check(self, it: Held) -> None:
        """Use an access token, current or not."""
        self._check(it)

    @rule(it=held)
    def extend(self, it: Held) -> None:
        """Move the idle end."""
        self._use(it, lambda: self.manager.extend(it.tokens.access_token))

    @rule(it=held, key=st.sampled_from("xyz"), value=st.integers(0, 9))
    def save_data(self, it: Held, key: str, value: int) -> None:
        """Write one key of a session's data."""
        if self._use(it, lambda: self.manager.authenticate(it.tokens.access_token)):
            assert self.manager.save_data(self.manager.authenticate(it.tokens.access_token), {key: value})
            self.model[it.name].sessions[it.tokens.sid].data[key] = value

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
        expected = self.model[it.name].end([it.tokens.sid], reason, self.clock())
        if by == "id":
            ended = self.manager.revoke(self._subject(it.name), it.tokens.sid, "kicked")
        else:
            ended = self.manager.logout(
                it.tokens.access_token if by == "access token" else it.tokens.refresh_token or ""
            )
        assert ended.count == expected

    @rule(it=held, spare=st.booleans())
    def revoke_all(self, it: Held, *, spare: bool) -> None:
        """End all sessions, or all others."""
        model, kept = self.model[it.name], it.tokens.sid if spare else None
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

    @rule(seconds=st.sampled_from((1, 5, 9, 10, 11, 15, 16, 50, 99, 100, 300, 999, 2000)))
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
                assert (session.gen, session.ends, session.data or {}) == (
                    expected.pair.gen,
                    expected.ends,
                    expected.data,
                )
            ban = self.manager.ban_of(self._subject(name))
            assert (ban.until if ban else 0.0) == (model.banned_until if now < model.banned_until else 0.0)

    def _check(self, it: Held) -> None:
        self._use(it, lambda: self.manager.check(it.tokens.access_token))

    def _refresh(self, it: Held) -> object:
        """Refresh with a token of any age: a successor, the same pair, a fork, an adoption, or a theft."""
        model, now = self.model[it.name], self.clock()
        possible = model.refusals(it.tokens.sid, it.expires, now)
        brought = None
        if possible is None:
            brought = model.sessions[it.tokens.sid].refresh(it.pair, self._draw().access, now)
            possible = OK if brought else frozenset({"token_reused"})
        new: list[TokenPair] = []
        answer = self._answer(lambda: new.append(self.manager.refresh(it.tokens.refresh_token or "")))
        assert answer in possible, (answer, possible)
        if answer == "token_reused":
            model.end([it.tokens.sid], "reuse_detected", now)
        return multiple() if brought is None else Held(it.name, new[0], brought, it.expires)

    def _draw(self) -> Pair:
        """Return a first pair with a number of its own."""
        number = next(self._numbers)
        return Pair(0, number, number)

    def _subject(self, name: str) -> str:
        return f"{name}-{self._salt}"

    def _use(self, it: Held, work: Callable[[], object]) -> bool:
        """Do what needs an access token, and expect what the model does; return whether it was accepted."""
        model, now = self.model[it.name], self.clock()
        possible = model.answers(it.tokens.sid, it.pair, it.expires, now)
        answer = self._answer(work)
        assert answer in possible, (answer, possible)
        known = model.reason_of(it.tokens.sid) if answer == "session_ended" and now < it.expires else None
        assert known in (None, self._reason)
        if answer == "ok":
            model.sessions[it.tokens.sid].use(it.pair, now)
        return answer == "ok"

    def _answer(self, work: Callable[[], object]) -> str:
        """Return "ok" or the ``error``, and keep the reason."""
        try:
            work()
        except AuthError as error:
            self._reason = error.reason
            return error.error
        return "ok"
