"""Is this session live, and if not, why; and how its use is noted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_gosession.errors import (
    REASON_MESSAGES,
    AuthError,
    Banned,
    SessionEnded,
    SessionExpired,
    SessionIdle,
    TokenRotated,
    UserNotFound,
)
from flask_gosession.session.check import check, is_first_use, live_session, touch, touch_due
from flask_gosession.session.confirm import confirm
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Ban, Tombstone, UserInfo

from .build import DAY, NOW, POLICY, SUBJECT, access, id_of, record, refresh, rotated, session, successor, verdict

ONE = session(1)
OVERLAP = POLICY.overlap


def stone(reason, **fields):
    """Return a record in which session 1 has ended."""
    return record(ended=(Tombstone(ONE.id, reason, NOW - 5, NOW + DAY, **fields),))


def test_live_session_is_returned():
    """A current access token of a live session brings the session itself."""
    assert check(record(session(2), ONE), access(ONE), NOW, POLICY) is ONE


@pytest.mark.parametrize(
    ("found", "error", "evidence"),
    [
        pytest.param(record(), SessionEnded, {"reason": None, "at": None, "client": None}, id="never or long gone"),
        *(
            pytest.param(
                stone(reason, client="ios"),
                SessionEnded,
                {"reason": reason, "at": NOW - 5, "client": "ios", "message": REASON_MESSAGES[reason]},
                id=reason,
            )
            for reason in REASON_MESSAGES
            if reason != "idle"
        ),
        pytest.param(stone("kicked", message="Call us."), SessionEnded, {"message": "Call us."}, id="own message"),
        pytest.param(
            stone("a newer version's"),
            SessionEnded,
            {"reason": "a newer version's", "at": NOW - 5},
            id="unknown reason",
        ),
        pytest.param(stone("idle"), SessionIdle, {"reason": "idle", "at": NOW - 5}, id="idled out long ago"),
        pytest.param(
            record(replace(ONE, expires=NOW)), SessionExpired, {"reason": "expired", "at": NOW}, id="absolute end"
        ),
        pytest.param(record(replace(ONE, idle=0.0)), SessionIdle, {"reason": "idle", "at": NOW}, id="idle"),
        pytest.param(
            record(ONE, ban=Ban(NOW - 1, NOW + 9, "spam", "Write to us.")),
            Banned,
            {"reason": "spam", "at": NOW - 1, "until": NOW + 9, "message": "Write to us."},
            id="banned",
        ),
        pytest.param(record(ONE, user=UserInfo(NOW, NOW + 1, b"")), UserNotFound, {"code": 401}, id="user gone"),
    ],
)
def test_refusals(found, error, evidence):
    """REV-01: each way for a session not to be there is its own error, with its evidence."""
    with pytest.raises(AuthError) as refusal:
        check(found, access(ONE), NOW, POLICY)
    assert type(refusal.value) is error
    assert {name: getattr(refusal.value, name) for name in evidence} == evidence


@pytest.mark.parametrize("claims", [access(ONE, jti=b"other"), refresh(ONE), access(ONE, jti=b"")])
def test_only_the_current_token_counts(claims):
    """TOK-16: a token of the right session with any other id, that of the refresh token included, is refused."""
    with pytest.raises(TokenRotated):
        check(record(ONE), claims, NOW, POLICY)


def test_stolen_signing_key_opens_nothing():
    """TOK-16: right subject and invented session or token ids find nothing."""
    with pytest.raises(SessionEnded):
        check(record(ONE), access(ONE, sid=b"invented"), NOW, POLICY)
    with pytest.raises(TokenRotated):
        check(record(ONE), access(ONE, jti=b"invented"), NOW, POLICY)


@pytest.mark.parametrize(
    ("fields", "last", "error"),
    [
        ({"idle": 60.0}, NOW + 60, SessionIdle),
        ({"expires": NOW + 60, "idle": 3600.0}, NOW + 60, SessionExpired),
        ({"expires": NOW + 60, "idle": 60.0}, NOW + 60, SessionExpired),
        ({"seen": NOW + 30, "idle": 60.0, "expires": NOW + 80}, NOW + 80, SessionExpired),
    ],
)
def test_timeouts_end_at_their_second(fields, last, error):
    """REV-04: a session counts until just before its idle or absolute timeout, and never at it."""
    found = record(session(1, **fields))
    assert check(found, access(ONE), last - 0.001, POLICY)
    with pytest.raises(error):
        check(found, access(ONE), last, POLICY)


def test_ban_and_missing_user_end_by_themselves():
    """At the end of a ban, or of what was cached about a missing user, the session counts again."""
    assert verdict(record(ONE, ban=Ban(NOW, NOW + 9)), access(ONE), NOW + 9) == ("ok",)
    assert verdict(record(ONE, user=UserInfo(NOW, NOW + 9, b"")), access(ONE), NOW + 9) == ("ok",)


def test_parent_counts_until_the_overlap_after_first_use():
    """The access token before a rotation counts while the new one is unused, and an overlap longer."""
    found = rotated(record(ONE), NOW)
    assert verdict(found, access(ONE), NOW + DAY) == ("ok",)
    used = touch(found, ONE.id, found.sessions[0].access, NOW + DAY).record
    assert verdict(used, access(ONE), NOW + DAY + OVERLAP - 0.001) == ("ok",)
    assert verdict(used, access(ONE), NOW + DAY + OVERLAP)[0] == "token_rotated"


def test_grandparent_never_counts():
    """Two rotations ago is too long ago, used or not."""
    later = NOW + OVERLAP
    assert verdict(rotated(rotated(record(ONE), NOW), later), access(ONE), later)[0] == "token_rotated"


def test_parent_where_use_may_stay_unseen():
    """Where a token may be used unseen, its parent counts for the overlap after the rotation, used or not."""
    policy = Policy(unseen_use=True)
    found = rotated(record(ONE), NOW, policy=policy)
    assert verdict(found, access(ONE), NOW + OVERLAP - 0.001, policy) == ("ok",)
    assert verdict(found, access(ONE), NOW + OVERLAP, policy)[0] == "token_rotated"


@pytest.mark.parametrize(
    ("touch_interval", "idle", "due_after"), [(60.0, 7 * DAY, 60), (60.0, 100.0, 10), (5.0, 100.0, 5)]
)
def test_touch_is_throttled(touch_interval, idle, due_after):
    """Use is written at most once in the touch interval or a tenth of the idle timeout, whichever is shorter."""
    policy = Policy(touch_interval=touch_interval)
    one = session(1, idle=idle)
    assert not touch_due(one, one.access, NOW + due_after - 0.001, policy)
    assert touch_due(one, one.access, NOW + due_after, policy)
    assert not touch_due(one, one.access, NOW - due_after, policy)


def test_the_first_use_of_all_is_noted_at_once():
    """Where the unused make room first, nobody who was seen again counts as unused."""
    policy = Policy(unused_first=True)
    assert touch_due(ONE, ONE.access, NOW + 1, policy)
    used = touch(record(ONE), ONE.id, ONE.access, NOW + 1).record.sessions[0]
    assert not touch_due(used, used.access, NOW + 2, policy)


def test_first_use_is_written_once():
    """The first use after a rotation is due at once, whatever the throttle, and only the first, by the new token."""
    found = rotated(record(ONE), NOW)
    new = found.sessions[0]
    assert touch_due(new, new.access, NOW, POLICY)
    assert not touch_due(new, ONE.access, NOW, POLICY)
    used = touch(found, new.id, new.access, NOW + 1).record.sessions[0]
    assert used.used_at == NOW + 1
    assert not is_first_use(used, used.access)
    assert touch(record(used), used.id, used.access, NOW + 99).record.sessions[0].used_at == NOW + 1


def test_first_use_is_never_before_the_rotation():
    """A host whose clock is behind does not take its lag from the overlap of the parent."""
    found = rotated(record(ONE), NOW)
    used = touch(found, ONE.id, found.sessions[0].access, NOW - OVERLAP).record
    assert check(used, access(ONE), NOW + OVERLAP - 0.001, POLICY)


def test_use_of_the_parent_is_no_first_use():
    """The old token's use keeps the session from idling, and does not start the overlap."""
    found = touch(rotated(record(ONE), NOW), ONE.id, ONE.access, NOW + 70).record
    assert (found.sessions[0].used_at, found.sessions[0].seen) == (None, NOW + 70)


def test_unrotated_session_has_no_first_use():
    """Right after the login there is no parent whose end a first use could begin."""
    assert not is_first_use(ONE, ONE.access)


def test_touch_moves_the_idle_end_only():
    """A touch slides the idle end; the absolute end stays."""
    found = touch(record(ONE), ONE.id, ONE.access, NOW + DAY).record.sessions[0]
    assert found.ends == NOW + 8 * DAY
    assert found.expires == ONE.expires
    assert replace(found, seen=ONE.seen) == ONE


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(record(), id="revoked"),
        pytest.param(record(replace(ONE, idle=0.0)), id="idle"),
        pytest.param(record(replace(ONE, expires=NOW)), id="expired"),
    ],
)
def test_touch_never_resurrects(found):
    """REV-12: a touch of what is gone or over changes nothing."""
    assert touch(found, ONE.id, ONE.access, NOW).record is found


def test_touch_that_changes_nothing_writes_nothing():
    """A touch by a clock that is behind leaves the very record that it was given."""
    found = record(ONE)
    assert touch(found, ONE.id, ONE.access, NOW - 5).record is found


def test_touch_is_no_announcement():
    """Routine writes are not pushed to other processes."""
    assert not touch(record(ONE), ONE.id, ONE.access, NOW + 99).announce


@given(st.lists(st.tuples(st.sampled_from(["touch", "confirm", "rotate"]), st.floats(-1000, 1000)), max_size=12))
def test_last_seen_never_goes_back(uses):
    """Whatever the clocks of the hosts say, neither `seen` nor the end by it ever moves back."""
    found = record(session(1, idle=100 * DAY, expires=NOW + 100 * DAY))
    for number, (rule, shift) in enumerate(uses):
        before = found.sessions[0]
        if rule == "touch":
            found = touch(found, before.id, before.access, NOW + shift).record
        elif rule == "confirm":
            found = confirm(found, access(before), successor(1, 1000 + number), NOW + shift, POLICY).record
        else:
            found = rotated(found, NOW + shift)
        after = found.sessions[0]
        assert (after.seen, after.ends, after.authenticated) >= (before.seen, before.ends, before.authenticated)
        assert after.expires == before.expires


def test_live_session_asks_for_no_token():
    """The actor behind an impersonated session is looked up by session id alone."""
    assert live_session(record(ONE), ONE.id, NOW) is ONE
    with pytest.raises(SessionEnded):
        live_session(record(ONE), id_of("sid", 2), NOW)


def test_nothing_in_a_refusal_comes_from_the_caller():
    """HTT-04: the answer repeats nothing that was sent."""
    claims = access(ONE, sid=b"<script>", jti=b"<script>", subject=SUBJECT)
    with pytest.raises(SessionEnded) as refusal:
        check(record(ONE), claims, NOW, POLICY)
    assert "script" not in str(refusal.value.data)
