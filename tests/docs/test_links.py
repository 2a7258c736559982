"""What the pages and the README name is there."""

from __future__ import annotations

import re
from pathlib import Path

import apps
import pytest

PAGES = [*sorted(apps.ROOT.glob("*.md")), *sorted(apps.ROOT.glob("docs/**/*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def _name(path: Path) -> str:
    return path.relative_to(apps.ROOT).as_posix()


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page, as Sphinx and code hosts make them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page):
    """Each link within the project has a target: a file, and in it the heading."""
    missing = []
    for link in LINK.findall(page.read_text("utf-8")):
        if re.match(r"https?://", link):
            continue
        file, _, heading = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (heading and heading not in anchors(target.read_text("utf-8"))):
            missing.append(link)
    assert missing == []


def test_the_files_of_the_tour_exist():
    """Every file that the way of a request leads through is there."""
    tour = (apps.ROOT / "docs" / "explanation" / "request.md").read_text("utf-8")
    names = re.findall(r"`([\w/]+(?:\.py|/))`", tour)
    assert len(names) > 10
    assert [name for name in names if not (apps.ROOT / "flask_gosession" / name).exists()] == []


def test_the_glossary_explains_the_terms():
    """The words that this package gives a meaning are explained, each once, in the order of the alphabet."""
    text = (apps.ROOT / "docs" / "explanation" / "glossary.md").read_text("utf-8")
    terms = re.findall(r"^(\S.*)\n: ", text, re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    assert {"client class", "lease", "level", "mark", "realm", "record", "session", "subject", "verdict"} <= set(terms)


@pytest.mark.parametrize("name", ["howto", "explanation"])
def test_each_page_of_a_part_is_shown_by_its_first(name):
    """The page that a part begins with has a link to each other one."""
    folder = apps.ROOT / "docs" / name
    shown = set(LINK.findall((folder / "index.md").read_text("utf-8")))
    assert {page.name for page in folder.glob("*.md")} - shown == {"index.md"}
