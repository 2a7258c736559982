"""What a package index shows."""

from __future__ import annotations

import re
from importlib.metadata import metadata

TOLD = metadata("Flask-GoSession")
DESCRIPTION = TOLD.get_payload() or TOLD["Description"]


def test_no_link_leads_nowhere():
    """The README's links into the repository are plain words there, and its picture is left out."""
    links = re.findall(r"\]\(([^)]*)\)", DESCRIPTION)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert "![" not in DESCRIPTION
    assert "Tutorial: a small app" in DESCRIPTION


def test_the_first_sentence_says_what_it_is():
    """The summary is one sentence without the words of the trade."""
    assert TOLD["Summary"].endswith(".")
    assert not re.search(r"JWT|subject|record", TOLD["Summary"])
