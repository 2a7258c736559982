"""A thief of one pair of tokens is caught, or locked out, within minutes of the owner's next refresh."""

from __future__ import annotations

import pytest

from flask_gosession.session import rotate

from .figures import Thefts, thefts
from .thieves import THIEVES

SMALL_SHARE = 0.03
HALF_AN_HOUR = 1800.0


def seldom(found: Thefts) -> bool:
    """Whether the thieves had access for a small share of the time, and all came to an end."""
    return found.share <= SMALL_SHARE and not found.endings["lives on"]


@pytest.mark.parametrize("kind", THIEVES)
def test_twenty_thefts(kind):
    """REF-03, LIF-02: no thief is there for more than 3 % of three days, whatever the method."""
    assert seldom(thefts(kind, 20, 3))


@pytest.mark.long
@pytest.mark.parametrize("kind", THIEVES)
def test_thousands_of_thefts(kind):
    """REF-03, LIF-02: the same of so many; and half of those who live by polling are caught within half an hour."""
    found = thefts(kind, 20_000, 3)
    assert seldom(found)
    if kind.startswith(("polling", "renewed cookie, polling", "reader")):
        assert found.caught_after is not None
        assert found.caught_after < HALF_AN_HOUR


def test_model_can_see_a_thief_who_lives_on(monkeypatch):
    """Without the cap on forks a thief who polls with a renewed cookie lives on: what the model says is not idle."""
    monkeypatch.setattr(rotate, "MOST_FORKS", 10**9)
    assert not seldom(thefts("renewed cookie, polling every 60 s", 10, 1))
