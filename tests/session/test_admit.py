"""Who may come in, and who has to leave for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_gosession.errors import Banned, SessionLimit
from flask_gosession.session.admit import admit
from flask_gosession.session.change import KEPT_AFTER_END, tidy
from flask_gosession.session.check import touch
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Ban, UserInfo
from flask_gosession.session.revoke import revoke
from flask_gosession.session.user import fill

from .build import BEHIND, DAY, NOW, POLICY, access, live, record, session, sids, verdict

PER_CLASS = Policy(client_limits={"web": 1, "ios": 1, "*": 5})


def admit_all(*newcomers, policy=POLICY, at=NOW):
    """Log *newcomers* in, one a second, and return the record."""
    found = record()
    for second, new in enumerate(newcomers):
        found = admit(found, new, at + second, policy).record
    return found


@pytest.mark.parametrize("limit", [1, 2, 5, 50])
def test_limit_keeps_the_newest(limit):
    """However many log in, the newest `limit` sessions are left."""
    found = admit_all(*map(session, range(limit + 3)), policy=Policy(session_limit=limit))
    assert sids(found) == list(range(3, limit + 3))


def test_single_login_names_who_ended_the_older():
    """With limit 1 the older session ends as evicted, with the time and the class of the newcomer."""
    change = admit(record(session(1)), session(2, client="ios"), NOW + 5, POLICY, limit=1)
    assert [(ended.session.id, ended.reason) for ended in change.ended] == [(session(1).id, "evicted")]
    assert change.announce
    assert verdict(change.record, access(session(1)), NOW + 6)[:4] == ("session_ended", "evicted", NOW + 5, "ios")


def test_room_left_evicts_and_announces_nothing():
    """A login that takes nobody's place ends no session, and no other process needs to hear of it."""
    change = admit(record(session(1)), session(2), NOW, POLICY)
    assert (sids(change.record), change.ended, change.announce) == ([1, 2], (), False)


@pytest.mark.parametrize(
    ("there", "newcomer", "left"),
    [
        pytest.param(["web"], "web", [9], id="one web login"),
        pytest.param(["web"], "ios", [0, 9], id="a phone beside it"),
        pytest.param(["web", "ios"], "ios", [0, 9], id="only the own class is evicted"),
        pytest.param(["tv", "car", "tv", "car"], "tv", [0, 1, 2, 3, 9], id="unlisted classes have room for five"),
        pytest.param(["tv", "car", "tv", "car", "tv"], "fridge", [1, 2, 3, 4, 9], id="unlisted classes share a pool"),
        pytest.param(["web", "tv", "tv", "tv", "tv"], "tv", [0, 1, 2, 3, 4, 9], id="listed ones are not in that pool"),
    ],
)
def test_class_limits(there, newcomer, left):
    """Each listed client class has its own limit, and all others share that of the star."""
    found = record(*(session(number, client=client) for number, client in enumerate(there)))
    assert sids(admit(found, session(9, client=newcomer), NOW, PER_CLASS).record) == left


def test_class_and_total_limit_hold_together():
    """Where the class is full and the total too, the one who leaves for the class also makes room in the total."""
    policy = Policy(session_limit=2, client_limits={"web": 1, "*": 5})
    found = record(session(1, client="tv"), session(2, client="web"))
    assert sids(admit(found, session(3, client="web"), NOW, policy).record) == [1, 3]
    assert sids(admit(found, session(3, client="tv"), NOW, policy).record) == [2, 3]


def test_unlisted_class_without_star_is_refused():
    """Without a star, a class that is not listed may not sign in."""
    with pytest.raises(SessionLimit, match="kind of client"):
        admit(record(), session(1, client="tv"), NOW, Policy(client_limits={"web": 1}))


@pytest.mark.parametrize(("on_limit", "left"), [("evict_oldest", [2, 3]), ("evict_idle", [1, 3])])
def test_who_is_evicted(on_limit, left):
    """Evict the first who came, or the one who was longest away."""
    found = record(session(1, seen=NOW + 60), session(2, seen=NOW + 30))
    policy = Policy(session_limit=2, on_limit=on_limit)
    assert sids(admit(found, session(3), NOW + 90, policy).record) == left


def test_the_unused_make_room_first():
    """On request, a session that was never used makes room before any that was, however long that one was away."""
    found = record(session(1, seen=NOW + 30), session(2, NOW + 60), session(3, seen=NOW + 40))
    policy = Policy(session_limit=3, on_limit="evict_idle", unused_first=True)
    without_unused = admit(found, session(4, seen=NOW + 90), NOW + 90, policy).record
    assert sids(without_unused) == [1, 3, 4]
    assert sids(admit(without_unused, session(5), NOW + 90, policy).record) == [3, 4, 5]


def test_refuse_leaves_everything_as_it_was():
    """Where the policy is to refuse, the newcomer gets 409 session_limit."""
    with pytest.raises(SessionLimit) as refusal:
        admit(record(session(1)), session(2), NOW, Policy(session_limit=1, on_limit="refuse"))
    assert (refusal.value.code, refusal.value.error) == (409, "session_limit")


@pytest.mark.parametrize("on_limit", ["evict_oldest", "evict_idle", "refuse"])
def test_limit_of_zero_lets_nobody_in(on_limit):
    """Nobody can be evicted to make room where there is none."""
    with pytest.raises(SessionLimit):
        admit(record(), session(1), NOW, Policy(session_limit=0, on_limit=on_limit))


def test_login_overrides_limit_and_choice():
    """One login may bring its own limit and its own choice of what happens at it."""
    found = record(session(1), session(2), session(3))
    assert sids(admit(found, session(4), NOW, POLICY, limit=1).record) == [4]
    with pytest.raises(SessionLimit):
        admit(found, session(4), NOW, POLICY, limit=3, on_limit="refuse")
    strict = Policy(session_limit=1, on_limit="refuse")
    assert sids(admit(found, session(4), NOW, strict, limit=4).record) == [1, 2, 3, 4]


def test_banned_subject_stays_out():
    """A ban in force refuses the login with its evidence; one that is over does not."""
    found = record(ban=Ban(NOW, NOW + 60, "spam", "Write to us."))
    with pytest.raises(Banned) as refusal:
        admit(found, session(1), NOW + 59, POLICY)
    assert (refusal.value.reason, refusal.value.until, refusal.value.message) == ("spam", NOW + 60, "Write to us.")
    assert sids(admit(found, session(1), NOW + 60, POLICY).record) == [1]


def test_presented_session_ends():
    """REV-05: the session that a login was presented with ends as logged out, and makes room."""
    strict = Policy(session_limit=1, on_limit="refuse")
    change = admit(record(session(1)), session(2), NOW + 1, strict, presented=session(1).id)
    assert sids(change.record) == [2]
    assert [ended.reason for ended in change.ended] == ["logged_out"]


def test_presented_session_of_nobody_is_ignored():
    """REV-05: a session id that the client made up ends nothing and is not adopted."""
    change = admit(record(session(1)), session(2), NOW, POLICY, presented=b"invented")
    assert (sids(change.record), change.ended) == ([1, 2], ())


def test_login_again_is_the_same_login():
    """A login whose answer was lost and that is tried again leaves one session and evicts nobody twice."""
    once = admit(record(session(1)), session(2), NOW, POLICY, limit=1)
    twice = admit(once.record, session(2), NOW, POLICY, limit=1)
    assert (twice.record, twice.ended) == (once.record, ())


def test_expired_sessions_do_not_count():
    """A session that is over takes nobody's place, whatever the policy at the limit."""
    over = session(1, at=NOW - 8 * DAY)
    assert sids(admit(record(over), session(2), NOW, Policy(session_limit=1, on_limit="refuse")).record) == [2]
    two = Policy(session_limit=2)
    assert sids(admit(record(session(3), over), session(2), NOW, two).record) == [3, 2]


def test_fast_clock_destroys_nothing():
    """A host whose clock is up to five minutes ahead admits beside sessions that are over to it, and keeps them."""
    short = session(1, idle=60.0)
    fast = NOW + 60 + KEPT_AFTER_END - 1
    kept = tidy(admit(record(short), session(2, fast), fast, POLICY).record, fast)
    assert sids(kept) == [1, 2]
    assert verdict(kept, access(short), NOW + 30) == ("ok",)


def test_five_minutes_after_its_end_a_session_goes():
    """After five minutes the record forgets an idle session, and only the reason is left."""
    gone = tidy(record(session(1, idle=60.0), session(2)), NOW + 60 + KEPT_AFTER_END)
    assert sids(gone) == [2]
    assert verdict(gone, access(session(1)), NOW + 400)[:3] == ("session_idle", "idle", NOW + 60)


def test_single_login_holds_between_two_clocks():
    """A session that is over by a fast clock only is not left to live beside the login that this clock let in."""
    short, fast, slow = session(1, idle=60.0), NOW + 61, NOW + 59
    found = tidy(admit(record(short), session(2, fast), fast, POLICY, limit=1).record, fast)
    found = touch(found, short.id, short.access, slow).record
    assert [each.id for each in live(found, slow)] == [session(2).id]


@given(ends=st.lists(st.integers(-200, 200), max_size=8), limit=st.integers(1, 4), skew=st.integers(-100, 100))
def test_no_clock_sees_more_than_the_limit(ends, limit, skew):
    """After a login, no host counts more live sessions than the limit, whatever its clock says."""
    there = [session(number, expires=NOW + end) for number, end in enumerate(ends)]
    found = admit(record(*there), session(99), NOW, POLICY, limit=limit).record
    assert len(live(found, NOW + skew)) <= limit
    fair = sum(each.expires > NOW for each in there)
    assert len(live(found, NOW)) == min(fair + 1, limit)


def test_impersonated_sessions_are_not_the_persons_own():
    """An impersonated session neither evicts the person's own nor is evicted by it."""
    own, acted = session(1), session(2, actor=BEHIND)
    assert sids(admit(record(own), acted, NOW, POLICY, limit=1).record) == [1, 2]
    assert sids(admit(record(acted), own, NOW, POLICY, limit=1).record) == [2, 1]
    assert sids(admit(record(own, acted), session(3, actor=BEHIND), NOW, POLICY, limit=1).record) == [1, 3]


def test_login_forgets_that_the_user_was_gone():
    """Somebody whose account came back can sign in: the cached "no such user" goes, and other processes hear of it."""
    change = admit(record(user=UserInfo(NOW, NOW + 300, b"")), session(1), NOW + 1, POLICY)
    assert (change.record.user, change.announce) == (None, True)
    assert verdict(change.record, access(session(1)), NOW + 2) == ("ok",)


def test_login_keeps_cached_user_info():
    """What is known about the user stays known."""
    info = UserInfo(NOW, NOW + 300, b"\x80")
    assert admit(record(user=info), session(1), NOW, POLICY).record.user == info


def test_slow_loader_cannot_sign_out_a_new_login():
    """A load that began before the login, and found nobody, is not written over it."""
    before = record(session(1))
    admitted = admit(before, session(2), NOW + 1, POLICY).record
    late = fill(admitted, UserInfo(NOW, NOW + 300, b""), before.user_version, NOW + 2)
    assert late.record is admitted


def test_admitted_after_revocation_of_others():
    """A tombstone of an earlier session does not stand in the way of a new one."""
    ended = revoke(record(session(1)), lambda _: True, "kicked", NOW).record
    again = admit(ended, session(2), NOW + 1, POLICY).record
    assert verdict(again, access(session(2)), NOW + 2) == ("ok",)
    assert verdict(again, access(session(1)), NOW + 2)[:2] == ("session_ended", "kicked")


def test_classes_count_only_what_is_live():
    """A class pool, like the total, does not count what is over."""
    over = replace(session(1), expires=NOW - 1)
    policy = Policy(client_limits={"web": 1}, on_limit="refuse")
    assert sids(admit(record(over), session(2), NOW, policy).record) == [2]
