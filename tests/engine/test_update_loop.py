"""The one loop through which every record is written: atomic, tried again, done once."""

from __future__ import annotations

import math
import threading

import pytest
from msgspec.structs import replace
from session.build import DAY, NOW, POLICY, SUBJECT, record, refresh, session, sids, successor

from flask_gosession.engine.records import Records
from flask_gosession.errors import SessionEnded, StoreConflict, StoreUnavailable
from flask_gosession.session import encoding as records
from flask_gosession.session.admit import admit
from flask_gosession.session.change import BRIEFLY, Change
from flask_gosession.session.check import live_session, touch
from flask_gosession.session.record import Ban
from flask_gosession.session.revoke import ban, lift_ban, revoke
from flask_gosession.session.rotate import rotate
from flask_gosession.session.user import MARKER_LIFETIME, forget
from flask_gosession.stores.base import Record, Swap
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

ONE = session(1)


class ExpiringStore(MemoryStore):
    """A memory store that remembers what it was told about the end of records."""

    expires_at = 0.0

    def swap(self, subject, etag, new, expires_at, *, announce=False):
        """Swap, and note when the record may be forgotten."""
        self.expires_at = expires_at
        return super().swap(subject, etag, new, expires_at, announce=announce)


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def memory(clock):
    return ExpiringStore(clock=clock)


@pytest.fixture
def store(memory):
    return FaultyStore(memory)


@pytest.fixture
def subjects(store, clock):
    return Records(store, clock, patience=0.05)


def login(number, limit=50):
    """Return the rule of a login."""
    return lambda found, now: admit(found, session(number, now), now, POLICY, limit=limit)


def kick(found, now):
    """End everything."""
    return revoke(found, lambda _: True, "kicked", now)


def nothing(found, _now):
    """Change nothing."""
    return Change(found, "nothing")


def numbers(subjects):
    """Return the numbers of the stored sessions."""
    return sids(subjects.read(SUBJECT).record)


def test_one_load_and_one_swap(subjects, store):
    """Without contention an update is two round trips, and the result comes back confirmed."""
    change, confirmed = subjects.update(SUBJECT, login(1))
    assert (change.result.id, confirmed) == (ONE.id, True)
    assert [call.verb for call in store.calls] == ["load", "swap"]
    assert numbers(subjects) == [1]


@pytest.mark.parametrize("announced", [True, False])
def test_announcement_reaches_the_store(subjects, store, announced):
    """The swap itself carries whether other processes must hear of the change."""
    subjects.update(SUBJECT, lambda found, now: replace_announce(login(1)(found, now), announced))
    assert store.calls[-1].announce is announced


def replace_announce(change, announced):
    """Return the change with another announcement."""
    return Change(change.record, change.result, change.ended, announced)


def test_lost_swap_is_tried_again_on_what_is_there_now(subjects, store, memory, clock):
    """Who loses a race applies the rule to the winner's record: both are in it."""
    rival = Records(memory, clock)
    store.before_swap(lambda: rival.update(SUBJECT, login(2)))
    confirmed = subjects.update(SUBJECT, login(1))[1]
    assert (numbers(subjects), confirmed) == ([2, 1], True)
    assert store.count("swap") == 2


def test_lost_race_cannot_bring_a_third_session(subjects, store, memory, clock):
    """Of two first logins in single mode, one ends the other, though there was no row to lock."""
    rival = Records(memory, clock)
    store.before_swap(lambda: rival.update(SUBJECT, login(2, limit=1)))
    change, _ = subjects.update(SUBJECT, login(1, limit=1))
    assert numbers(subjects) == [1]
    assert [ended.session.id for ended in change.ended] == [session(2).id]


@pytest.mark.parametrize(
    ("before", "rule", "result"),
    [
        pytest.param((), login(1), session(1), id="login creates"),
        pytest.param((session(1),), kick, 1, id="revoke"),
        pytest.param((), lambda found, now: forget(found, 99, now), None, id="forget leaves a marker"),
    ],
)
def test_lost_reply_is_looked_up_and_done_once(subjects, store, memory, before, rule, result):
    """REF-07: a write whose answer was lost is found in the store, with its first result, and not done again."""
    if before:
        memory.swap(SUBJECT, None, Record(records.encode(record(*before)), b"etag0000"), NOW + DAY)
    store.lose_reply()
    change, confirmed = subjects.update(SUBJECT, rule)
    assert (change.result, confirmed) == (result, False)
    assert [call.verb for call in store.calls] == ["load", "swap", "load"]


def test_lost_reply_of_a_deletion_is_looked_up(subjects, store, memory):
    """A deletion whose answer was lost is found too: nothing is stored, and the first result stands."""
    memory.swap(SUBJECT, None, Record(records.encode(record(ban=Ban(NOW, NOW + DAY))), b"etag0000"), NOW + DAY)
    store.lose_reply()
    change, _ = subjects.update(SUBJECT, lambda found, _now: lift_ban(found))
    assert change.result is True
    assert memory.load(SUBJECT) is None
    assert store.count("swap") == 1


def test_write_that_failed_is_done_at_the_second_try(subjects, store):
    """A write that did not reach the store is not found there, and is done again."""
    store.fail("swap")
    change, confirmed = subjects.update(SUBJECT, login(1))
    assert (numbers(subjects), confirmed, store.count("swap")) == ([1], True, 2)
    assert change.result.id == ONE.id


def test_lost_reply_and_a_rival_after_it(subjects, store, memory, clock):
    """A login whose answer was lost, and over which somebody wrote, is admitted once and not twice."""
    rival = Records(memory, clock)
    # The reply is lost, and before the second swap a rival has written.
    store.lose_reply()
    stored = store.load
    hits = []

    def load(subject):
        if store.count("swap") == 1 and not hits:
            hits.append(rival.update(SUBJECT, login(2)))
        return stored(subject)

    store.load = load
    subjects.update(SUBJECT, login(1))
    assert sorted(numbers(subjects)) == [1, 2]


def test_lost_rotation_and_a_use_after_it(subjects, store, memory, clock):
    """REF-07: a rotation whose answer was lost, and over which somebody wrote, gives its own pair and no theft."""
    subjects.update(SUBJECT, login(1))
    rival = Records(memory, clock)
    drawn, pair = successor(1, 1), successor(1, 1).after(None)
    store.lose_reply()
    stored, hits = store.load, []

    def load(subject):
        if store.count("swap") == 2 and not hits:
            hits.append(rival.update(SUBJECT, lambda found, now: touch(found, ONE.id, pair.access, now)))
        return stored(subject)

    store.load = load
    change, _ = subjects.update(SUBJECT, lambda found, now: rotate(found, refresh(ONE), drawn, now, POLICY))
    turned = change.result.session
    assert (turned.refresh, turned.gen, change.refused) == (pair.refresh, 1, None)


def test_second_failure_is_raised(subjects, store, memory):
    """A store that fails twice is 503, and nothing was written."""
    store.fail("swap", 2)
    with pytest.raises(StoreUnavailable):
        subjects.update(SUBJECT, login(1))
    assert memory.load(SUBJECT) is None


@pytest.mark.parametrize("before_it", [0, 1])
def test_failing_load_is_raised(subjects, store, before_it):
    """A store that does not answer is 503, whether at the first look or at the look-up, never "signed out"."""
    if before_it:
        store.before_swap(lambda: store.fail("load"))
        store.lose_reply()
    else:
        store.fail("load")
    with pytest.raises(StoreUnavailable):
        subjects.update(SUBJECT, login(1))


def test_conflict_after_patience(subjects, store, memory, clock):
    """Where others win every race, the update gives up with 503 store_conflict, and writes nothing."""
    rival = Records(memory, clock)
    drawn = iter(range(100_000))

    def overtake():
        rival.update(SUBJECT, lambda found, now: forget(found, next(drawn) + 1, now))
        store.before_swap(overtake)

    store.before_swap(overtake)
    with pytest.raises(StoreConflict) as refusal:
        subjects.update(SUBJECT, login(1))
    assert (refusal.value.code, numbers(subjects)) == (503, [])
    assert store.count("swap") > 1


def test_busy_turn_is_a_courtesy_only(subjects, memory):
    """A thread that never gives its turn back delays the others of this process by their patience, not for ever."""
    with subjects._locks.hold(SUBJECT):
        other = threading.Thread(target=lambda: subjects.update(SUBJECT, login(1)))
        other.start()
        other.join(10)
    assert memory.load(SUBJECT) is not None


def test_turns_are_given_back(subjects):
    """A rule that raises leaves the turn to the next."""
    with pytest.raises(SessionEnded):
        subjects.update(SUBJECT, lambda found, now: Change(found, live_session(found, ONE.id, now)))
    with subjects._locks.hold(SUBJECT, 0) as ours:
        assert ours


@pytest.mark.parametrize("value", [b"", b"junk", b"\x91" * 5000, records.encode(replace(record(ONE), subject="other"))])
def test_corrupt_record_is_replaced(store, memory, clock, value):
    """STO-01: a record that cannot be read is signed out, told of, and replaced by the next login."""
    memory.swap(SUBJECT, None, Record(value, b"etag0000"), NOW + DAY)
    told = []
    subjects = Records(store, clock, patience=0.05, on_corrupt=told.append)
    assert numbers(subjects) == []
    subjects.update(SUBJECT, login(2))
    assert numbers(subjects) == [2]
    assert told == [SUBJECT, SUBJECT]


def test_corrupt_record_is_removed_by_a_revocation(subjects, memory):
    """REV-07: a revocation of everything removes a corrupt record, though it finds nobody to end."""
    memory.swap(SUBJECT, None, Record(b"junk", b"etag0000"), NOW + DAY)
    assert subjects.update(SUBJECT, kick)[0].result == 0
    assert memory.load(SUBJECT) is None


def test_corruption_is_logged_without_content(subjects, memory, caplog):
    """LOG-01: the log says that a record is corrupt, and nothing of what is in it."""
    memory.swap(SUBJECT, None, Record(b"junk-with-secrets", b"etag0000"), NOW + DAY)
    subjects.read(SUBJECT)
    assert [entry.levelname for entry in caplog.records] == ["ERROR"]
    assert "secrets" not in caplog.text


@pytest.mark.parametrize("before", [(), (ONE,)])
def test_unchanged_writes_nothing(subjects, store, memory, before):
    """A rule that returns the record it was given costs one load and no write."""
    if before:
        memory.swap(SUBJECT, None, Record(records.encode(record(*before)), b"etag0000"), NOW + DAY)
    assert subjects.update(SUBJECT, nothing)[0].result == "nothing"
    assert [call.verb for call in store.calls] == ["load"]


WRONG = {
    "remember from a form": {"remember": "on"},
    "client": {"client": 5},
    "no client": {"client": None},
    "text for a time": {"expires": "tomorrow"},
    "a boolean for a time": {"created": True},
    "NaN for a time": {"expires": math.nan},
    "a time before all": {"authenticated": -1.0},
    "endless": {"idle": math.inf},
    "an object in data": {"data": {"x": object()}},
    "a tuple in data": {"data": {"x": (1, 2)}},
    "a tuple in claims": {"extra_claims": {"x": [(1,)]}},
    "a name that is none": {"extra_claims": {1: 2}},
    "a number too large": {"data": {"x": 2**64}},
    "text that UTF-8 cannot write": {"label": "\ud800"},
    "an actor": {"actor": "root"},
    "an id": {"id": "sid"},
}


@pytest.mark.parametrize("before", [(), (session(2),)], ids=["first", "second"])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_nothing_is_written_that_does_not_read_back(store, subjects, memory, before, wrong):
    """LIF-07: what would spoil the record is an error of the caller, and the stored bytes stay what they were."""
    if before:
        memory.swap(SUBJECT, None, Record(records.encode(record(*before)), b"etag0000"), NOW + DAY)
    stored = memory.load(SUBJECT)
    with pytest.raises((TypeError, ValueError)):
        subjects.update(SUBJECT, lambda found, now: admit(found, session(1, **wrong), now, POLICY))
    assert (store.count("swap"), memory.load(SUBJECT)) == (0, stored)
    subjects.update(SUBJECT, login(3))
    assert 3 in numbers(subjects)


def test_a_reason_that_is_none_is_not_written(subjects):
    """A tombstone that could not be read again would take all other sessions with it."""
    subjects.update(SUBJECT, login(1))
    with pytest.raises(ValueError, match="read back"):
        subjects.update(SUBJECT, lambda found, now: revoke(found, lambda _: True, None, now))
    assert numbers(subjects) == [1]


@pytest.mark.parametrize("data", [{"x": math.nan}, {"x": [math.nan, math.inf]}, {"x": b"\x00", "y": None}])
def test_what_reads_back_is_written(subjects, data):
    """NaN is not equal to itself, and reads back all the same; so do bytes."""
    subjects.update(SUBJECT, lambda found, now: admit(found, session(1, data=data), now, POLICY))
    subjects.update(SUBJECT, lambda found, now: touch(found, ONE.id, ONE.access, now + 99))
    assert repr(subjects.read(SUBJECT).record.sessions[0].data) == repr(data)


def test_a_clock_of_whole_seconds(memory):
    """A whole number reads back as a float, which is equal to it."""
    subjects = Records(memory, lambda: int(NOW))
    subjects.update(SUBJECT, lambda found, now: admit(found, session(1, at=int(NOW)), now, POLICY))
    assert numbers(subjects) == [1]


def test_blank_record_is_never_written(subjects, store, memory):
    """A change that leaves nothing of worth where nothing was stored writes nothing."""
    subjects.update(SUBJECT, lambda found, _now: Change(replace(found, ban=Ban(NOW - 2 * DAY, NOW - 1.5 * DAY)), None))
    assert (store.count("swap"), memory.load(SUBJECT)) == (0, None)


def test_emptied_record_is_deleted(subjects, memory):
    """STO-05: a record in which nothing is left is deleted, not stored empty."""
    subjects.update(SUBJECT, lambda found, now: ban(found, Ban(now, now + 60), now))
    subjects.update(SUBJECT, lambda found, _now: lift_ban(found))
    assert memory.load(SUBJECT) is None


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        pytest.param(login(1), NOW + 8 * DAY, id="session"),
        pytest.param(lambda found, now: ban(found, Ban(now, now + 400 * DAY), now), NOW + 401 * DAY, id="ban"),
        pytest.param(lambda found, now: forget(found, 1, now), NOW + MARKER_LIFETIME + BRIEFLY, id="marker"),
    ],
)
@pytest.mark.parametrize("leeway", [0.0, 10.0, 45.0])
def test_store_keeps_beyond_the_end(memory, clock, leeway, rule, kept):
    """STO-05: a store may forget a record a day and more after its sessions and its ban have ended, not before."""
    Records(memory, clock, leeway=leeway).update(SUBJECT, rule)
    assert memory.expires_at == kept + leeway + 60


def test_each_write_has_an_etag_of_its_own(subjects, memory):
    """Every write is named anew, so that an etag once gone never matches again."""
    etags = set()
    for number in range(20):
        subjects.update(SUBJECT, login(number))
        etags.add(memory.load(SUBJECT).etag)
    assert {len(etag) for etag in etags} == {8}
    assert len(etags) == 20


def test_recreated_record_has_another_version(subjects):
    """A record made anew draws a new user version, so that a load begun under the old one does not fit."""
    versions = set()
    for _ in range(5):
        subjects.update(SUBJECT, lambda found, now: ban(found, Ban(now, now + 60), now))
        versions.add(subjects.read(SUBJECT).record.user_version)
        subjects.update(SUBJECT, lambda found, _now: lift_ban(found))
    assert len(versions) == 5
    assert 0 not in versions


def test_try_update_writes(subjects):
    """An update that nobody overtakes is written in one round trip after the read."""
    subjects.update(SUBJECT, login(1))
    seen = subjects.read(SUBJECT)
    assert subjects.try_update(seen, lambda found, now: touch(found, ONE.id, ONE.access, NOW + 99))
    assert subjects.read(SUBJECT).record.sessions[0].seen == NOW + 99


def test_try_update_gives_up_on_a_lost_race(subjects, store):
    """REV-12: a touch that was overtaken by a revocation stops silently and resurrects nothing."""
    subjects.update(SUBJECT, login(1))
    seen = subjects.read(SUBJECT)
    subjects.update(SUBJECT, kick)
    swaps = store.count("swap")
    assert not subjects.try_update(seen, lambda found, now: touch(found, ONE.id, ONE.access, NOW + 99))
    assert store.count("swap") == swaps + 1
    assert numbers(subjects) == []


def test_refusal_is_written_before_it_is_told(subjects):
    """A reuse ends the session in the store; the refusal is left to the caller to raise."""
    subjects.update(SUBJECT, login(1))
    subjects.update(SUBJECT, lambda found, now: rotate(found, refresh(ONE), successor(1, 1), now, POLICY))
    current = subjects.read(SUBJECT).record.sessions[0]
    subjects.update(SUBJECT, lambda found, now: touch(found, current.id, current.access, now))
    change, _ = subjects.update(
        SUBJECT, lambda found, now: rotate(found, refresh(ONE), successor(1, 2), now + POLICY.overlap, POLICY)
    )
    assert change.refused.error == "token_reused"
    assert numbers(subjects) == []


def test_unconfirmed_write_says_so(subjects, store):
    """STO-10: done, but on fewer replicas than asked for, reaches the caller."""
    store.leave_unconfirmed()
    assert subjects.update(SUBJECT, login(1))[1] is False
    assert numbers(subjects) == [1]


def test_swap_outcomes_are_what_is_expected(memory):
    """The store used here keeps the contract these tests lean on."""
    assert memory.swap(SUBJECT, b"no such", Record(b"x", b"etag0000"), NOW) is Swap.LOST


def test_threads_of_one_process_lose_no_login(memory, clock):
    """Two hundred logins of one subject by eight threads in single mode leave exactly one session."""
    subjects = Records(memory, clock)

    def log_in(first):
        for number in range(first, 200, 8):
            subjects.update(SUBJECT, login(number, limit=1))

    threads = [threading.Thread(target=log_in, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers(subjects)) == 1
