"""Counts sessions over time and lays the counts out as stacked bars, for a template to draw as SVG.

Drawn here, and not by a chart library: those at hand put script and style into the picture, which the app's content
security policy forbids, and their colours do not follow the page into dark mode.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from itertools import accumulate
from typing import NamedTuple

from example_app.activity import Life

WIDTH, HEIGHT = 360, 200
LEFT, TOP, RIGHT, BOTTOM = 36, 28, 4, 28
"""Of the picture, in its own units."""

SERIES = 6
"""There are as many colours; further client classes share the last."""


class Span(NamedTuple):
    """A stretch of time up to now: *parts* steps of so many seconds, and how to write the time of one."""

    title: str
    step: int
    parts: int
    form: str

    def steps(self, now: float) -> list[float]:
        """Return the Unix times at which the steps begin; the last is the one that *now* lies in."""
        last = now - now % self.step
        return [last - self.step * back for back in reversed(range(self.parts))]


SPANS = {
    "hour": Span("Last hour", 300, 12, "%H:%M"),
    "day": Span("Last 24 hours", 3600, 24, "%H:%M"),
    "month": Span("Last 30 days", 86_400, 30, "%d %b"),
}


class Bar(NamedTuple):
    """One rectangle of the picture, in the colour of its series."""

    x: float
    y: float
    width: float
    height: float
    series: int


class Step(NamedTuple):
    """One step of time: where it stands, its bars from the bottom up, and what is shown to whoever points at it."""

    x: float
    width: float
    bars: list[Bar]
    text: str


class Mark(NamedTuple):
    """A text beside an axis, and where it stands along it."""

    at: float
    text: str


class Chart(NamedTuple):
    """Stacked bars, and the same numbers as rows of a table: the time, then a number for each client class."""

    clients: list[str]
    rows: list[tuple[str, list[int]]]
    steps: list[Step]
    times: list[Mark]
    counts: list[Mark]


def sign_ins(lives: Sequence[Life], span: Span, now: float) -> Chart:
    """Count the sign-ins in each step of *span*."""
    return _chart(lives, span, now, lambda life, start: start <= life.began < start + span.step)


def live_sessions(lives: Sequence[Life], span: Span, now: float) -> Chart:
    """Count the sessions that were live at the end of each step of *span*, in the last one those live now."""

    def lived(life: Life, start: float) -> bool:
        then = min(now, start + span.step)
        return life.began <= then and (life.ended is None or life.ended > then)

    return _chart(lives, span, now, lived)


def _chart(lives: Sequence[Life], span: Span, now: float, counts: Callable[[Life, float], bool]) -> Chart:
    steps = span.steps(now)
    found = [Counter(life.client for life in lives if counts(life, start)) for start in steps]
    # The most frequent first, also those not in this chart: a class keeps its colour, and the rare ones share one.
    clients = [name for name, _ in Counter(sorted(life.client for life in lives)).most_common()]
    names = [datetime.fromtimestamp(start, timezone.utc).strftime(span.form) for start in steps]
    rows = [(name, [count[client] for client in clients]) for name, count in zip(names, found, strict=True)]
    top = _round_up(max(sum(row) for _, row in rows))
    drawn = [_step(index, row, len(rows), top, clients) for index, row in enumerate(rows)]
    return Chart(clients, rows, drawn, _times(names), [Mark(_y(n, top), str(n)) for n in (0, top // 2, top)])


def _step(index: int, row: tuple[str, list[int]], count: int, top: int, clients: list[str]) -> Step:
    """Return one step, each of its rectangles on top of the one before."""
    name, numbers = row
    width = (WIDTH - LEFT - RIGHT) / count
    left = LEFT + index * width
    bars = [
        Bar(
            round(left + width * 0.12, 1),
            _y(total, top),
            round(width * 0.76, 1),
            round(_y(0, top) - _y(number, top), 1),
            min(series, SERIES - 1),
        )
        for series, (number, total) in enumerate(zip(numbers, accumulate(numbers), strict=True))
        if number
    ]
    said = ", ".join(f"{number} {client}" for number, client in zip(numbers, clients, strict=True) if number)
    return Step(round(left, 1), round(width, 1), bars, f"{name}: {said or 'none'}")


def _times(names: list[str]) -> list[Mark]:
    """Name every fourth part of the time: more would not be legible on a phone."""
    width = (WIDTH - LEFT - RIGHT) / len(names)
    quarter = -(-len(names) // 4)
    return [Mark(round(LEFT + (index + 0.5) * width, 1), names[index]) for index in range(0, len(names), quarter)]


def _y(number: float, top: int) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - number / top), 1)


def _round_up(number: int) -> int:
    """Return an even number with few digits that is no less than *number*, and at least 2."""
    for ten in (1, 10, 100, 1000, 10_000):
        for factor in (2, 4, 6, 10):
            if number <= factor * ten:
                return factor * ten
    return number + number % 2
