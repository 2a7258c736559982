"""A policy that is made by hand."""

from __future__ import annotations

import inspect
from datetime import datetime, timedelta, timezone

import pytest

from flask_gosession import Policy
from flask_gosession.session.policy import DURATIONS

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("given", ["90s", "1.5m", 90, 90.0, "90", timedelta(seconds=90)], ids=str)
def test_every_duration_in_every_form(name, given):
    """Seconds, a timedelta or text: kept in seconds."""
    kept = getattr(Policy(**{name: given}), name)
    assert (kept, type(kept)) == (90.0, float)


def test_the_rules_go_by_seconds():
    """What follows from the durations follows from them in any form."""
    policy = Policy(
        rotation_grace="1m", leeway=timedelta(seconds=5), absolute_timeout="1h", remember_absolute_timeout="2h"
    )
    assert (policy.overlap, policy.longest_lifetime) == (65.0, 7200.0)


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("given", ["soon", "-1s", -1, float("inf"), float("nan"), None, True, [60], ""], ids=str)
def test_what_is_no_duration(name, given):
    """It is an error where the policy is made, and names the field."""
    with pytest.raises((TypeError, ValueError), match=f"^{name} must"):
        Policy(**{name: given})


def test_until_when():
    """The moment until which foreign credentials count may be a datetime with its time zone, or a Unix time."""
    assert Policy(legacy_until=NOON).legacy_until == Policy(legacy_until=NOON.timestamp()).legacy_until
    with pytest.raises(ValueError, match="legacy_until must have a time zone"):
        Policy(legacy_until=NOON.replace(tzinfo=None))


def test_all_durations_are_known():
    """Each field that counts seconds is one of them."""
    counted = {name for name, kind in inspect.get_annotations(Policy).items() if kind == "float"}
    assert counted == set(DURATIONS)
    assert list(inspect.signature(Policy).parameters) == [*Policy.__struct_fields__]
