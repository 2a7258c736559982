"""What callers may pass, read in one place."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest

from flask_gosession.session.arguments import read_remember, valid_instant, valid_lifetime, valid_reason, valid_seconds


@pytest.mark.parametrize("value", [True, 1, "on", "ON", "true", "True", "1", "yes", "y", "t"])
def test_remember_me_is_ticked(value):
    """A form, a script and Python spell a yes in different ways."""
    assert read_remember(value) is True


@pytest.mark.parametrize("value", [False, 0, None, "", "off", "false", "False", "0", "no", "n", "f"])
def test_remember_me_is_not_ticked(value):
    """No box, an empty box and a no are one and the same."""
    assert read_remember(value) is False


@pytest.mark.parametrize("value", [2, -1, 0.0, 1.0, math.nan, "maybe", " on", "on\n", b"on", [], ["on"], {}, object()])
def test_remember_me_is_unclear(value):
    """The list is closed: whether somebody is remembered is never guessed."""
    with pytest.raises(ValueError, match='remember is a boolean, or what a form sends: "on"'):
        read_remember(value)


@pytest.mark.parametrize("value", [None, "", "Evicted", "because", 5, True, ["evicted"], {}])
def test_a_reason_that_is_none(value):
    """Only the documented reasons are stored: what reads a record has to know them."""
    with pytest.raises(ValueError, match='a reason is one of "logged_out"'):
        valid_reason(value)


@pytest.mark.parametrize("value", [None, True, 1j, [], object()])
def test_a_duration_of_no_type(value):
    """A duration is a timedelta, a number or text, and a boolean is none of these."""
    with pytest.raises(TypeError, match="ttl must be a timedelta, a number of seconds, or text"):
        valid_seconds("ttl", value)
    with pytest.raises(TypeError, match="idle must be a timedelta, a number of seconds, or text"):
        valid_lifetime("idle", value, 60)


@pytest.mark.parametrize("value", [-1, -0.1, math.nan, math.inf, -math.inf, 10**400, timedelta(-1), "-1h", "soon"])
def test_a_duration_out_of_range(value):
    """What no record can hold is refused, however large."""
    with pytest.raises(ValueError, match=r"ttl (is|must be) a"):
        valid_seconds("ttl", value)
    with pytest.raises(ValueError, match=r"idle (is more than 0 and at most 60 seconds|must be)"):
        valid_lifetime("idle", value, 60)


@pytest.mark.parametrize("value", [90, 90.0, "90", "90s", "1.5m", " 1.5 min ", timedelta(minutes=1.5)])
def test_a_duration_in_every_form(value):
    """The forms of the settings, wherever a duration is passed."""
    assert valid_seconds("ttl", value) == valid_lifetime("idle", value, 100) == 90


@pytest.mark.parametrize("value", [1e9, 10**9, datetime(2001, 9, 9, 1, 46, 40, tzinfo=timezone.utc)])
def test_a_moment_in_every_form(value):
    """A Unix time, or a datetime that says where its clock is."""
    assert valid_instant("until", value) == 1e9


@pytest.mark.parametrize("value", [None, True, "1h", timedelta(1), [], object()])
def test_a_moment_of_no_type(value):
    """An hour is no moment."""
    with pytest.raises(TypeError, match="until must be a Unix time in seconds, or a datetime with its time zone, not"):
        valid_instant("until", value)


def test_a_datetime_without_a_time_zone():
    """Whose noon it is, nobody could tell."""
    with pytest.raises(ValueError, match="until must have a time zone"):
        valid_instant("until", datetime(2030, 1, 1))  # noqa: DTZ001 - that is the point
