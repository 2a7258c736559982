"""A check reads one session of many: quickly, and never another than the whole record has."""

from __future__ import annotations

import pytest

from flask_gosession.session import encoding as records
from flask_gosession.session.record import Ban, Session, Tombstone, UserInfo

from .build import BEHIND, DAY, NOW, SUBJECT, id_of, record, session

DEVICE = {"ip": "203.0.113.7", "agent": "Mozilla/5.0 ".ljust(100, "x"), "label": "Chrome on Linux"}
BARE = [session(number) for number in range(30)]
"""As some older versions wrote them, with no more than the required fields."""
NAMED = [session(number, **DEVICE) for number in range(12)]
TOKENS = [session(number, **DEVICE, in_cookies=False) for number in range(12)]
ROTATED = [session(number, **DEVICE, parent_access=b"p" * 16, rotated_at=NOW, used_at=NOW) for number in range(12)]
ACTING = [session(number, **DEVICE, actor=BEHIND, data={"a": [1]}) for number in range(12)]
MIXED = [*BARE[:3], *NAMED[3:6], *TOKENS[6:9], *ROTATED[9:12]]
ALL = [BARE, NAMED, TOKENS, ROTATED, ACTING, MIXED]
REST = {
    "ended": (Tombstone(id_of("sid", 99), "kicked", NOW, NOW + DAY),),
    "ban": Ban(NOW - 9, NOW - 1),
    "user": UserInfo(NOW, NOW + DAY, b"\x80"),
}


def encoded(sessions: list[Session]) -> bytes:
    """Return a record with those sessions as bytes, enough of them to pick one."""
    value = records.encode(record(*sessions, **REST))
    assert len(value) >= records.LONG
    return value


def plain(value: bytes) -> list:
    return records._decode_any(value)


@pytest.mark.parametrize("sessions", ALL)
def test_each_session_is_found(sessions):
    """Whatever fields it has, and wherever it stands; all else is as in the whole record."""
    value, whole = encoded(sessions), record(*sessions, **REST)
    for one in sessions:
        found = records.read(value, SUBJECT, one.id)
        assert found.session(one.id) == one
        assert (found.user_version, found.ended, found.ban, found.user) == (7, whole.ended, whole.ban, whole.user)


def test_the_others_are_left_alone():
    """Of many sessions that logins of today have made, a single one is decoded."""
    assert records.read(encoded(TOKENS), SUBJECT, TOKENS[4].id).sessions == (TOKENS[4],)


@pytest.mark.parametrize("sessions", ALL)
@pytest.mark.parametrize("sid", [id_of("sid", 99), TOKENS[4].access, b"", b"\x00" * 16, DEVICE["agent"].encode()[:16]])
def test_what_is_no_session_is_not_found(sessions, sid):
    """Not by the id of an ended one, nor by any other bytes that stand in the record."""
    found = records.read(encoded(sessions), SUBJECT, sid)
    assert found == record(*sessions, **REST)
    assert found.session(sid) is None


def test_a_short_record_is_read_as_a_whole():
    """Where picking would take longer."""
    value = records.encode(record(*TOKENS[:2]))
    assert records.read(value, SUBJECT, TOKENS[0].id).sessions == tuple(TOKENS[:2])


def test_another_subjects_record():
    """STO-02: a record that names another subject, or has no version, is corrupt."""
    value = encoded(TOKENS)
    assert records.read(value, "victim", TOKENS[0].id) is None
    unwritten = records._encode([0, *plain(value)[1:]])
    assert records.read(unwritten, SUBJECT, TOKENS[0].id) is None


def test_every_truncation_reads_as_nothing():
    """STO-01: a value cut off at any byte, or with bytes after it, is corrupt, whichever session is asked for."""
    value = encoded(TOKENS)
    assert all(records.read(value[:length], SUBJECT, TOKENS[0].id) is None for length in range(len(value)))
    assert records.read(value + b"\x00", SUBJECT, TOKENS[0].id) is None


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), "soon", None])
def test_damage_in_the_session_itself(wrong):
    """STO-01: a session that might never end is corrupt; one beside it is not asked."""
    parts = plain(encoded(TOKENS))
    parts[records._SESSIONS][4][7] = wrong
    value = records._encode(parts)
    assert records.read(value, SUBJECT) is None
    assert records.read(value, SUBJECT, TOKENS[4].id) is None
    assert records.read(value, SUBJECT, TOKENS[5].id).sessions == (TOKENS[5],)


@pytest.mark.parametrize("other", [[], [b"short"], 7, None, [7] * 40])
def test_something_else_among_the_sessions(other):
    """STO-01: bytes that are no session at all damage no other answer than their own."""
    parts = plain(encoded(TOKENS))
    parts[records._SESSIONS].insert(2, other)
    found = records.read(records._encode(parts), SUBJECT, TOKENS[4].id)
    assert found is None or found.sessions == (TOKENS[4],)
