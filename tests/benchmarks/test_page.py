"""The figures as they stand in the documentation: in tables, and the same in the README."""

from __future__ import annotations

import re

import pytest

from benchmarks import page, picture
from benchmarks.__main__ import ALL
from benchmarks.bench import Figure, said
from benchmarks.measure import Ratio

STACKS = [stack for stacks in page.README_ROWS.values() for stack in stacks if stack]
MACHINE = {"Python": "3.13.1", "cores": 2, "load": "0.1 0.2 0.3"}
FIGURES = {
    "strict": [
        Figure("gosession / bare_get", Ratio(1.05, 1.0, 1.1), "<= 1.10", place="one core"),
        *(
            Figure(f"  {name}{picture.SUFFIX}", 100.0 * turn, unit="us", place=place)
            for place in ("as it comes", "one core")
            for turn, name in enumerate(STACKS, 1)
        ),
    ],
    "purge": [said("50000 ended records from file", 4.0, "<= 3", "s")],
}


def test_the_readme_quotes_the_page():
    """What a request costs, and when that was measured, is the same in the README and on the page."""
    told, readme = page.PAGE.read_text("utf-8"), page.README.read_text("utf-8")
    measured = told.partition(page.BEGIN)[2].partition(page.END)[0]
    for label, stacks in page.README_ROWS.items():
        row = re.search(rf"^\| {re.escape(label)} \| (.*) \|$", readme, re.MULTILINE)
        assert row, label
        for stack, quoted in zip(stacks, row[1].split(" | "), strict=True):
            line = rf"^\| {re.escape(stack)} \| {quoted} \|"
            assert re.search(line, measured, re.MULTILINE) if stack else quoted == "-", stack
    assert f"Measured with Redis on {measured.strip().partition(';')[0]}," in readme


@pytest.mark.parametrize("name", ALL)
def test_the_page_has_every_benchmark(name):
    """The page is written from a whole run, which leaves none out."""
    assert f"\n### {name}\n" in page.PAGE.read_text("utf-8").partition(page.BEGIN)[2]


def test_figures_become_tables():
    """Each figure stands in a table with its goal and whether that is met; the comparison has a column a placement."""
    text = page.measured("1 May 2026", MACHINE, FIGURES, {"strict": "Compares.", "purge": "Deletes."})
    assert text.startswith("1 May 2026; Python 3.13.1, cores 2, load 0.1 0.2 0.3.")
    assert "| added to a bare view, µs in the calmest tenth | as it comes | one core |" in text
    assert "| gosession | 400 | 400 |" in text
    assert "### purge\n\nDeletes.\n\n| what |" in text
    assert "| gosession / bare_get, one core | 1.05 (1.00-1.10) x | ≤ 1.10 | met |" in text
    assert "| 50000 ended records from file | 4.00 s | ≤ 3 | **missed** |" in text


def test_only_what_is_between_the_marks_is_written():
    """The text around the figures stays; a page without the marks is left alone."""
    old = f"before\n{page.BEGIN}\n\nold\n\n{page.END}\nafter\n"
    assert page.between(old, "new") == old.replace("old", "new")
    with pytest.raises(ValueError, match="lost the marks"):
        page.between("before after", "new")


def test_the_readme_is_written_from_the_same_figures():
    """Its row and its sentence name what was measured; figures without the comparison change nothing."""
    one, other = page.README_ROWS
    old = f"| {one} | 1 | 2 | 3 | 4 |\n| {other} | - | - | - | 5 |\n\nMeasured with Redis on some day: [how](page).\n"
    new = page.quoted(old, "1 May 2026", MACHINE, FIGURES)
    assert f"| {one} | 100 | 200 | 300 | 400 |\n| {other} | - | - | - | 500 |\n" in new
    assert "Measured with Redis on 1 May 2026, load 0.1 on 2 cores: [how](page)." in new
    assert page.quoted(old, "1 May 2026", MACHINE, {"purge": FIGURES["purge"]}) == old
