"""What is printed, and what is kept, of the outcomes."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

from .model import NOT_ANSWERED
from .runs import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "faults.md"
TABLE = "## What was broken"
"""The heading below which the page has the table, and nothing else."""

HEAD = ("fault", "runs", "answers while it lasted", "slowest answer", "all well after", "violations")


def line_of(outcome: Outcome) -> str:
    """Return one outcome as a line, its violations below."""
    times = f"slowest {outcome.slowest:.2f} s, recovery {outcome.recovery:.2f} s, stall {outcome.stall:.2f} s"
    what = f"{outcome.fault} [{outcome.worker}]: {shown(outcome.refused)}; {times}; lost {outcome.lost}"
    return "\n  VIOLATED ".join([what, *outcome.violations[:20]])


def rows(outcomes: list[Outcome]) -> list[str]:
    """Return a Markdown table with a row per fault."""
    lines = [" | ".join(HEAD), " | ".join("---" for _ in HEAD)]
    lines += [" | ".join(_row(list(runs))) for _, runs in groupby(sorted(outcomes, key=_name), _name)]
    return [f"| {line} |" for line in lines]


def _name(outcome: Outcome) -> str:
    return outcome.fault


def _row(runs: list[Outcome]) -> list[str]:
    statuses = sum((one.refused for one in runs), Counter[int]())
    recoveries = [one.recovery for one in runs]
    return [
        runs[0].fault,
        str(len(runs)),
        shown(statuses),
        f"{max(one.slowest for one in runs):.2f} s",
        f"{min(recoveries):.1f} - {max(recoveries):.1f} s",
        str(sum(len(one.violations) for one in runs)),
    ]


def shown(statuses: Counter[int]) -> str:
    """Return how many answers of each status there were."""
    names = {NOT_ANSWERED: "none"}
    return ", ".join(f"{count} x {names.get(status, status)}" for status, count in sorted(statuses.items()))


def as_json(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the outcomes with the machine and the time."""
    machine = {"python": platform.python_version(), "system": platform.platform()}
    return {"date": time.strftime("%Y-%m-%d"), **machine, "outcomes": [vars(outcome) for outcome in outcomes]}


def not_run(absent: list[str]) -> str:
    """Return a sentence about what is not installed."""
    return f"Not run, because it is not installed there: {', '.join(absent)}." if absent else "Nothing was left out."


def page_of(outcomes: list[Outcome], absent: list[str]) -> str:
    """Return what stands on the page below the heading."""
    found = as_json(outcomes)
    workers = ", ".join(sorted({one.worker for one in outcomes}))
    stalls = max((one.stall for one in outcomes), default=0)
    where = f"{found['date']}, {os.cpu_count()} cores, Python {found['python']}, workers: {workers}."
    late = f"A thread that does nothing was up to {stalls:.2f} s late meanwhile."
    return "\n".join([TABLE, "", f"{where} {late}", "", *rows(outcomes), "", not_run(absent), ""])


def write_page(outcomes: list[Outcome], absent: list[str]) -> None:
    """Replace the table on the page by that of these outcomes."""
    text = PAGE.read_text("utf-8").partition(TABLE)[0]
    PAGE.write_text(text + page_of(outcomes, absent), "utf-8")
