"""The table of a refresh, row by row: what is presented, when, what is answered and how the session goes on."""

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
from flask_gosession.session.change import Change
from flask_gosession.session.check import check, touch
from flask_gosession.session.confirm import confirm
from flask_gosession.session.device import Device
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import Ban, Session, SubjectRecord, UserInfo
from flask_gosession.session.revoke import revoke
from flask_gosession.session.rotate import MOST_FORKS, Answer, Outcome, rotate
from flask_gosession.tokens.types import Claims, TokenType

from .build import DAY, NOW, POLICY, access, id_of, record, refresh, rotated, session, successor, verdict

ONE = session(1, idle=60 * DAY)
GRACE, OVERLAP = POLICY.rotation_grace, POLICY.overlap
OTHER = successor(1, 77)
UNSEEN = Policy(unseen_use=True)
LATER = NOW + DAY


def once() -> SubjectRecord:
    """Return a session that was rotated once, at `NOW`, and not used since."""
    return rotated(record(ONE), NOW)


def used(found: SubjectRecord, at: float) -> SubjectRecord:
    """Return the record after the current access token of session 1 was used."""
    return touch(found, ONE.id, current(found).access, at).record


def current(found: SubjectRecord) -> Session:
    """Return session 1."""
    one = found.session(ONE.id)
    assert one is not None
    return one


def turn(
    found: SubjectRecord, claims: Claims, now: float, policy: Policy = POLICY, number: int = 77
) -> Change[Outcome]:
    """Present a refresh token."""
    return rotate(found, claims, successor(1, number), now, policy)


def forked(found: SubjectRecord, now: float, number: int) -> SubjectRecord:
    """Return the record after the parent of its pair was presented, and got a fork."""
    change = turn(found, refresh(ONE), now, number=number)
    assert change.result.answer is Answer.FORKED
    return change.record


def unchanged(change: Change[Outcome], found: SubjectRecord, answer: Answer) -> bool:
    """Whether that was the answer, and nothing was written or announced."""
    return change.record is found and change.result == (answer, current(found), current(found)) and not change.announce


def is_theft(change: Change[Outcome]) -> bool:
    """Whether the session has ended as stolen."""
    return isinstance(change.refused, TokenReused) and current_or_none(change.record) is None


def current_or_none(found: SubjectRecord) -> Session | None:
    """Return session 1, if it is there."""
    return found.session(ONE.id)


def is_refused(change: Change[Outcome], found: SubjectRecord) -> bool:
    """Whether the token was refused, and the session goes on."""
    return isinstance(change.refused, TokenRotated) and change.record is found


def test_row_1a_unused_young_pair_comes_again_and_counts_as_used():
    """1a: a pair that was drawn less than the overlap ago is issued again, and its refresh is its first use."""
    found = once()
    change = turn(found, refresh(current(found)), NOW + OVERLAP - 0.001)
    assert change.result.answer is Answer.AGAIN
    assert change.record.sessions == (replace(current(found), used_at=NOW + OVERLAP - 0.001),)
    assert not change.announce


def test_row_1a_first_use_is_never_before_the_rotation():
    """1a: a host whose clock is behind does not take its lag from the overlap of the parent."""
    found = once()
    assert turn(found, refresh(current(found)), NOW - 500).result.session.used_at == NOW


def test_row_1a_pair_used_lately_comes_again():
    """1a: less than the overlap after the first use, however late that was, nothing rotates and nothing is written."""
    found = used(once(), LATER)
    assert unchanged(turn(found, refresh(current(found)), LATER + OVERLAP - 0.001), found, Answer.AGAIN)


def test_row_1b_first_pair_rotates_at_once():
    """1b: the first pair has no parent to wait for: new ids, one generation on, the old pair as the parent."""
    change = turn(record(session(2), ONE), refresh(ONE), NOW)
    pair = OTHER.after(None)
    expected = replace(
        ONE,
        access=pair.access,
        refresh=pair.refresh,
        gen=1,
        parent_access=ONE.access,
        parent_refresh=ONE.refresh,
        rotated_at=NOW,
    )
    assert change.record.sessions == (session(2), expected)
    assert change.result == (Answer.ROTATED, expected, ONE)
    assert (change.announce, change.ended, change.refused) == (True, (), None)


@pytest.mark.parametrize("first_use", [None, NOW + 5])
def test_row_1b_pair_rotates_when_its_parent_is_over(first_use):
    """1b: from the overlap after the first use, or after the rotation, on, the current token brings a new pair."""
    found = once() if first_use is None else used(once(), first_use)
    now = (first_use or NOW) + OVERLAP
    turned = turn(found, refresh(current(found)), now).result.session
    assert (turned.gen, turned.parent_refresh, turned.parent_access) == (
        2,
        current(found).refresh,
        current(found).access,
    )
    assert (turned.rotated_at, turned.used_at, turned.forks, turned.forked_at) == (now, None, 0, None)


def test_row_1b_forgets_the_forks_of_the_parent():
    """1b: the forks are counted for each parent anew."""
    found = used(forked(once(), NOW + GRACE, 7), LATER)
    turned = turn(found, refresh(current(found)), LATER + OVERLAP).result.session
    assert (turned.forks, turned.forked_at) == (0, None)


def test_row_2a_parent_gets_the_current_pair_within_the_overlap():
    """2a: less than the overlap after the first use, the parent gets the current pair, unwritten."""
    found = used(once(), LATER)
    assert unchanged(turn(found, refresh(ONE), LATER + OVERLAP - 0.001), found, Answer.PARENT_AGAIN)


def test_row_2a_sibling_gets_the_current_pair_within_the_overlap():
    """2a: so does a pair that was drawn under the same parent."""
    found = used(forked(once(), NOW + GRACE, 7), LATER)
    assert unchanged(turn(found, sibling_of(found), LATER + OVERLAP - 0.001), found, Answer.PARENT_AGAIN)


@pytest.mark.parametrize("presented", ["parent", "sibling"])
def test_row_2b_superseded_token_after_the_overlap_is_theft(presented):
    """2b: from the overlap after the first use on, parent and siblings end the session."""
    found = used(forked(once(), NOW + GRACE, 7), LATER)
    claims = refresh(ONE) if presented == "parent" else sibling_of(found)
    change = turn(found, claims, LATER + OVERLAP)
    assert is_theft(change)
    assert change.result == (Answer.THEFT, current(found), current(found))


@pytest.mark.parametrize("policy", [POLICY, UNSEEN])
def test_row_2c_parent_gets_the_unused_pair_within_the_grace(policy):
    """2c: less than the grace period after the rotation the answer is on its way, and the same pair comes again."""
    found = once()
    assert unchanged(turn(found, refresh(ONE), NOW + GRACE - 0.001, policy), found, Answer.PARENT_AGAIN)
    assert unchanged(turn(found, refresh(ONE), NOW - DAY, policy), found, Answer.PARENT_AGAIN)


def test_row_2d_lost_answer_forks():
    """2d: from the grace period on, the answer is taken for lost: a fresh pair beside it, under the same parent."""
    found = once()
    change = turn(found, refresh(ONE), NOW + GRACE)
    pair = OTHER.after(None)
    expected = replace(
        current(found),
        access=pair.access,
        refresh=pair.refresh,
        forks=1,
        forked_at=NOW + GRACE,
        seen=NOW + GRACE,
    )
    assert change.result == (Answer.FORKED, expected, current(found))
    assert (change.record.sessions, change.announce) == ((expected,), True)


def test_row_2d_pair_of_a_young_fork_comes_again():
    """2d: less than the grace period after a fork the parent gets the pair of that fork."""
    found = forked(once(), LATER, 7)
    assert unchanged(turn(found, refresh(ONE), LATER + GRACE - 0.001), found, Answer.PARENT_AGAIN)
    assert turn(found, refresh(ONE), LATER + GRACE).result.session.forks == 2


def test_row_2d_seventh_fork_is_theft():
    """2d: six forks under one parent are honest, a seventh is not."""
    found = once()
    for number in range(MOST_FORKS):
        found = forked(found, NOW + (number + 1) * GRACE, number + 2)
    assert (MOST_FORKS, current(found).forks) == (6, 6)
    assert is_theft(turn(found, refresh(ONE), NOW + 7 * GRACE))


def test_row_2d_is_refused_where_use_may_stay_unseen():
    """2d: where a pair may be in use unseen, nobody can tell that its answer was lost."""
    found = once()
    assert is_refused(turn(found, refresh(ONE), NOW + GRACE, UNSEEN), found)


def test_row_3_sibling_presented_first_is_adopted():
    """3: of several unused children the first to be used wins: its refresh token stays, its access token is new."""
    found = forked(once(), NOW + GRACE, 7)
    sibling = sibling_of(found)
    change = turn(found, sibling, LATER)
    expected = replace(current(found), access=OTHER.after(None).access, refresh=sibling.jti, used_at=LATER, seen=LATER)
    assert change.result == (Answer.SIBLING_ADOPTED, expected, current(found))
    assert (change.record.sessions, change.announce) == ((expected,), True)
    assert verdict(change.record, access(current(found)), LATER)[0] == "token_rotated"
    assert verdict(change.record, access(expected), LATER) == ("ok",)


def test_row_3_first_use_is_never_before_the_rotation():
    """3: by a clock that is behind, too."""
    found = forked(once(), NOW + GRACE, 7)
    assert turn(found, sibling_of(found), NOW - 500).result.session.used_at == NOW


def test_row_4_child_whose_birth_was_lost_is_adopted():
    """4: a successor that the store has forgotten takes its place again, with a new access token."""
    lost = once()
    for one in (ONE, replace(ONE, forks=3, forked_at=NOW)):
        change = turn(record(one), refresh(current(lost)), LATER)
        expected = replace(current(lost), access=OTHER.after(None).access, rotated_at=LATER, used_at=LATER, seen=LATER)
        assert change.result == (Answer.CHILD_ADOPTED, expected, one)
        assert change.announce


@pytest.mark.parametrize("gen", [1, 2, 3, 99])
def test_row_5_token_of_a_lost_write_is_refused(gen):
    """5: a token as new as the record or newer comes from writes that the store has lost: refused, and no theft."""
    found = used(once(), NOW)
    assert is_refused(turn(found, refresh(ONE, jti=b"lost", gen=gen, parent=b"lost too"), LATER), found)


def test_row_5_token_as_new_as_the_first_pair_is_refused():
    """5: a session without a parent has no siblings, either."""
    found = record(ONE)
    assert is_refused(turn(found, refresh(ONE, jti=b"of a lost login"), LATER), found)


@pytest.mark.parametrize("later", [0.0, DAY])
def test_row_6a_token_from_before_a_re_authentication_is_refused(later):
    """6a: what was superseded by showing the credentials again is refused, early and late, used or not: no theft."""
    unused = confirm(once(), access(current(once())), successor(1, 9), NOW + 1, POLICY).record
    for found in (unused, used(unused, NOW + 2)):
        for held in (refresh(ONE), refresh(current(once()))):
            assert is_refused(turn(found, held, NOW + 2 + later), found)


@pytest.mark.parametrize("later", [0.0, 1.0, DAY])
def test_row_6b_grandparent_is_theft(later):
    """6b: what is older than the parent is a theft at once, whether the current pair was used or not."""
    found = rotated(used(once(), NOW), NOW + OVERLAP)
    for each in (found, used(found, NOW + OVERLAP)):
        assert is_theft(turn(each, refresh(ONE), NOW + OVERLAP + later))


def test_token_without_a_parent_is_matched_by_its_id():
    """A token from before tokens named their parent: current and parent go by their ids, one between is no theft."""
    found = used(rotated(used(once(), NOW), NOW + OVERLAP), NOW + OVERLAP)
    now = NOW + 2 * OVERLAP - 1
    assert turn(found, refresh(current(found), parent=None), now).result.answer is Answer.AGAIN
    parent = refresh(current(once()), parent=None)
    assert turn(found, parent, now).result.answer is Answer.PARENT_AGAIN
    assert is_theft(turn(found, parent, now + 1))
    assert is_refused(turn(found, refresh(ONE, jti=b"of a lost write", gen=1), now + DAY), found)
    assert is_theft(turn(found, refresh(ONE), now))


def test_opaque_token_of_the_first_kind_refreshes_itself():
    """An opaque token that was both access and refresh token is current, then parent, and unknown is no theft."""
    old = session(1, refresh=None, gen=5, idle=60 * DAY)
    claims = Claims("anna", old.id, old.access, TokenType.ACCESS)
    change = turn(record(old), claims, NOW)
    assert change.result.answer is Answer.ROTATED
    assert (change.result.session.parent_access, change.result.session.parent_refresh) == (old.access, old.access)
    assert turn(change.record, claims, NOW, number=78).result.answer is Answer.PARENT_AGAIN
    assert is_refused(turn(change.record, replace(claims, jti=b"renewed long ago"), LATER, number=78), change.record)
    assert is_theft(turn(used(change.record, NOW), claims, NOW + OVERLAP, number=78))


def test_absolute_end_is_fixed_at_login():
    """REV-04: however often it is refreshed, the absolute end of the session stays."""
    found = record(ONE)
    for day in range(5, 30, 5):
        found = rotated(found, NOW + day * DAY)
        assert found.sessions[0].expires == ONE.expires
    with pytest.raises(SessionExpired):
        turn(found, refresh(found.sessions[0]), ONE.expires)


def test_theft_ends_the_session_once():
    """REF-03: reuse ends exactly this session, as one fact, with a tombstone, and says so to other processes."""
    found = used(rotated(record(ONE, session(2)), NOW), NOW)
    change = turn(found, refresh(ONE), NOW + OVERLAP)
    assert change.record.sessions == (session(2),)
    assert [(ended.session.id, ended.reason) for ended in change.ended] == [(ONE.id, "reuse_detected")]
    assert change.announce
    assert isinstance(change.refused, TokenReused)
    assert change.refused.data["error"] == "token_reused"
    assert (change.refused.reason, change.refused.at) == ("reuse_detected", NOW + OVERLAP)
    for claims in (refresh(ONE), refresh(found.sessions[0])):
        with pytest.raises(SessionEnded) as refusal:
            turn(change.record, claims, NOW + 2 * OVERLAP)
        assert (refusal.value.reason, refusal.value.at) == ("reuse_detected", NOW + OVERLAP)


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
        turn(found, refresh(ONE), NOW)


def test_access_token_does_not_refresh():
    """TOK-17: the ids of the two tokens are told apart in the record too."""
    found = record(ONE)
    assert is_refused(turn(found, access(ONE), NOW), found)
    with pytest.raises(TokenRotated):
        check(found, refresh(ONE), NOW, POLICY)


@pytest.mark.parametrize("presented", ["current", "parent", "sibling", "child"])
def test_refresh_whose_result_is_there_is_a_success(presented):
    """A refresh tried again after its answer was lost finds its own work, and calls it what it was."""
    claims, found = {
        "current": (refresh(ONE), record(ONE)),
        "parent": (refresh(ONE), once()),
        "sibling": (sibling_of(forked(once(), NOW + GRACE, 7)), forked(once(), NOW + GRACE, 7)),
        "child": (refresh(current(once())), record(ONE)),
    }[presented]
    first = turn(found, claims, LATER)
    seen = used(first.record, LATER)
    again = turn(seen, claims, LATER + OVERLAP)
    assert (again.record, again.ended, again.refused) == (seen, (), None)
    expected = Answer.SIBLING_ADOPTED if presented == "child" else first.result.answer
    assert again.result == (expected, current(seen), current(seen))


def test_many_parallel_refreshes_leave_one_successor():
    """REF-01: four hundred refreshes of one token, each with a successor of its own, all get the first one's."""
    found, results = record(ONE), set()
    for number in range(1, 401):
        change = turn(found, refresh(ONE), NOW + number / 10, number=number)
        found = change.record
        results.add((change.result.session.refresh, change.result.session.gen))
    assert results == {(successor(1, 1).after(None).refresh, 1)}


def test_record_knows_for_which_device_an_unused_pair_was_drawn():
    """Where somebody else than the session's own device asked, the record keeps who; nothing where it was the same."""
    home, away = Device("203.0.113.7", "Firefox"), Device("198.51.100.9", "curl")
    one = replace(ONE, ip=home.ip, agent=home.agent)
    by = {
        device: rotate(record(one), refresh(one), successor(1, 1, device=device), NOW, POLICY)
        for device in (home, away)
    }
    assert by[home].result.session.pair_from is None
    assert by[away].result.session.pair_from == (away.ip, away.agent)


def sibling_of(found: SubjectRecord) -> Claims:
    """Return the refresh token of the pair that was drawn first under the parent of the current one."""
    return refresh(current(found), jti=id_of("r:", 1, 1))
