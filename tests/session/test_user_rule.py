"""Cached user info: a slow loader cannot put stale data back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flask_gosession.session.change import BRIEFLY, KEPT_AFTER_END, kept_until, tidy
from flask_gosession.session.record import UserInfo
from flask_gosession.session.user import FILL_WINDOW, MARKER_LIFETIME, fill, forget

from .build import NOW, POLICY, access, record, session, verdict

ONE = session(1)
OLD, NEW, GONE = b"\x81old", b"\x81new", b""


def info(value, loaded_at=NOW, ttl=300.0):
    """Return what a load that began at *loaded_at* has brought."""
    return UserInfo(loaded_at, loaded_at + ttl, value)


def test_fill_under_the_same_version():
    """A load that nobody has overtaken is cached."""
    found = record(ONE)
    change = fill(found, info(NEW), found.user_version, NOW + 1)
    assert (change.result, change.record) == (True, replace(found, user=info(NEW)))


def test_forget_beats_a_load_under_way():
    """A fill that began before `forget` is refused after it, and one that began after it is taken."""
    found = record(ONE, user=info(OLD))
    forgotten = forget(found, 1234, NOW + 1).record
    late = fill(forgotten, info(OLD), found.user_version, NOW + 2)
    assert (late.record is forgotten, late.result) == (True, False)
    assert fill(forgotten, info(NEW, NOW + 2), 1234, NOW + 3).record.user == info(NEW, NOW + 2)


def test_forget_after_the_fill_drops_it():
    """In the other order of the same race the cache is empty too."""
    found = record(ONE)
    filled = fill(found, info(OLD), found.user_version, NOW + 1).record
    assert forget(filled, 1234, NOW + 2).record.user is None


@pytest.mark.parametrize(("age", "taken"), [(FILL_WINDOW, True), (FILL_WINDOW + 0.001, False), (-5.0, True)])
def test_stale_fill_is_refused(age, taken):
    """A load that took more than thirty seconds is not cached, whatever the version says."""
    found = record(ONE)
    assert fill(found, info(NEW), found.user_version, NOW + age).result is taken


def test_marker_outlives_every_fill():
    """Where nothing is stored, `forget` leaves a marker that outlives the window of any fill, then goes."""
    marked = forget(record(), 1234, NOW).record
    assert marked.last_end == NOW + MARKER_LIFETIME > NOW + FILL_WINDOW
    assert not kept_until(marked) <= NOW + MARKER_LIFETIME
    assert kept_until(marked) <= NOW + MARKER_LIFETIME + BRIEFLY


def test_marker_never_gets_shorter():
    """A host whose clock is behind does not shorten the marker of another."""
    marked = forget(record(), 1, NOW).record
    assert forget(marked, 2, NOW - 50).record.marker_until == NOW + MARKER_LIFETIME


def test_recreated_record_refuses_the_old_version():
    """A record that was deleted and made anew has another random version, so an older load does not fit."""
    recreated = replace(record(ONE), user_version=99)
    assert not fill(recreated, info(OLD), record().user_version, NOW).result


@pytest.mark.parametrize(
    ("before", "after", "announced"),
    [
        pytest.param(None, NEW, False, id="first"),
        pytest.param(OLD, OLD, False, id="unchanged"),
        pytest.param(OLD, NEW, True, id="changed"),
        pytest.param(None, GONE, True, id="found to be gone"),
        pytest.param(OLD, GONE, True, id="gone now"),
        pytest.param(GONE, NEW, True, id="back again"),
        pytest.param(GONE, GONE, False, id="still gone"),
    ],
)
def test_announcement_of_a_fill(before, after, announced):
    """A fill that changes what others may have cached is announced; one that changes nothing is not."""
    found = record(ONE, user=None if before is None else info(before))
    assert fill(found, info(after), found.user_version, NOW + 1).announce is announced


def test_gone_again_after_its_end_is_announced():
    """When "no such user" had run out, and is found again, sessions that counted in between end."""
    found = record(ONE, user=info(GONE, NOW - 400))
    assert verdict(found, access(ONE), NOW, POLICY) == ("ok",)
    change = fill(found, info(GONE), found.user_version, NOW)
    assert change.announce
    assert verdict(change.record, access(ONE), NOW, POLICY)[0] == "user_not_found"


def test_forget_is_announced():
    """Other processes must drop what they hold about the user."""
    assert forget(record(ONE), 1234, NOW).announce


def test_forget_again_is_the_same():
    """A `forget` tried again after its answer was lost changes nothing further."""
    once = forget(record(ONE, user=info(OLD)), 1234, NOW).record
    assert forget(once, 1234, NOW).record == once


def test_old_user_info_is_tidied_away():
    """User info goes from the record five minutes after its end, for a slow clock's sake not before."""
    found = record(ONE, user=info(OLD))
    assert tidy(found, NOW + 300 + KEPT_AFTER_END - 1).user
    assert tidy(found, NOW + 300 + KEPT_AFTER_END).user is None
