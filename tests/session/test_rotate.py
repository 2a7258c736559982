"""A refresh converges on one successor, and a proof of theft ends the session."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flask_gosession.errors import (
    Banned,
    SessionEnded,
    SessionExpired,
    SessionIdle,
    TokenReused,
    TokenRotated,
    UserNotFound,
)
from flask_gosession.session.check import check, touch
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Ban, UserInfo
from flask_gosession.session.revoke import revoke
from flask_gosession.session.rotate import Successor, renew_secret, rotate

from .build import DAY, NOW, POLICY, access, id_of, record, refresh, rotated, session, verdict

ONE = session(1)
GRACE = POLICY.rotation_grace
NEXT = Successor(id_of("a", 1, 1), id_of("r", 1, 1))
OTHER = Successor(id_of("a", 1, 77), id_of("r", 1, 77))
NO_GRACE = Policy(rotation_grace=0.0)
UNSEEN = Policy(unseen_use=True)


def used(found, at):
    """Return the record after the current access token of session 1 was used."""
    return touch(found, ONE.id, found.session(ONE.id).access, at).record


def fate(found, claims, now, policy=POLICY):
    """Return how a refresh ends: `new`, `same`, `rotated` or `reused`."""
    try:
        change = rotate(found, claims, OTHER, now, policy)
    except TokenRotated:
        return "rotated"
    if change.refused is not None:
        assert isinstance(change.refused, TokenReused)
        return "reused"
    return "new" if change.result.refresh == OTHER.refresh else "same"


def test_current_token_brings_a_new_pair():
    """REF-01: the current token rotates: new ids, one generation on, the old pair as parent."""
    change = rotate(record(session(2), ONE), refresh(ONE), NEXT, NOW + 60, POLICY)
    expected = replace(
        ONE,
        access=NEXT.access,
        refresh=NEXT.refresh,
        gen=1,
        parent_access=ONE.access,
        parent_refresh=ONE.refresh,
        rotated_at=NOW + 60,
        seen=NOW + 60,
    )
    assert change.record.sessions == (session(2), expected)
    assert (change.result, change.announce, change.ended, change.refused) == (expected, True, (), None)


def test_absolute_end_is_fixed_at_login():
    """REV-04: however often it is refreshed, the absolute end of the session stays."""
    found = record(ONE)
    for day in range(5, 30, 5):
        found = rotated(found, NOW + day * DAY)
        assert found.sessions[0].expires == ONE.expires
    with pytest.raises(SessionExpired):
        rotate(found, refresh(found.sessions[0]), OTHER, ONE.expires, POLICY)


def test_parent_gets_the_same_successor():
    """REF-03, REF-07: while the successor is unused, its parent brings it again, a month later too, unwritten."""
    found = rotated(record(session(1, idle=60 * DAY)), NOW)
    again = rotate(found, refresh(ONE), OTHER, NOW + 29 * DAY, POLICY)
    assert again.record is found
    assert again.result is found.sessions[0]
    assert not again.announce


@pytest.mark.parametrize(
    ("policy", "first_use", "asked_at", "outcome"),
    [
        pytest.param(POLICY, None, NOW + DAY, "same", id="unused"),
        pytest.param(POLICY, NOW + DAY, NOW + DAY + GRACE - 0.001, "same", id="inside the grace"),
        pytest.param(POLICY, NOW + DAY, NOW + DAY + GRACE, "reused", id="after the grace"),
        pytest.param(NO_GRACE, None, NOW + DAY, "same", id="no grace, unused"),
        pytest.param(NO_GRACE, NOW + 5, NOW + 5, "reused", id="no grace, used"),
        pytest.param(UNSEEN, None, NOW + GRACE - 0.001, "same", id="unseen, inside the grace"),
        pytest.param(UNSEEN, None, NOW + GRACE, "reused", id="unseen, after the grace, though unused"),
        pytest.param(UNSEEN, NOW + 9, NOW + GRACE, "reused", id="unseen, a seen use gives no more time"),
    ],
)
def test_parent(policy, first_use, asked_at, outcome):
    """REF-03: the direct parent is honoured until the grace after first use, or after rotation where use is unseen."""
    found = rotated(record(ONE), NOW)
    found = found if first_use is None else used(found, first_use)
    assert fate(found, refresh(ONE), asked_at, policy) == outcome


@pytest.mark.parametrize(
    ("policy", "first_use", "asked_at", "outcome"),
    [
        pytest.param(POLICY, None, NOW + DAY, "rotated", id="unused"),
        pytest.param(POLICY, NOW + DAY, NOW + DAY + GRACE - 0.001, "rotated", id="inside the grace"),
        pytest.param(POLICY, NOW + DAY, NOW + DAY + GRACE, "reused", id="after the grace"),
        pytest.param(NO_GRACE, None, NOW + DAY, "rotated", id="no grace, unused"),
        pytest.param(NO_GRACE, NOW + 5, NOW + 5, "reused", id="no grace, used"),
        pytest.param(UNSEEN, None, NOW + 1 + GRACE, "reused", id="unseen, after the grace"),
    ],
)
def test_older_than_the_parent(policy, first_use, asked_at, outcome):
    """REF-03: a grandparent never gets a pair: it is told to re-read, and is theft once the grace is over."""
    found = rotated(rotated(record(ONE), NOW), NOW + 1)
    found = found if first_use is None else used(found, first_use)
    assert fate(found, refresh(ONE), asked_at, policy) == outcome


def test_refresh_is_a_first_use_of_its_own():
    """The successor's own refresh ends its parent's time: that is a grandparent from then on."""
    found = rotated(rotated(record(ONE), NOW), NOW + 1)
    assert found.sessions[0].used_at is None
    assert fate(found, refresh(ONE), NOW + 1) == "rotated"


def test_each_rotation_waits_for_a_first_use_of_its_own():
    """REF-03, REF-07: the use of an earlier pair says nothing about the new one: its parent brings it again."""
    found = rotated(used(rotated(record(ONE), NOW), NOW), NOW + 60)
    parent = refresh(session(1), jti=found.sessions[0].parent_refresh, gen=1)
    assert fate(found, parent, NOW + DAY) == "same"


def test_theft_ends_the_session_once():
    """REF-03: reuse ends exactly this session, as one fact, with a tombstone, and says so to other processes."""
    found = used(rotated(record(ONE, session(2)), NOW), NOW)
    change = rotate(found, refresh(ONE), OTHER, NOW + 60, POLICY)
    assert change.record.sessions == (session(2),)
    assert [(ended.session.id, ended.reason) for ended in change.ended] == [(ONE.id, "reuse_detected")]
    assert change.announce
    assert change.refused.data["error"] == "token_reused"
    assert (change.refused.reason, change.refused.at) == ("reuse_detected", NOW + 60)
    for claims in (refresh(ONE), refresh(found.sessions[0])):
        with pytest.raises(SessionEnded) as refusal:
            rotate(change.record, claims, OTHER, NOW + 61, POLICY)
        assert (refusal.value.reason, refusal.value.at) == ("reuse_detected", NOW + 60)


@pytest.mark.parametrize("gen", [1, 2, 3, 99])
def test_lost_write_is_never_theft(gen):
    """REF-03: a token as new as the record or newer, by another id, comes from a write that the store has lost."""
    found = used(rotated(rotated(record(ONE), NOW), NOW), NOW)
    claims = refresh(ONE, jti=b"of a lost write", gen=gen)
    assert fate(found, claims, NOW + DAY) == "rotated"


def test_lost_first_rotation_is_never_theft():
    """REF-03: after a failover to the time before the first rotation the newer token is told to re-read."""
    assert fate(record(ONE), refresh(rotated(record(ONE), NOW).sessions[0]), NOW + DAY) == "rotated"


@pytest.mark.parametrize(
    ("found", "error"),
    [
        pytest.param(record(), SessionEnded, id="never issued"),
        pytest.param(revoke(record(ONE), lambda _: True, "logged_out", NOW).record, SessionEnded, id="logged out"),
        pytest.param(record(replace(ONE, expires=NOW)), SessionExpired, id="expired"),
        pytest.param(record(replace(ONE, idle=0.0)), SessionIdle, id="idle"),
        pytest.param(record(ONE, ban=Ban(NOW, NOW + 9)), Banned, id="banned"),
        pytest.param(record(ONE, user=UserInfo(NOW, NOW + 9, b"")), UserNotFound, id="user gone"),
    ],
)
def test_refresh_never_creates(found, error):
    """REV-12: a refresh asks all that a check asks, and never recreates what is gone."""
    with pytest.raises(error):
        rotate(found, refresh(ONE), NEXT, NOW, POLICY)
    with pytest.raises(error):
        renew_secret(found, access(ONE), b"new", NOW)


def test_access_token_does_not_refresh():
    """TOK-17: the ids of the two tokens are told apart in the record too."""
    assert fate(record(ONE), access(ONE), NOW) == "rotated"
    with pytest.raises(TokenRotated):
        check(record(ONE), refresh(ONE), NOW, POLICY)


def test_rotation_whose_result_is_there_is_a_success():
    """A rotation tried again after its answer was lost finds its own work, even where no grace is left."""
    once = rotate(record(ONE), refresh(ONE), NEXT, NOW, NO_GRACE)
    seen = used(once.record, NOW)
    again = rotate(seen, refresh(ONE), NEXT, NOW + 1, NO_GRACE)
    assert again.record is seen
    assert (again.result.refresh, again.ended, again.refused) == (NEXT.refresh, (), None)


def test_many_parallel_refreshes_leave_one_successor():
    """REF-01: four hundred refreshes of one token, each with a successor of its own, all get the first one's."""
    found, results = record(ONE), set()
    for number in range(400):
        successor = Successor(id_of("a", 1, number + 1), id_of("r", 1, number + 1))
        change = rotate(found, refresh(ONE), successor, NOW + number / 100, POLICY)
        found = change.record
        results.add((change.result.refresh, change.result.gen))
    assert results == {(NEXT.refresh, 1)}


def test_new_secret_kills_the_old_one():
    """REV-01: renewing an opaque token's secret changes the secret only, and the old one is dead at once."""
    opaque = session(1, refresh=None)
    change = renew_secret(record(opaque), access(opaque), b"new secret", NOW + 60)
    assert change.record.sessions == (replace(opaque, access=b"new secret", gen=1, seen=NOW + 60),)
    assert (change.result, change.announce) == (change.record.sessions[0], True)
    assert verdict(change.record, access(opaque), NOW + 60)[0] == "token_rotated"
    assert verdict(change.record, access(opaque, jti=b"new secret"), NOW + 60) == ("ok",)


def test_new_secret_again_is_the_same_secret():
    """A renewal tried again after its answer was lost finds its own work; another one's is refused."""
    opaque = session(1, refresh=None)
    once = renew_secret(record(opaque), access(opaque), b"new secret", NOW)
    assert renew_secret(once.record, access(opaque), b"new secret", NOW).record is once.record
    with pytest.raises(TokenRotated):
        renew_secret(once.record, access(opaque), b"another", NOW)
