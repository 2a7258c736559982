"""Honest clients are hardly ever taken for thieves, whatever goes wrong between them and the server."""

from __future__ import annotations

import re
from math import ceil
from pathlib import Path

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


PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "refreshing.md"
OTHERS = "every other kind"
ROWS = {
    **dict.fromkeys(("tabs", "phone"), "tabs, phone"),
    **dict.fromkeys(("overload", "backlog"), "60 % of the answers lost; backlog"),
    "proxy": "a proxy that sends requests again",
    "cookies, late answers": "late cookies",
    "clocks 120 s apart": "hosts whose clocks are 120 s apart",
    "failover": "a store that loses writes",
    **dict.fromkeys(
        ("signature routes", "some signature routes"), "routes checked by signature, all or half of the uses"
    ),
    "re-authentications": "the credentials shown again",
    "sleeping worker": "a client that sleeps",
    "rolled back": "a client whose storage falls back",
    "own copies": "tabs that each keep a copy",
}
"""The kinds that have rows of their own on the page."""


def allowed(kind: str) -> tuple[float, float]:
    """Return the shares of many histories that may end in a theft, and in a sign-out."""
    return 0 if kind in NEVER else TAKEN_FOR_THEFT.get(kind, RARELY), SIGNED_OUT.get(kind, RARELY)


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
    ended, (taken_for_theft, signed_out) = honest(kind, 20_000), allowed(kind)
    assert ended["theft"] <= 20_000 * taken_for_theft
    assert ended["signed out"] <= 20_000 * signed_out


def test_the_page_says_what_is_allowed():
    """What docs/explanation/refreshing.md says of the limits, per million, is what the test above goes by."""
    table = PAGE.read_text("utf-8").partition("Per million, it allows:")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| (.*?) \| (.*) \|$", table, re.MULTILINE))
    assert set(told) == {*ROWS.values(), OTHERS, "kind"}
    for kind in KINDS:
        said = " | ".join("all" if share == 1 else f"{1e6 * share:,.0f}" for share in allowed(kind))
        assert told[ROWS.get(kind, OTHERS)] == said, kind


def test_copies_of_one_refresh_token_are_no_honest_history():
    """Tabs that each keep a copy to themselves look like thieves to each other: the model can see a theft."""
    assert honest("own copies", 200)["theft"] > 100
