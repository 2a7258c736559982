"""Honest clients are hardly ever taken for thieves, whatever goes wrong between them and the server."""

from __future__ import annotations

from math import ceil

import pytest

from .conditions import KINDS
from .figures import honest

TAKEN_FOR_THEFT = {
    "proxy": 0.001,
    "cookies, late answers": 0.004,
    "clocks 120 s apart": 0.01,
    "sleeping worker": 0.06,
    "rolled back": 0.2,
    "own copies": 1.0,
}
"""At most so great a share, where a client shows what only a thief would have: a pair from long before."""
RARELY = 0.0002
NEVER = {"tabs", "phone", "overload", "failover", "backlog"}
SIGNED_OUT = {"failover": 0.05, "re-authentications": 0.4, "signature routes": 0.01, "some signature routes": 0.01}
"""At most so great a share has to sign in again, where a store or a network has lost what would have been needed."""


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_honest_histories(kind):
    """REF-03, REF-07: no theft where nobody shows what only a thief would have, and hardly a sign-out."""
    ended = honest(kind, 200)
    assert ended["theft"] <= ceil(200 * TAKEN_FOR_THEFT.get(kind, 0))
    assert ended["signed out"] <= ceil(200 * SIGNED_OUT.get(kind, 0))


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_thousand_honest_histories(kind):
    """REF-03, REF-07: the same of so many; none at all among tabs and phones, under overload, failover and backlog."""
    ended = honest(kind, 20_000)
    assert ended["theft"] <= (0 if kind in NEVER else 20_000 * TAKEN_FOR_THEFT.get(kind, RARELY))
    assert ended["signed out"] <= 20_000 * SIGNED_OUT.get(kind, RARELY)


def test_copies_of_one_refresh_token_are_no_honest_history():
    """Tabs that each keep a copy to themselves look like thieves to each other: the model can see a theft."""
    assert honest("own copies", 200)["theft"] > 100
