"""A record survives its encoding, stays small, and outlives corruption and rolling upgrades."""

from __future__ import annotations

import math
from zlib import crc32

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_gosession.engine.records import Records
from flask_gosession.errors import StoreUnavailable
from flask_gosession.session import encoding as records
from flask_gosession.session.check import touch
from flask_gosession.session.record import MAJOR, Actor, Ban, NotBefore, Session, SubjectRecord, Tombstone, UserInfo
from flask_gosession.session.revoke import ban, lift_ban, revoke
from flask_gosession.stores.base import Record
from flask_gosession.stores.memory import MemoryStore

from .build import BEHIND, DAY, NOW, SUBJECT, id_of, record, session

TIMES = st.floats(0, 2**33)
IDS = st.binary(min_size=16, max_size=16)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DICTS = st.none() | st.dictionaries(TEXTS, st.integers(-(2**63), 2**64 - 1) | TEXTS | st.lists(TEXTS), max_size=3)
REASONS = st.sampled_from(["evicted", "kicked", "logged_out"]) | TEXTS
SESSIONS = st.builds(
    Session,
    IDS,
    IDS,
    st.none() | IDS,
    st.integers(0, 2**40),
    *[TIMES] * 6,
    client=TEXTS,
    label=TEXTS,
    ip=TEXTS,
    agent=TEXTS,
    remember=st.booleans(),
    parent_access=st.none() | IDS,
    parent_refresh=st.none() | IDS,
    rotated_at=st.none() | TIMES,
    used_at=st.none() | TIMES,
    extra_claims=DICTS,
    actor=st.none() | st.builds(Actor, TEXTS.filter(bool), IDS),
    data=DICTS,
)
RECORDS = st.builds(
    SubjectRecord,
    st.just(MAJOR),
    TEXTS,
    st.integers(1, 2**63),
    st.lists(SESSIONS, max_size=3).map(tuple),
    st.lists(st.builds(Tombstone, IDS, REASONS, TIMES, TIMES, st.none() | TEXTS, st.none() | TEXTS), max_size=3).map(
        tuple
    ),
    st.none() | st.builds(Ban, TIMES, TIMES, TEXTS, st.none() | TEXTS),
    st.none() | st.builds(UserInfo, TIMES, TIMES, st.binary(max_size=20), st.none() | st.integers(0, 2**32 - 1)),
    TIMES,
    st.none() | st.builds(NotBefore, TIMES, TIMES, REASONS, st.none() | TEXTS),
)

FULL = record(
    session(1, actor=BEHIND, data={"a": [1, {"b": None}]}, extra_claims={"role": "x"}),
    session(2),
    ended=(Tombstone(id_of("sid", 3), "kicked", NOW, NOW + DAY),),
    ban=Ban(NOW - 9, NOW - 1),
    user=UserInfo(NOW, NOW + DAY, b"\x80"),
    not_before=NotBefore(NOW - 9, NOW + DAY, "revoked_all"),
)


@given(RECORDS)
@example(FULL)
def test_round_trip(found):
    """STO-01: whatever a record holds comes back as it was, and has no tail."""
    value = records.encode(found)
    assert records.read(value, found.subject) == found
    assert not records.tails_of(value)


@pytest.mark.parametrize("subject", ["a_b", "a:b", "{a}", "}", "a/b", "a\nb", "é", "e\u0301", " a", "0", "x" * 255])
def test_any_subject_is_its_own(subject):
    """STO-02: subjects that look alike to a store never read each other's record."""
    value = records.encode(replace(FULL, subject=subject))
    assert records.read(value, subject) is not None
    for other in (subject + " ", subject.upper() + "_", "victim"):
        assert records.read(value, other) is None


def test_records_are_small():
    """A first session with device data and user info takes 412 bytes at most, each further one 310, rotated 340."""
    at = NOW + 0.123456
    device = {"ip": "2001:db8:85a3::8a2e:370:7334", "agent": "Mozilla/5.0 ".ljust(100, "x"), "label": "Chrome on Linux"}
    parents = {"parent_access": id_of("pa"), "parent_refresh": id_of("pr"), "rotated_at": at, "used_at": at}

    def size(*sessions):
        found = record(*sessions, user=UserInfo(at, at + 300, b"u" * 80))
        return len(records.encode(replace(found, user_version=2**62)))

    one = session(1, at, **device)
    assert size(one) <= 412
    assert size(one, session(2, at, **device)) - size(one) <= 310
    assert size(one, session(2, at, **device, **parents)) - size(one) <= 340


@given(st.binary(max_size=300))
@example(b"")
@example(b"\xc0")
@example(b"\x90")
@example(b"\x91" * 100_000)
@example(b"\x93\x01\xa4anna" + b"\x91" * 100_000)
@example(b"\x94\x01\xa4anna\x07" + b"\x91" * 5_000)
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xdb\x7f\xff\xff\xff")
@example(b"\xc7\x0c\xff" + b"\xff" * 12)
@example(b"\x93\x00\xa4anna\x07")
@example(b"\x93\xff\xa4anna\x07")
@example(b"gAN9cQAu")
@example(b"cos\nsystem\n(S'true'\ntR.")
def test_corrupt_bytes_read_as_nothing(value):
    """STO-01: bytes that are no record, a pickle included, are None and never an exception."""
    assert records.read(value, SUBJECT) is None
    assert not records.is_newer(value, SUBJECT)


@pytest.mark.parametrize("field", ["created", "authenticated", "seen", "expires", "idle", "access_lifetime", "used_at"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 1e300])
def test_a_time_that_is_none_is_a_damage(field, value):
    """A session with such a time might never end: the record is corrupt, and the next login replaces it."""
    assert records.read(records.encode(record(session(1, **{field: value}))), SUBJECT) is None


def test_a_damaged_tail_is_no_error():
    """What only a newer version reads may be unreadable: an update drops it, and keeps all else."""
    value = records.encode(FULL)
    assert value[0] == 0x99
    subjects, store = stored(b"\x9b" + value[1:] + b"\x90" + b"\xa1\xff")
    subjects.update(SUBJECT, lambda found, now: ban(found, Ban(now, now + 9), now))
    assert records.read(store.load(SUBJECT).value, SUBJECT).ban == Ban(NOW + 60, NOW + 69)


def test_user_info_of_an_older_version_counts():
    """Without a checksum, as older versions wrote it, user info is taken as it is; with a wrong one it is not."""
    assert UserInfo(NOW, NOW + 1, b"x").counts(NOW)
    assert UserInfo(NOW, NOW + 1, b"x", crc32(b"x")).counts(NOW)
    assert not UserInfo(NOW, NOW + 1, b"y", crc32(b"x")).counts(NOW)
    assert not UserInfo(NOW, NOW, b"", crc32(b"x")).gone


def test_every_truncation_reads_as_nothing():
    """A value cut off at any byte, or with bytes after it, is corrupt as a whole: never half a record."""
    value = records.encode(FULL)
    assert all(records.read(value[:length], SUBJECT) is None for length in range(len(value)))
    assert records.read(value + b"\x00", SUBJECT) is None


@given(st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=6), st.integers(0, 6)), min_size=1, max_size=4))
def test_damaged_values_never_raise(damages):
    """STO-01: a record with any bytes exchanged, added or lost reads as a whole record or as None."""
    value = records.encode(FULL)
    for place, put, lost in damages:
        at = place % (len(value) + 1)
        value = value[:at] + put + value[at + lost :]
    found = records.read(value, SUBJECT)
    assert found is None or isinstance(found, SubjectRecord)
    records.is_newer(value, SUBJECT)


class NewActor(Actor, frozen=True, array_like=True):
    """An actor with a field of tomorrow."""

    why: str = "support"


class NewSession(Session, frozen=True, array_like=True):
    """A session with fields of tomorrow."""

    risk: float = 0.5
    notes: dict[str, int] = msgspec.field(default_factory=lambda: {"n": 1})


class NewTombstone(Tombstone, frozen=True, array_like=True):
    """A tombstone with a field of tomorrow."""

    by: str = "robot"


class NewBan(Ban, frozen=True, array_like=True):
    """A ban with a field of tomorrow."""

    appeal: bool = True


class NewNotBefore(NotBefore, frozen=True, array_like=True):
    """A mark with a field of tomorrow."""

    factor: str = "password"


class NewUserInfo(UserInfo, frozen=True, array_like=True):
    """User info with a field of tomorrow."""

    etag: bytes = b"e"


class NewRecord(SubjectRecord, frozen=True, array_like=True):
    """A record with a field of tomorrow."""

    region: str = "eu"


def renew(kind, old, **changed):
    """Return *old* as its successor of tomorrow."""
    return kind(**{**{name: getattr(old, name) for name in old.__struct_fields__}, **changed})


def of_tomorrow(found, **changed):
    """Return the value that a newer minor version stores for *found*: every struct in it has a field more."""
    sessions = tuple(
        renew(NewSession, each, actor=each.actor and renew(NewActor, each.actor)) for each in found.sessions
    )
    parts = {
        "sessions": sessions,
        "ended": tuple(renew(NewTombstone, stone) for stone in found.ended),
        "ban": found.ban and renew(NewBan, found.ban),
        "user": found.user and renew(NewUserInfo, found.user),
        "not_before": found.not_before and renew(NewNotBefore, found.not_before),
    }
    return msgspec.msgpack.encode(renew(NewRecord, found, **parts, **changed))


def stored(value):
    """Return the update loop over a store that holds *value*, and that store."""
    store = MemoryStore()
    store.swap(SUBJECT, None, Record(value, b"etag0000"), NOW + DAY)
    return Records(store, lambda: NOW + 60), store


def test_newer_minor_is_readable():
    """A rolling upgrade: what a newer worker wrote reads as what this version knows of it."""
    assert records.read(of_tomorrow(FULL), SUBJECT) == FULL


def test_one_session_of_a_newer_minor_is_readable():
    """It can be picked from among many, too."""
    many = [session(number, agent="x" * 100) for number in range(12)]
    assert records.read(of_tomorrow(record(*many)), SUBJECT, many[4].id).sessions == (many[4],)


def test_newer_minor_survives_an_update():
    """A rolling upgrade: an update by this version carries every field of the newer one through, on every struct."""
    subjects, store = stored(of_tomorrow(FULL))
    one = FULL.sessions[0]
    subjects.update(SUBJECT, lambda found, now: touch(found, one.id, one.access, now))
    touched = replace(FULL, sessions=(replace(one, seen=NOW + 60), FULL.sessions[1]))
    assert store.load(SUBJECT).value == of_tomorrow(touched)


def test_newer_minor_keeps_the_right_tail_to_each():
    """When sessions come and go, each part that stays keeps its own tail, and new parts get none."""
    newer = renew(NewSession, FULL.sessions[1], risk=0.9)
    subjects, store = stored(msgspec.msgpack.encode(renew(NewRecord, FULL, sessions=(FULL.sessions[0], newer))))
    subjects.update(SUBJECT, lambda found, now: revoke(found, lambda each: each.actor is not None, "kicked", now))
    plain = msgspec.msgpack.decode(store.load(SUBJECT).value)
    assert plain[-1] == "eu"
    assert [each[-2:] for each in plain[3]] == [[0.9, {"n": 1}]]
    assert [len(stone) for stone in plain[4]] == [7, 7]


def test_replaced_parts_get_no_old_tail():
    """A ban or user info that was replaced does not inherit what was said of the one before."""
    tails = records.tails_of(of_tomorrow(FULL))
    changed = replace(FULL, ban=Ban(NOW, NOW + 9), user=UserInfo(NOW + 5, NOW + 9, b"x"))
    plain = msgspec.msgpack.decode(records.encode(changed, tails))
    assert [len(plain[5]), len(plain[6])] == [4, 4]


def test_reason_of_a_newer_version_is_readable():
    """A tombstone with a reason that this version does not know leaves the record readable."""
    found = record(session(1), ended=(Tombstone(id_of("sid", 3), "moved_country", NOW, NOW + DAY),))
    assert records.read(records.encode(found), SUBJECT) == found


@pytest.mark.parametrize("fields", range(3, 10))
def test_older_shorter_record_reads_and_updates(fields):
    """A record of an older version, with fewer trailing fields on each struct, reads and can be written."""
    plain = msgspec.msgpack.decode(records.encode(FULL))
    older = [*plain[:3], [each[:10] for each in plain[3]], [stone[:4] for stone in plain[4]], *plain[5:]][:fields]
    value = msgspec.msgpack.encode(older)
    found = records.read(value, SUBJECT)
    assert found is not None
    assert (found.user_version, len(found.sessions)) == (7, 2 if fields > 3 else 0)
    subjects, store = stored(value)
    subjects.update(SUBJECT, lambda found, now: ban(found, Ban(now, now + 9), now))
    written = records.read(store.load(SUBJECT).value, SUBJECT)
    assert written.ban == Ban(NOW + 60, NOW + 69)
    assert len(written.ended) == (3 if fields > 4 else 2 if fields > 3 else 0)


def test_newer_major_is_readable_not_writable():
    """A record of a newer major version can be checked, but a write is refused with 503 and changes nothing."""
    value = records.encode(replace(FULL, major=MAJOR + 1))
    subjects, store = stored(value)
    assert subjects.read(SUBJECT).record.sessions == FULL.sessions
    assert subjects.update(SUBJECT, lambda found, now: revoke(found, lambda _: False, "kicked", now))[0].result == 0
    with pytest.raises(StoreUnavailable, match="newer version") as refusal:
        subjects.update(SUBJECT, lambda found, now: revoke(found, lambda _: True, "kicked", now))
    assert refusal.value.code == 503
    assert store.load(SUBJECT) == Record(value, b"etag0000")


def test_newer_major_is_never_deleted():
    """Nor is one deleted in which this version sees nothing of worth."""
    subjects, store = stored(records.encode(record(ban=Ban(NOW - 9, NOW + 9)), None).replace(b"\x01", b"\x02", 1))
    with pytest.raises(StoreUnavailable):
        subjects.update(SUBJECT, lambda found, _now: lift_ban(found))
    assert store.load(SUBJECT).etag == b"etag0000"


def test_newer_major_that_cannot_be_read_is_not_corrupt():
    """A newer major version with another shape is 503 for reads and writes, and is not replaced by a login."""
    subjects, store = stored(msgspec.msgpack.encode([MAJOR + 1, SUBJECT, {"everything": "else"}]))
    with pytest.raises(StoreUnavailable, match="newer version"):
        subjects.read(SUBJECT)
    with pytest.raises(StoreUnavailable, match="newer version"):
        subjects.update(SUBJECT, lambda found, now: revoke(found, lambda _: True, "kicked", now))
    assert store.load(SUBJECT).etag == b"etag0000"


def test_nothing_secret_in_a_repr():
    """LOG-01: a session's text shows its public handle, and no token id."""
    shown = repr(session(1))
    assert session(1).sid in shown
    assert "a:1:0" not in shown
    assert "r:1:0" not in shown
