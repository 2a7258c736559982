"""What holds after any sequence of rules, in any order, at any time."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_gosession.errors import AuthError
from flask_gosession.session.admit import admit
from flask_gosession.session.change import Change, kept_until, tidy
from flask_gosession.session.check import touch
from flask_gosession.session.confirm import confirm
from flask_gosession.session.data import merge_data
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Ban, UserInfo
from flask_gosession.session.revoke import ban, lift_ban, revoke
from flask_gosession.session.rotate import rotate
from flask_gosession.session.user import fill, forget

from .build import NOW, access, live, record, refresh, session, successor, verdict

CLIENTS = ("web", "ios", "tv")
POLICIES = st.builds(
    Policy,
    session_limit=st.integers(1, 4),
    client_limits=st.sampled_from([{}, {"web": 1, "*": 3}, {"web": 2, "ios": 1, "tv": 1}]),
    on_limit=st.sampled_from(["evict_oldest", "evict_idle", "refuse"]),
    rotation_grace=st.sampled_from([0.0, 50.0]),
    leeway=st.sampled_from([0.0, 10.0]),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["admit"] * 4
            + ["rotate"] * 4
            + ["touch", "confirm", "revoke", "others", "ban", "lift", "data", "fill"]
            + ["gone", "forget"]
        ),
        st.integers(0, 10_000),
        st.sampled_from([0.0, 1.0, 9.0, 11.0, 61.0, 400.0]),
    ),
    max_size=25,
)


@dataclass
class History:
    """A record on which rules are applied as the update loop applies them, and all that was ever issued for it."""

    policy: Policy
    now: float = NOW
    drawn: int = 0
    record: object = field(default_factory=record)
    issued: list = field(default_factory=list)
    dead: set = field(default_factory=set)

    def rule(self, name, number):
        """Return a rule of that name with its arguments drawn, ready to be applied once or twice."""
        self.drawn += 1
        draw = self.drawn
        sessions = self.record.sessions or (session(0),)
        picked = sessions[number % len(sessions)]
        tokens = [claims for claims in self.issued if claims.type.value == "refresh"] or [refresh(session(0))]
        new = session(
            draw, self.now, client=CLIENTS[number % 3], idle=(50.0, 500.0)[number % 2], expires=self.now + 900
        )
        info = UserInfo(self.now, self.now + 60, (b"one", b"two")[number % 2])
        version = self.record.user_version
        rules = {
            "admit": lambda found, now: admit(
                found, new, now, self.policy, presented=picked.id if number % 5 == 0 else None
            ),
            "rotate": lambda found, now: rotate(
                found, tokens[number % len(tokens)], successor(draw, 1), now, self.policy
            ),
            "touch": lambda found, now: touch(found, picked.id, picked.access, now),
            "confirm": lambda found, now: confirm(found, access(picked), successor(draw, 1), now, self.policy),
            "revoke": lambda found, now: revoke(found, lambda each: each.id == picked.id, "kicked", now),
            "others": lambda found, now: revoke(found, lambda each: each.id != picked.id, "revoked_all", now),
            "ban": lambda found, now: ban(found, Ban(self.now, self.now + 30), now),
            "lift": lambda found, now: lift_ban(found),
            "data": lambda found, now: merge_data(found, picked.id, {"k": draw}, now, 4096),
            "fill": lambda found, now: fill(found, info, version, now),
            "gone": lambda found, now: fill(found, replace(info, value=b""), version, now),
            "forget": lambda found, now: forget(found, draw, now),
        }
        return rules[name]

    def apply(self, rule, found):
        """Return the change of *rule*; what it refuses changes nothing."""
        try:
            return rule(found, self.now)
        except AuthError as error:
            return Change(found, error.error)

    def keep(self, change):
        """Store what the update loop would store."""
        before = {each.id for each in self.record.sessions}
        found = tidy(change.record, self.now) if change.record is not self.record else self.record
        self.record = found
        self.dead |= before - {each.id for each in found.sessions}
        for each in found.sessions:
            for claims in (access(each), refresh(each)):
                if claims not in self.issued:
                    self.issued.append(claims)

    def verdicts(self, found):
        """Return what every access token ever issued would be told."""
        known = [claims for claims in self.issued if claims.type.value == "access"]
        return [verdict(found, claims, self.now, self.policy) for claims in known]


def run(policy, steps):
    """Yield the history before each step is stored, with the change it brings and the rule behind it."""
    history = History(policy)
    for name, number, pause in steps:
        history.now += pause
        rule = history.rule(name, number)
        change = history.apply(rule, history.record)
        yield history, name, rule, change
        history.keep(change)


@given(POLICIES, STEPS)
def test_limit_is_held(policy, steps):
    """After any login the live sessions are within the limits, in all and of each class."""
    for history, name, _, change in run(policy, steps):
        if name != "admit" or change.record is history.record:
            continue
        alive = live(change.record, history.now)
        assert len(alive) <= policy.session_limit
        for client, limit in policy.client_limits.items():
            pool = [each for each in alive if (each.client if each.client in policy.client_limits else "*") == client]
            assert len(pool) <= limit


@given(POLICIES, STEPS)
def test_nothing_that_ended_returns(policy, steps):
    """REV-12: a session that left the record never comes back, whichever of its tokens is presented to which rule."""
    for history, _, _, change in run(policy, steps):
        assert not history.dead & {each.id for each in change.record.sessions}
        for claims in history.issued:
            if claims.sid in history.dead and claims.type.value == "access":
                assert verdict(change.record, claims, history.now, policy) != ("ok",)


@given(POLICIES, STEPS)
def test_every_rule_is_replay_safe(policy, steps):
    """A rule applied twice with the same arguments leaves what it left the first time, and ends nothing further."""
    for history, name, rule, change in run(policy, steps):
        again = history.apply(rule, change.record)
        # A refused reuse has ended the session; presenting the token again is refused for that reason.
        assert again.record == change.record, name
        assert not again.ended


@given(POLICIES, STEPS)
def test_no_part_outlives_the_record(policy, steps):
    """STO-05: the end of a record is never before the end of anything in it, and an empty one is empty indeed."""
    for history, _, _, change in run(policy, steps):
        found = change.record
        ends = [each.ends for each in found.sessions] + [stone.until for stone in found.ended]
        ends += [part.until for part in [found.ban] if part] + [part.expires for part in [found.user] if part]
        assert found.last_end == max([*ends, found.marker_until, 0.0])
        if kept_until(found) <= history.now:
            assert not live(found, history.now)


@given(POLICIES, STEPS)
def test_absolute_end_never_moves(policy, steps):
    """REV-04: no rule moves the absolute end of a session, or sees it used after that."""
    ends = {}
    for _, _, _, change in run(policy, steps):
        for each in change.record.sessions:
            assert ends.setdefault(each.id, each.expires) == each.expires
            assert each.ends <= each.expires


def _pairs(record):
    return [(session.access, session.refresh) for session in record.sessions]


@given(POLICIES, STEPS)
def test_announced_exactly_when_a_verdict_changed(policy, steps):
    """Other processes hear of a change when the answer to any token changed, and are left in peace when none did.

    Some rules change more than the verdict: a rotation brings a pair that was unknown, a confirmed session is fresh,
    new user info is another `current_user`. The first use of a successor is not pushed, whether an access or a refresh
    token shows it: like the end of the grace itself, it reaches other processes with the age of their verdicts.
    """
    for history, name, _, change in run(policy, steps):
        changed = history.verdicts(change.record) != history.verdicts(history.record)
        if name == "touch" and policy.overlap == 0:
            assert not change.announce
        elif change.record is history.record:
            assert not change.announce
            assert not changed
        elif name == "rotate":
            assert change.announce is (bool(change.ended) or _pairs(change.record) != _pairs(history.record))
        elif name in ("confirm", "forget", "ban", "lift"):
            assert change.announce
        elif name in ("fill", "gone"):
            before = history.record.user
            other = before is not None and before.value != change.record.user.value
            assert change.announce or not (changed or other)
            assert name == "gone" or change.announce is (changed or other)
        elif name in ("admit", "revoke", "others"):
            ended = bool(change.ended)
            assert change.announce is (changed or ended or history.record.user is not change.record.user)
        else:
            assert change.announce is changed


@given(POLICIES, STEPS)
def test_every_end_is_told_once(policy, steps):
    """A session that leaves the record by a rule is one fact of that change, and no session is two."""
    told = []
    for history, _, _, change in run(policy, steps):
        before = {each.id for each in history.record.sessions}
        left = before - {each.id for each in change.record.sessions}
        assert sorted(ended.session.id for ended in change.ended) == sorted(left)
        told += left
    assert len(told) == len(set(told))


@given(POLICIES, STEPS)
def test_tidying_changes_no_live_verdict(policy, steps):
    """What is dropped as long over changes no answer of `ok`, and no reason that somebody gave."""
    for history, _, _, change in run(policy, steps):
        before, after = history.verdicts(change.record), history.verdicts(tidy(change.record, history.now))
        for old, new in zip(before, after, strict=True):
            assert (old == ("ok",)) is (new == ("ok",))
            if old[0] == "session_idle":
                assert new[0] in ("session_idle", "session_ended")
