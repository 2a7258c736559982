"""A session that a host ahead has noted as run out, and that lives on: its end is told and announced all the same."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flask_gosession.session.admit import admit
from flask_gosession.session.adopt import MOST_ADOPTED, adopt
from flask_gosession.session.change import Change, notice_run_out
from flask_gosession.session.check import touch
from flask_gosession.session.confirm import confirm
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Ban
from flask_gosession.session.revoke import ban, delete_whole_record, revoke
from flask_gosession.session.rotate import rotate
from flask_gosession.session.second import resume

from .build import DAY, NOW, POLICY, access, id_of, record, refresh, session, successor

NOTED = session(1, told_over=True, again_until=NOW + DAY, second=id_of("s"))
OVER = NOTED.ends + 1


def kick(now):
    return revoke(record(NOTED), lambda _: True, "kicked", now)


def ban_them(now):
    return ban(record(NOTED), Ban(now, now + DAY), now)


def evict(now):
    return admit(record(NOTED), session(2, now), now, Policy(session_limit=1))


def sign_in_again(now):
    return admit(record(NOTED), session(2, now), now, POLICY, presented=NOTED.id)


def adopt_one_more(now):
    others = [session(number, now, again_until=now + DAY) for number in range(2, MOST_ADOPTED + 1)]
    return adopt(record(NOTED, *others), session(99, now, again_until=now + DAY), now)


def steal(now):
    used = replace(NOTED, parent_refresh=id_of("parent"), rotated_at=NOW - DAY, used_at=NOW - DAY)
    return rotate(record(used), refresh(used, jti=used.parent_refresh), successor(1, 1), now, POLICY)


ENDS = [kick, ban_them, evict, sign_in_again, adopt_one_more]


@pytest.mark.parametrize("end", [*ENDS, steal])
def test_the_end_of_a_live_session_is_told_and_announced(end):
    """Whoever ends it, and wherever: all processes hear of it, and the app."""
    change = end(NOW + 1)
    assert [ended.session.id for ended in change.ended] == [NOTED.id]
    assert change.announce


@pytest.mark.parametrize("end", ENDS)
def test_a_host_ahead_announces_the_end_of_what_is_live_elsewhere(end):
    """To the host that ends it, it was over and told of; to others it was live, and they must hear of it."""
    change = end(OVER)
    assert (change.record.session(NOTED.id), change.ended, change.announce) == (None, (), True)


def test_a_full_store_keeps_no_live_session():
    """Where the revocation has no room, the record goes as a whole."""
    assert delete_whole_record(record(NOTED), kick(NOW + 1), NOW + 1)


@pytest.mark.parametrize(
    "use",
    [
        lambda now: touch(record(NOTED), NOTED.id, NOTED.access, now),
        lambda now: rotate(record(NOTED), refresh(NOTED), successor(1, 1), now, POLICY),
        lambda now: confirm(record(NOTED), access(NOTED), successor(1, 1), now, POLICY),
        lambda now: resume(record(NOTED), access(NOTED, jti=NOTED.second), now),
    ],
    ids=["touch", "rotate", "confirm", "resume"],
)
def test_after_a_use_its_end_is_told_anew(use):
    """It was told of too early: when it does run out, that is told."""
    found = use(NOW + 60).record
    over = notice_run_out(Change(found, None), found.sessions[0].ends)
    assert [(ended.session.id, ended.reason) for ended in over.run_out] == [(NOTED.id, "idle")]


def test_an_absolute_end_is_told_once():
    """A use that makes the session no longer leaves the note where it is."""
    noted = replace(NOTED, idle=60 * DAY)
    found = touch(record(noted), noted.id, noted.access, NOW + 60).record
    assert notice_run_out(Change(found, None), noted.expires).run_out == ()
