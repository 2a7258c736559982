"""Ends: one session, several, all; bans; and what is remembered about them."""

from __future__ import annotations

import msgspec
import pytest

from flask_gosession.errors import REASON_MESSAGES, Banned, SessionEnded
from flask_gosession.session.admit import admit
from flask_gosession.session.change import KEPT_AFTER_END, TOMBSTONE_LIFETIME, TOMBSTONES, kept_until, tidy
from flask_gosession.session.check import check
from flask_gosession.session.record import Ban, Tombstone
from flask_gosession.session.revoke import LONGEST_BAN, ban, lift_ban, revoke

from .build import DAY, NOW, POLICY, access, id_of, record, session, sids, verdict

WEB, PHONE, OTHER_WEB = session(1), session(2, client="ios"), session(3)
THREE = record(WEB, PHONE, OTHER_WEB)


def everyone(_session):
    """Pick every session."""
    return True


@pytest.mark.parametrize(
    ("doomed", "left"),
    [
        pytest.param(lambda each: each.id == WEB.id, [2, 3], id="one"),
        pytest.param(everyone, [], id="all"),
        pytest.param(lambda each: each.id != WEB.id, [1], id="all others"),
        pytest.param(lambda each: each.client == "web", [2], id="one class"),
        pytest.param(lambda each: each.id == b"nobody's", [1, 2, 3], id="none"),
    ],
)
def test_who_is_revoked(doomed, left):
    """REV-02: one, all, all others or a client class, and the true count comes back."""
    change = revoke(THREE, doomed, "kicked", NOW)
    assert sids(change.record) == left
    assert change.result == len(change.ended) == 3 - len(left)
    assert change.announce is (len(left) < 3)
    assert {ended.reason for ended in change.ended} <= {"kicked"}


def test_count_is_of_live_sessions():
    """REV-02: a session that was over by itself is not counted as ended by this."""
    assert revoke(record(WEB, session(2, idle=1.0)), everyone, "kicked", NOW + 1).result == 1


def test_revoking_again_is_nothing():
    """REV-07: doing it again ends nothing, announces nothing and leaves the first reason."""
    once = revoke(THREE, everyone, "kicked", NOW).record
    again = revoke(once, everyone, "logged_out", NOW + 1)
    assert (again.record is once, again.result, again.announce) == (True, 0, False)
    assert verdict(again.record, access(WEB), NOW + 2)[1] == "kicked"


@pytest.mark.parametrize("reason", [reason for reason in REASON_MESSAGES if reason != "idle"])
def test_reason_reaches_the_holder(reason):
    """REV-01: whoever comes back is told the reason, when, by which client, and a sentence."""
    ended = revoke(THREE, everyone, reason, NOW, client="ios").record
    assert verdict(ended, access(WEB), NOW) == ("session_ended", reason, NOW, "ios", REASON_MESSAGES[reason])


def test_message_for_the_person():
    """A revocation may carry its own sentence for the person."""
    ended = revoke(THREE, everyone, "kicked", NOW, message="Please call us.").record
    assert verdict(ended, access(WEB), NOW)[4] == "Please call us."


def test_newest_sixteen_tombstones_stay():
    """Of fifty revoked sessions the sixteen that signed in last are remembered."""
    ended = revoke(record(*map(session, range(50))), everyone, "revoked_all", NOW).record.ended
    assert [stone.id for stone in ended] == [session(number).id for number in range(50 - TOMBSTONES, 50)]


def test_newer_tombstones_push_out_older():
    """The seventeenth end pushes out the first."""
    found = record(*map(session, range(20)))
    for number in range(20):
        one = session(number)
        found = revoke(found, lambda each, one=one: each.id == one.id, "kicked", NOW + number).record
    assert [stone.at for stone in found.ended] == [NOW + number for number in range(4, 20)]


def test_idling_out_pushes_out_no_other_reason():
    """Sessions that idled out while nobody looked leave the tombstones of evicted and kicked ones in place."""
    idle = [session(number, idle=60.0) for number in range(40)]
    found = revoke(record(*idle, session(99)), lambda each: each.id == session(99).id, "kicked", NOW).record
    later = tidy(found, NOW + DAY)
    assert verdict(later, access(session(99)), NOW + DAY)[1] == "kicked"
    assert verdict(later, access(idle[-1]), NOW + DAY)[:3] == ("session_idle", "idle", NOW + 60)
    assert len(later.ended) == TOMBSTONES


def test_expired_sessions_leave_no_tombstone():
    """A session past its absolute end needs no tombstone, and pushes out none."""
    over = [session(number, expires=NOW + 1) for number in range(20)]
    found = revoke(record(*over, session(99)), lambda each: each.id == session(99).id, "kicked", NOW).record
    assert [stone.reason for stone in tidy(found, NOW + DAY).ended] == ["kicked"]


@pytest.mark.parametrize(
    ("lifetime", "remembered"), [(DAY, DAY), (30 * DAY, TOMBSTONE_LIFETIME), (TOMBSTONE_LIFETIME, 7 * DAY)]
)
def test_tombstones_have_an_end(lifetime, remembered):
    """A tombstone stays until the session's own end, at most seven days."""
    ended = revoke(record(session(1, expires=NOW + lifetime)), everyone, "kicked", NOW).record
    assert ended.ended[0].until == NOW + remembered
    assert tidy(ended, NOW + remembered).ended
    assert not tidy(ended, NOW + remembered + KEPT_AFTER_END).ended
    assert kept_until(ended) <= NOW + remembered + KEPT_AFTER_END


@pytest.mark.parametrize("reason", REASON_MESSAGES)
def test_tombstone_is_small(reason):
    """A tombstone without a message takes at most eighty bytes."""
    stone = Tombstone(id_of("sid", 1), reason, NOW + 0.123, NOW + TOMBSTONE_LIFETIME + 0.123, "client-class-16c")
    assert len(msgspec.msgpack.encode(stone)) <= 80


def test_ban_ends_and_keeps_out():
    """A ban ends what is live with its message, and refuses checks and logins until its end."""
    change = ban(THREE, Ban(NOW, NOW + DAY, "spam", "Write to us."), NOW)
    assert (change.result, change.announce, sids(change.record)) == (3, True, [])
    assert {ended.reason for ended in change.ended} == {"banned"}
    for now in (NOW, NOW + DAY - 1):
        with pytest.raises(Banned):
            check(change.record, access(WEB), now, POLICY)
        with pytest.raises(Banned):
            admit(change.record, session(9), now, POLICY)


def test_ban_has_an_end():
    """At the end of a ban its sessions stay ended, with the ban as reason, and a login is let in."""
    banned = ban(THREE, Ban(NOW, NOW + DAY, "spam", "Write to us."), NOW).record
    with pytest.raises(SessionEnded) as refusal:
        check(banned, access(WEB), NOW + DAY, POLICY)
    assert (refusal.value.reason, refusal.value.message) == ("banned", "Write to us.")
    assert sids(admit(banned, session(9), NOW + DAY, POLICY).record) == [9]


def test_ban_again_replaces_the_first():
    """A second ban, longer or shorter, is the one that counts; the very same one is nothing new."""
    first, second = Ban(NOW, NOW + DAY), Ban(NOW + 1, NOW + 60, "appeal")
    once = ban(THREE, first, NOW)
    assert ban(once.record, second, NOW + 1).record.ban == second
    again = ban(once.record, first, NOW + 1)
    assert (again.record is once.record, again.result, again.announce) == (True, 0, False)


def test_lift_ban():
    """Lifting a ban lets the subject sign in again, revives nothing, and says whether there was one."""
    banned = ban(THREE, Ban(NOW, NOW + DAY), NOW).record
    change = lift_ban(banned)
    assert (change.result, change.announce, change.record.ban) == (True, True, None)
    assert verdict(change.record, access(WEB), NOW)[:2] == ("session_ended", "banned")
    assert sids(admit(change.record, session(9), NOW, POLICY).record) == [9]
    again = lift_ban(change.record)
    assert (again.result, again.announce, again.record is change.record) == (False, False, True)


def test_record_is_kept_as_long_as_its_ban():
    """A ban of ten years keeps the record for ten years, and not much longer."""
    banned = ban(record(), Ban(NOW, NOW + LONGEST_BAN), NOW).record
    assert banned.last_end == NOW + LONGEST_BAN
    assert tidy(banned, NOW + LONGEST_BAN - 1).ban
    assert tidy(banned, NOW + LONGEST_BAN + KEPT_AFTER_END).ban is None
