"""Whatever happens in whatever order: the limit holds, the dead stay dead, and a step is at most two trips."""

from __future__ import annotations

import secrets

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AuthError
from flask_gosession.session.policy import Policy
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

CLASSES = st.sampled_from(["web", "ios", "tv"])
STEPS = st.one_of(
    st.tuples(st.just("login"), CLASSES),
    st.tuples(st.sampled_from(["check", "refresh", "logout"]), st.integers(0, 30)),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 600, 4000])),
    st.tuples(st.just("revoke_all"), st.none()),
)
SUBJECTS = st.sampled_from(["ada", "a_b", "}:{", "é\n/..", "x" * 255])
POLICIES = st.builds(
    Policy,
    session_limit=st.integers(1, 3),
    client_limits=st.sampled_from([{}, {"web": 1, "*": 2}]),
    on_limit=st.sampled_from(["evict_oldest", "evict_idle"]),
    idle_timeout=st.just(3600.0),
    absolute_timeout=st.just(7200.0),
)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(subject=SUBJECTS, policy=POLICIES, steps=st.lists(STEPS, max_size=25))
def test_limits_and_trips_hold_in_any_history(any_store, codec, subject, policy, steps):
    """Over any store: never more live sessions than allowed, none revived, and no step of more than two trips."""
    store, clock = FaultyStore(any_store), FakeClock()
    manager = SessionManager(store, codec, policy, clock=clock)
    subject = f"{subject[:240]}{secrets.token_hex(4)}"
    pairs, dead = [], set()
    for verb, argument in steps:
        lived = {session.sid for session in manager.sessions(subject)}
        before = len(store.calls)
        step(manager, clock, subject, pairs, verb, argument)
        assert len(store.calls) - before <= 2
        live = manager.sessions(subject)
        sids = {session.sid for session in live}
        dead |= lived - sids
        assert not dead & sids
        assert len(live) <= policy.session_limit
        for kind, limit in policy.client_limits.items():
            named = policy.client_limits.keys() - {"*"}
            assert sum(s.client == kind or (kind == "*" and s.client not in named) for s in live) <= limit
        if verb == "login":
            assert pairs[-1].sid in sids


def step(manager, clock, subject, pairs, verb, argument):
    """Do one step of a history; being refused is part of it."""
    if verb == "login":
        pairs.append(manager.login(subject, client=argument))
    elif verb == "wait":
        clock.advance(argument)
    elif verb == "revoke_all":
        manager.revoke_all(subject)
    elif pairs:
        pair = pairs[argument % len(pairs)]
        token = pair.refresh_token if verb == "refresh" else pair.access_token
        try:
            outcome = getattr(manager, verb)(token)
        except AuthError:
            return
        if verb == "refresh":
            pairs.append(outcome)
