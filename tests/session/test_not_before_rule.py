"""The mark of a subject: logins with credentials from before it are refused, and nothing else is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flask_gosession.errors import Banned, SessionEnded
from flask_gosession.session.admit import admit
from flask_gosession.session.change import Change, tidy
from flask_gosession.session.not_before import marked
from flask_gosession.session.record import Ban, NotBefore
from flask_gosession.session.revoke import delete_whole_record, revoke

from .build import BEHIND, DAY, NOW, POLICY, access, record, session, verdict

MARK = NotBefore(NOW, NOW + 180 * DAY, "password_changed")
MARKED = record(session(1, NOW - 50), not_before=MARK)


def came_in(found, new, **options):
    """Return the sessions after a login at the mark's own moment, or the refusal."""
    return admit(found, new, NOW + 1, POLICY, **options).record.sessions


def test_earlier_credentials_are_refused():
    """LIF-05: a login whose credentials were seen before the mark gets the reason of the mark, and leaves no trace."""
    with pytest.raises(SessionEnded) as refused:
        came_in(MARKED, session(2, NOW + 1, authenticated=NOW - 0.001))
    assert (refused.value.reason, refused.value.at) == ("password_changed", NOW)
    assert "password was changed" in refused.value.message


def test_the_record_is_kept_for_it():
    """By the marker, too, which is all that a release without marks keeps a record for; and never more shortly."""
    assert marked(Change(record(), None), MARK).record.marker_until == MARK.until
    later = record(marker_until=MARK.until + 1)
    assert marked(Change(later, None), MARK).record.marker_until == MARK.until + 1


@pytest.mark.parametrize("later", [0.0, 0.5])
def test_credentials_from_then_on_come_in(later):
    """Those that were seen at the mark or after it do."""
    assert len(came_in(MARKED, session(2, NOW + 1, authenticated=NOW + later))) == 2


def test_the_message_of_the_mark_is_told():
    """Where the app said something to the person, that is what they read."""
    found = replace(MARKED, not_before=replace(MARK, message="Call us."))
    with pytest.raises(SessionEnded, match="Call us"):
        came_in(found, session(2, authenticated=NOW - 1))


def test_a_reason_of_a_newer_version_refuses_too():
    """A mark whose reason only a newer version knows is as strict."""
    with pytest.raises(SessionEnded) as refused:
        came_in(replace(MARKED, not_before=replace(MARK, reason="moved")), session(2, authenticated=NOW - 1))
    assert refused.value.reason == "moved"


def test_a_ban_is_told_first():
    """Who is banned hears of the ban, not of the mark that came with it."""
    with pytest.raises(Banned):
        came_in(replace(MARKED, ban=Ban(NOW, NOW + 99)), session(2, authenticated=NOW - 1))


def test_a_live_session_may_be_continued():
    """A login that goes on with a live session of the subject may be from before the mark, even as that one ends."""
    early = session(2, authenticated=NOW - 1)
    assert len(came_in(MARKED, early, continues=session(1).id)) == 2
    assert came_in(MARKED, early, continues=session(1).id, presented=session(1).id) == (early,)


@pytest.mark.parametrize(
    "found",
    [
        record(not_before=MARK),
        record(session(1, NOW - 8 * DAY), not_before=MARK),
        record(session(1, actor=BEHIND), not_before=MARK),
    ],
    ids=["gone", "over", "of somebody who acts for them"],
)
def test_no_other_session_can_be_continued(found):
    """One that has ended, or in which somebody else acts, opens no way past the mark."""
    with pytest.raises(SessionEnded):
        came_in(found, session(2, authenticated=NOW - 1), continues=session(1).id)


def test_a_login_that_came_in_is_not_refused_when_it_is_tried_again():
    """A write whose answer was lost may be repeated after a mark that spared its session."""
    early = session(2, authenticated=NOW - 1)
    assert came_in(record(early, not_before=MARK), early) == (early,)


def test_checks_go_by_the_session_alone():
    """A session that the mark has spared stays what it was, however old its credentials."""
    assert verdict(MARKED, access(session(1)), NOW + 1) == ("ok",)


def test_the_later_mark_stays():
    """A mark by a clock that is behind takes nothing back, and the time for which both are kept is the longer."""
    behind = NotBefore(NOW - 9, NOW + 200 * DAY, "revoked_all")
    change = marked(Change(MARKED, None), behind)
    assert change.record.not_before == change.marked == replace(MARK, until=NOW + 200 * DAY)
    ahead = replace(MARK, at=NOW + 9, reason="revoked_all")
    assert marked(Change(MARKED, None), ahead).record.not_before == ahead


def test_the_same_mark_again_is_no_change():
    """Setting the mark that is there writes nothing."""
    assert marked(Change(MARKED, None), MARK).record is MARKED


def test_the_mark_goes_with_its_time():
    """It is dropped when its time is over, a day later for slow clocks, and counts no more from its end on."""
    over = NOW + 180 * DAY
    assert tidy(MARKED, over + DAY - 1).not_before == MARK
    assert tidy(MARKED, over + DAY).not_before is None
    assert admit(MARKED, session(2, over, authenticated=NOW - 1), over, POLICY).result.id == session(2).id


def test_a_mark_in_force_is_never_dropped_for_room():
    """On a full store a record with a mark is not deleted to end a session; one that the change brings may be lost."""
    change = revoke(MARKED, lambda _: True, "revoked_all", NOW + 1)
    assert delete_whole_record(MARKED, change, NOW + 1) is None
    assert delete_whole_record(MARKED, change, MARK.until) is not None
    fresh = record(session(1))
    dropped = delete_whole_record(fresh, marked(revoke(fresh, lambda _: True, "kicked", NOW + 1), MARK), NOW + 1)
    assert dropped is not None
    assert (dropped.record.not_before, dropped.marked) == (None, None)
