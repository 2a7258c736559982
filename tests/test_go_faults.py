"""Faults of the Go library that inspired this one, each impossible here by the rules alone."""

from __future__ import annotations

import pytest

from flask_gosession.errors import SessionEnded, UserNotFound
from flask_gosession.session import encoding as records
from flask_gosession.session.admit import admit
from flask_gosession.session.change import tidy
from flask_gosession.session.check import check
from flask_gosession.session.policy import Policy
from flask_gosession.session.record import MAJOR, Session, SubjectRecord, UserInfo
from flask_gosession.session.revoke import revoke
from flask_gosession.session.rotate import Successor, rotate
from flask_gosession.tokens.types import Claims, TokenType

NOW = 1_800_000_000.0
POLICY = Policy()
NEXT = Successor(b"a2".ljust(16), b"r2".ljust(16))


def session(name: bytes, *, lifetime: float = 86_400.0) -> Session:
    return Session(name.ljust(16), b"a".ljust(16), b"r".ljust(16), 0, NOW, NOW, NOW, NOW + lifetime, lifetime, 900.0)


def claims(of: Session, kind: TokenType = TokenType.ACCESS, subject: str = "victim") -> Claims:
    return Claims(subject, of.id, of.access if kind is TokenType.ACCESS else of.refresh or b"", kind)


def test_invented_refresh_token_signs_nobody_in():
    """REV-12: refreshing a token that was never issued finds no session, with or without a record of the victim."""
    invented = claims(session(b"x"), TokenType.REFRESH)
    for found in (SubjectRecord(MAJOR, "victim", 1), SubjectRecord(MAJOR, "victim", 1, (session(b"real"),))):
        with pytest.raises(SessionEnded):
            rotate(found, invented, NEXT, NOW, POLICY)


def test_refresh_does_not_revive_a_logged_out_session():
    """REV-12: after a logout the refresh token is refused, and told why."""
    one = session(b"one")
    ended = revoke(SubjectRecord(MAJOR, "victim", 1, (one,)), lambda each: each.id == one.id, "logged_out", NOW).record
    with pytest.raises(SessionEnded) as refusal:
        rotate(ended, claims(one, TokenType.REFRESH), NEXT, NOW + 1, POLICY)
    assert refusal.value.reason == "logged_out"


@pytest.mark.parametrize(("owner", "other"), [("a_b", "a"), ("a", "a_b"), ("1_2", "1"), ("a:b", "a")])
def test_separator_in_an_id_makes_no_other_user(owner, other):
    """STO-02: the record of `a_b` is never read as that of `a`."""
    assert records.read(records.encode(SubjectRecord(MAJOR, owner, 1)), other) is None


@pytest.mark.parametrize("order", [(b"one", b"two"), (b"two", b"one")])
def test_two_single_mode_logins_leave_one(order):
    """Whichever of two logins is written second, the first is over."""
    found = SubjectRecord(MAJOR, "victim", 1)
    for name in order:
        found = admit(found, session(name), NOW, POLICY, limit=1).record
    assert [each.id.strip() for each in found.sessions] == [order[1]]


def test_fast_clock_deletes_no_live_session():
    """A host that is up to five minutes ahead keeps what is over to it when it writes."""
    short = session(b"short", lifetime=60.0)
    found = SubjectRecord(MAJOR, "victim", 1, (short,))
    assert tidy(found, NOW + 60 + 86_399).sessions == (short,)
    assert check(found, claims(short), NOW + 59, POLICY) == short


def test_long_sessions_outlive_any_index():
    """A session of a year is in the record for a year: there is no index beside it that ends sooner."""
    year = 365 * 86_400.0
    found = SubjectRecord(MAJOR, "victim", 1, (session(b"long", lifetime=year), session(b"short")))
    assert found.last_end == NOW + year
    assert [each.id.strip() for each in tidy(found, NOW + year - 1).sessions] == [b"long"]


def test_unknown_user_is_no_valid_session():
    """Once the loader has said that there is no such user, the session is refused."""
    one = session(b"one")
    found = SubjectRecord(MAJOR, "victim", 1, (one,), user=UserInfo(NOW, NOW + 60, b""))
    with pytest.raises(UserNotFound):
        check(found, claims(one), NOW, POLICY)


def test_corrupt_record_locks_nobody_out():
    """What cannot be read counts as nothing there, so that the next login writes over it."""
    assert records.read(b"\xff garbage", "victim") is None
