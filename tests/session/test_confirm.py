"""A re-authentication makes the session fresh by a new pair: what was copied before never becomes fresh."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flask_gosession.errors import SessionEnded, TokenRotated
from flask_gosession.session.check import authenticated_by, check, is_outdated, touch
from flask_gosession.session.confirm import confirm
from flask_gosession.session.device import Device
from flask_gosession.session.rotate import Answer, rotate

from .build import DAY, NOW, POLICY, access, record, refresh, rotated, session, successor, verdict

ONE = session(1)
NEXT = successor(1, 9)
OVERLAP = POLICY.overlap
CONFIRMED = confirm(record(ONE), access(ONE), NEXT, NOW + 5, POLICY)


def test_new_pair_has_no_parent_and_is_fresh():
    """New ids, one generation on, no parent to come back to; nothing but the idle end moves."""
    pair = NEXT.after(None)
    expected = replace(
        ONE,
        access=pair.access,
        refresh=pair.refresh,
        gen=1,
        authenticated=NOW + 5,
        seen=NOW + 5,
        parent_access=ONE.access,
        rotated_at=NOW + 5,
    )
    assert (CONFIRMED.record.sessions, CONFIRMED.result, CONFIRMED.announce) == ((expected,), expected, True)
    assert authenticated_by(expected, access(expected)) == NOW + 5
    assert not is_outdated(expected, expected.access)


def test_presented_token_stays_good_until_the_overlap_after_first_use():
    """What the request was sent with is good while the new pair is unused, and an overlap longer."""
    assert verdict(CONFIRMED.record, access(ONE), NOW + DAY) == ("ok",)
    used = touch(CONFIRMED.record, ONE.id, CONFIRMED.result.access, NOW + DAY).record
    assert verdict(used, access(ONE), NOW + DAY + OVERLAP - 0.001) == ("ok",)
    assert verdict(used, access(ONE), NOW + DAY + OVERLAP)[0] == "token_rotated"


def test_stolen_copy_does_not_become_fresh():
    """LIF-03: the copy of an access token knows nothing of the credentials that were shown after it was made."""
    stolen = access(ONE, auth_time=int(NOW))
    found = check(CONFIRMED.record, stolen, NOW + 6, POLICY)
    assert is_outdated(found, stolen.jti)
    assert authenticated_by(found, stolen) == NOW


def test_copy_stays_outdated_however_often_the_credentials_are_shown():
    """Confirmed again with the new token, the first one is not good at all."""
    again = confirm(CONFIRMED.record, access(CONFIRMED.result), successor(1, 10), NOW + 6, POLICY)
    assert verdict(again.record, access(ONE), NOW + 6)[0] == "token_rotated"
    assert is_outdated(again.result, CONFIRMED.result.access)


def test_lost_answer_can_be_repeated():
    """Where the answer was lost, the same access token confirms again, and is still the one that stays good."""
    again = confirm(CONFIRMED.record, access(ONE), successor(1, 10), NOW + 30, POLICY)
    assert again.result.parent_access == ONE.access
    assert (again.result.gen, again.result.authenticated) == (2, NOW + 30)
    assert verdict(again.record, access(CONFIRMED.result), NOW + 30)[0] == "token_rotated"


def test_lost_answer_of_the_store_is_looked_up():
    """Done again with the same draw, it changes nothing further."""
    again = confirm(CONFIRMED.record, access(ONE), NEXT, NOW + 6, POLICY)
    assert (again.record, again.result) == (CONFIRMED.record, CONFIRMED.result)


def test_rotation_forgets_what_was_before():
    """The next rotation takes the fresh pair for the parent, which is then fresh like its successor."""
    found = rotated(CONFIRMED.record, NOW + 5 + OVERLAP)
    assert not is_outdated(found.sessions[0], CONFIRMED.result.access)
    assert verdict(found, access(ONE), NOW + 5 + OVERLAP)[0] == "token_rotated"


def test_refresh_within_the_overlap_brings_the_new_pair_again():
    """The new refresh token behaves as after a rotation: young, it brings its own pair."""
    change = rotate(CONFIRMED.record, refresh(CONFIRMED.result), successor(1, 10), NOW + 6, POLICY)
    assert change.result.answer is Answer.AGAIN


def test_session_is_bound_to_where_the_credentials_were_shown():
    """From then on the session's device is the one of this request, where that is known."""
    here = Device("203.0.113.7", "Firefox", "Firefox on Linux")
    bound = confirm(record(ONE), access(ONE), successor(1, 9, device=here), NOW, POLICY).result
    assert (bound.ip, bound.agent, bound.label, bound.pair_from) == (here.ip, here.agent, here.label, None)


def test_it_needs_a_live_session_and_a_good_token():
    """REV-12: what has ended, or was superseded, cannot be made fresh."""
    with pytest.raises(SessionEnded):
        confirm(record(), access(ONE), NEXT, NOW, POLICY)
    with pytest.raises(TokenRotated):
        confirm(record(ONE), access(ONE, jti=b"other"), NEXT, NOW, POLICY)
