"""Session data is merged by key, capped, and never written to what has ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_gosession.session import encoding as records
from flask_gosession.session.data import DEEPEST, REMOVED, merge_data, size_of
from flask_gosession.session.revoke import revoke

from .build import NOW, SUBJECT, record, session

ONE = session(1, data={"cart": [1], "theme": "dark"})
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def merged(changes, found=None, cap=4096):
    """Merge into session 1 and return the change."""
    return merge_data(found or record(session(2), ONE), ONE.id, changes, NOW, cap)


def nested(levels):
    """Return a value of so many lists in each other."""
    value: list = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cart": [1, 2]}, {"cart": [1, 2], "theme": "dark"}),
        ({"new": 1}, {"cart": [1], "theme": "dark", "new": 1}),
        ({"cart": REMOVED}, {"theme": "dark"}),
        ({"cart": REMOVED, "theme": REMOVED}, None),
    ],
)
def test_changed_keys_are_merged(changes, expected):
    """Only the changed keys are written, the other keys and sessions stay."""
    change = merged(changes)
    assert change.result is True
    assert [each.data for each in change.record.sessions] == [None, expected]
    assert not change.announce


def test_two_writers_lose_nothing_of_each_other():
    """Two requests that change different keys both find theirs, and the later one wins a key of both."""
    found = merged({"a": 1, "both": 1}).record
    found = merged({"b": 2, "both": 2}, found).record
    assert found.session(ONE.id).data == {"cart": [1], "theme": "dark", "a": 1, "b": 2, "both": 2}


@pytest.mark.parametrize("changes", [{}, {"cart": [1]}, {"missing": REMOVED}])
def test_unchanged_writes_nothing(changes):
    """What is stored already is not written again."""
    found = record(ONE)
    assert merged(changes, found).record is found


@pytest.mark.parametrize("value", [[1.0], [True]])
def test_another_type_is_a_change(value):
    """A value that Python calls equal, but that reads differently, is written."""
    assert type(merged({"cart": value}).record.session(ONE.id).data["cart"][0]) is type(value[0])


def test_ended_session_takes_no_data():
    """Data of a session that was revoked or ran out meanwhile is dropped, and the result says so."""
    gone = revoke(record(ONE), lambda _: True, "kicked", NOW).record
    over = record(session(1, idle=0.0))
    for found in (gone, over):
        change = merged({"a": 1}, found)
        assert (change.record is found, change.result) == (True, False)


def test_cap_is_of_all_writers_together():
    """The cap is on what all have written; at the cap is allowed, a byte more is a clear error."""
    size = size_of({"a": "x" * 100, "b": "y" * 100})
    found = record(session(1, data={"a": "x" * 100}))
    assert merged({"b": "y" * 100}, found, cap=size).result
    with pytest.raises(ValueError, match=f"over {size - 1} bytes"):
        merged({"b": "y" * 100}, found, cap=size - 1)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({1: "a"}, id="number as key"),
        pytest.param({"a": object()}, id="object"),
        pytest.param({"a": 2**64}, id="too large a number"),
        pytest.param({"a": "\ud800"}, id="half a surrogate pair"),
        pytest.param({"a": nested(DEEPEST)}, id="deep"),
        pytest.param({"a": nested(5000)}, id="deeper than the stack"),
        pytest.param({"a": {"b": REMOVED}}, id="removed further inside"),
    ],
)
def test_what_cannot_be_read_again_is_refused(value):
    """STO-01: a value that would make the whole record unreadable is a TypeError before it is written."""
    with pytest.raises(TypeError, match="session data"):
        size_of(value)
    with pytest.raises(TypeError, match="session data"):
        merged(value)


@given(st.dictionaries(st.text(max_size=5), PLAIN, max_size=5))
def test_what_is_accepted_reads_again(data):
    """STO-01: whatever passes can be stored and read as it was."""
    found = merged(data, record(session(1)), cap=10**6).record
    read = records.read(records.encode(found), SUBJECT)
    assert read is not None
    assert (read.sessions[0].data or {}) == data


def test_merging_again_is_the_same():
    """A save tried again after its answer was lost changes nothing further."""
    once = merged({"cart": REMOVED, "new": 1}).record
    assert merged({"cart": REMOVED, "new": 1}, once).record is once
