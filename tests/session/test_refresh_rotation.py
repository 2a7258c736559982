"""Without rotation one refresh token lasts as long as its session: it is answered with the pair it belongs to."""

from __future__ import annotations

import pytest

from flask_gosession.errors import SessionEnded, SessionExpired, SessionIdle, TokenReused, TokenRotated
from flask_gosession.session.policy import Policy
from flask_gosession.session.revoke import revoke
from flask_gosession.session.rotate import Answer, rotate

from .build import DAY, NOW, POLICY, access, record, refresh, rotated, session, successor, verdict

ONE = session(1, idle=10 * DAY)
KEPT = Policy(refresh_rotation=False)


def turn(found, claims, now, policy=KEPT):
    return rotate(found, claims, successor(1, 77), now, policy)


def test_the_same_pair_again_and_again():
    """Ids, generation and parents stay; only the use is written down."""
    found = record(ONE)
    for days in (1, 5, 14, 20):
        change = turn(found, refresh(ONE), NOW + days * DAY)
        found, after = change.record, change.result.session
        assert (change.result.answer, change.ended, change.announce) == (Answer.AGAIN, (), False)
        assert (after.access, after.refresh, after.gen, after.parent_refresh) == (ONE.access, ONE.refresh, 0, None)
        assert after.seen == NOW + days * DAY
    assert verdict(found, access(ONE), NOW + 21 * DAY) == ("ok",)


def test_a_use_is_written_once_an_interval():
    """Within the touch interval a refresh writes nothing at all."""
    found = record(ONE)
    assert turn(found, refresh(ONE), NOW + KEPT.touch_interval - 1).record is found
    assert turn(found, refresh(ONE), NOW + KEPT.touch_interval).record is not found


def test_by_default_it_rotates():
    """The rule is asked for by name: without it the same token rotates."""
    assert turn(record(ONE), refresh(ONE), NOW + DAY, POLICY).result.answer is Answer.ROTATED


@pytest.mark.parametrize(("days", "error"), [(10, SessionIdle), (30, SessionExpired)])
def test_it_ends_with_its_session(days, error):
    """REV-04, REV-12: neither the idle nor the absolute end is passed, and nothing that has ended comes back."""
    found = record(session(1, idle=40 * DAY if days == 30 else 10 * DAY))
    with pytest.raises(error):
        turn(found, refresh(ONE), NOW + days * DAY)
    with pytest.raises(SessionEnded):
        turn(revoke(found, lambda _: True, "kicked", NOW).record, refresh(ONE), NOW + DAY)


def test_what_it_gives_up():
    """REF-03: two holders of one token are both answered, for good: a theft is not noticed."""
    found = record(ONE)
    for hours in range(1, 200, 7):
        found = turn(found, refresh(ONE), NOW + hours * 3600).record
    assert found.session(ONE.id) is not None


def test_tokens_from_before_it_was_switched_off():
    """REF-03: a superseded token is answered as ever, so that a theft from before is still seen."""
    found = rotated(record(ONE), NOW)
    current = found.session(ONE.id)
    assert turn(found, refresh(current), NOW + DAY).result.answer is Answer.AGAIN
    assert turn(found, refresh(ONE), NOW + 10).result.answer is Answer.PARENT_AGAIN
    older = rotated(found, NOW + 2 * DAY)
    stolen = turn(older, refresh(ONE), NOW + 3 * DAY)
    assert (stolen.result.answer, type(stolen.refused)) == (Answer.THEFT, TokenReused)
    unknown = turn(found, refresh(current, jti=b"x" * 16, parent=b"y" * 16), NOW + DAY)
    assert (unknown.result.answer, type(unknown.refused)) == (Answer.REFUSED, TokenRotated)
