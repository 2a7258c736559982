"""The figures as tables: those of docs/explanation/performance.md, and the row of README.md that quotes them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import picture
from .bench import Figure

ROOT = Path(__file__).parents[2]
PAGE, README = ROOT / "docs" / "explanation" / "performance.md", ROOT / "README.md"
BEGIN, END = "<!-- measured: python -m benchmarks --page writes what follows -->", "<!-- measured, to here -->"
README_ROWS: Mapping[str, tuple[str, ...]] = {
    "µs added to a request, with the user": (
        "Flask-Login, user",
        "Flask-JWT-Extended, blocklist, user",
        "Flask-Session + Flask-Login",
        "gosession",
    ),
    "the same, at level `cached`": ("", "", "", "gosession, cached"),
}
"""The rows of the README's table that are measured, with the stack in each column; nothing for one that has none."""


def write(machine: Mapping[str, Any], figures: Mapping[str, Sequence[Figure]], about: Mapping[str, str]) -> None:
    """Put the figures of a whole run into both pages, with a sentence *about* each benchmark."""
    day = time.strftime("%d %B %Y").lstrip("0")
    PAGE.write_text(between(PAGE.read_text("utf-8"), measured(day, machine, figures, about)), "utf-8")
    README.write_text(quoted(README.read_text("utf-8"), day, machine, figures), "utf-8")


def measured(
    day: str, machine: Mapping[str, Any], figures: Mapping[str, Sequence[Figure]], about: Mapping[str, str]
) -> str:
    """Return what the page says between its two marks."""
    parts = [f"{day}; " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "."]
    if "strict" in figures:
        parts.append(_compared(figures["strict"]))
    for name, found in figures.items():
        rows = [_row(one) for one in found if not one.what.endswith(picture.SUFFIX)]
        parts += [f"### {name}", about[name], _table(("what", "measured", "goal", ""), rows)]
    return "\n\n".join(parts)


def quoted(readme: str, day: str, machine: Mapping[str, Any], figures: Mapping[str, Sequence[Figure]]) -> str:
    """Return the README with what was added to a request, and the sentence about how it was measured."""
    added = _added(figures.get("strict", ()))
    first = next(iter(added.values()), {})
    if not {stack for stacks in README_ROWS.values() for stack in stacks if stack} <= first.keys():
        return readme
    for label, stacks in README_ROWS.items():
        row = " | ".join(f"{first[stack]:.0f}" if stack else "-" for stack in stacks)
        readme = re.sub(rf"^\| {re.escape(label)} \|.*$", f"| {label} | {row} |", readme, flags=re.MULTILINE)
    told = f"Measured with Redis on {day}, load {machine['load'].split()[0]} on {machine['cores']} cores:"
    return re.sub(r"^Measured with Redis on .*?:", told, readme, flags=re.MULTILINE)


def between(text: str, content: str) -> str:
    """Return *text* with *content* between the two marks. Raises ValueError where one is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page has lost the marks between which the figures stand")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def _added(figures: Iterable[Figure]) -> dict[str, dict[str, float]]:
    """Return the microseconds that each stack adds in the calmest tenth, by placement."""
    found: dict[str, dict[str, float]] = {}
    for one in figures:
        if one.what.endswith(picture.SUFFIX):
            found.setdefault(one.place, {})[one.what.removesuffix(picture.SUFFIX).strip()] = one.middle
    return found


def _compared(figures: Iterable[Figure]) -> str:
    added = _added(figures)
    stacks = dict.fromkeys(stack for place in added.values() for stack in place)
    rows = [(stack, *(f"{place[stack]:.0f}" for place in added.values())) for stack in stacks]
    return _table(("added to a bare view, µs in the calmest tenth", *added), rows)


def _row(one: Figure) -> tuple[str, ...]:
    verdict = {None: "", True: "met", False: "**missed**"}[one.met]
    what = f"{one.what.strip()}, {one.place}" if one.place else one.what.strip()
    return what, f"{one.shown} {one.unit}".strip(), one.goal.replace("<=", "≤").replace(">=", "≥"), verdict


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
