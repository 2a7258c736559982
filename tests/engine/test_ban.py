"""The bounds of a ban, as the manager takes it."""

from __future__ import annotations

import math

import pytest

from flask_gosession.events import BanLifted, LoggedIn, NotBeforeSet, Revoked, SubjectBanned


@pytest.mark.parametrize("seconds", [0, -1, 3661 * 86_400, math.nan, math.inf])
def test_a_ban_ends_in_the_future_within_ten_years(manager, store, seconds):
    """A ban without an end, or one that is over, is refused before anything is written."""
    with pytest.raises(ValueError, match=r"within ten years|number of seconds"):
        manager.ban("ada", until=manager.clock() + seconds)
    assert store.calls == []


def test_what_a_ban_tells(manager, clock, told):
    """Each live session ends by an event of its own, then the ban is told, and its lifting once."""
    manager.login("ada")
    until = clock() + 60
    manager.ban("ada", until=until, reason="spam")
    assert manager.lift_ban("ada")
    assert not manager.lift_ban("ada")
    assert [type(event) for event in told] == [LoggedIn, Revoked, NotBeforeSet, SubjectBanned, BanLifted]
    assert (told[1].reason, told[3].until, told[3].reason) == ("banned", until, "spam")


def test_the_ban_in_force(manager, clock):
    """`ban_of` returns the ban while it is in force."""
    assert manager.ban_of("ada") is None
    manager.ban("ada", until=clock() + 60, message="x" * 500)
    assert len(manager.ban_of("ada").message) == 200
    clock.advance(60)
    assert manager.ban_of("ada") is None
