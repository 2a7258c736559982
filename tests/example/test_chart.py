"""Counting sessions over time, and laying the counts out."""

from __future__ import annotations

import pytest

from example_app.activity import Life
from example_app.chart import HEIGHT, SERIES, SPANS, WIDTH, Span, live_sessions, sign_ins

SPAN = Span("Test", 10, 3, "%S")
NOW = 1_700_000_005.0


def numbers(chart):
    return [row for _, row in chart.rows]


def bars_of(chart):
    return [bar for step in chart.steps for bar in step.bars]


def test_sign_ins_are_counted_where_they_happened():
    """A step takes what happened from its beginning up to the next one's, and no earlier one is there."""
    start = SPAN.steps(NOW)[0]
    lives = [
        Life("web", start - 1, None),
        Life("web", start, None),
        Life("ios", start + 9.9, None),
        Life("web", NOW, NOW),
    ]
    chart = sign_ins(lives, SPAN, NOW)
    assert chart.clients == ["web", "ios"]
    assert numbers(chart) == [[1, 1], [0, 0], [1, 0]]


def test_live_sessions_are_those_that_live_at_the_end_of_a_step():
    """A session counts from its beginning until its end; the last step shows now, not a moment to come."""
    start = SPAN.steps(NOW)[0]
    lives = [Life("web", start - 100, None), Life("web", start + 1, start + 15), Life("web", NOW - 1, NOW + 1)]
    assert numbers(live_sessions(lives, SPAN, NOW)) == [[2], [1], [2]]


def test_bars_stand_on_each_other_inside_of_the_picture():
    """The bars of a step do not overlap, the most frequent is lowest, and their heights are as their numbers."""
    lives = [Life(client, NOW, None) for client in ("a", "b", "b", "c")]
    (step,) = (step for step in sign_ins(lives, SPAN, NOW).steps if step.bars)
    first, second, third = step.bars
    assert step.text.partition(": ")[2] == "2 b, 1 a, 1 c"
    assert first.y == pytest.approx(second.y + second.height, abs=0.2)
    assert second.y == pytest.approx(third.y + third.height, abs=0.2)
    assert first.height == pytest.approx(2 * second.height, abs=0.2)
    assert all(0 <= bar.x < bar.x + bar.width <= WIDTH and 0 <= bar.y < HEIGHT for bar in (first, second, third))


def test_a_class_keeps_its_colour():
    """A client class has the same colour in both charts, and there are colours enough for any number of classes."""
    lives = [Life("a", NOW - 1000, None), Life("b", NOW, None)]
    assert [bar.series for bar in bars_of(sign_ins(lives, SPAN, NOW))] == [1]
    crowd = [Life(f"class {number}", NOW, None) for number in range(20)]
    assert {bar.series for bar in bars_of(sign_ins(crowd, SPAN, NOW))} == set(range(SERIES))


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_nothing_is_a_chart_too(span):
    """Without any session there are axes and no bars."""
    chart = live_sessions([], span, NOW)
    assert (chart.clients, bars_of(chart)) == ([], [])
    assert {step.text.partition(": ")[2] for step in chart.steps} == {"none"}
    assert [mark.text for mark in chart.counts] == ["0", "1", "2"]
    assert len(chart.rows) == span.parts
    assert 3 <= len(chart.times) <= 4


@pytest.mark.parametrize(("count", "top"), [(1, "2"), (3, "4"), (7, "10"), (11, "20"), (41, "60"), (99, "100")])
def test_the_axis_ends_at_a_round_number(count, top):
    """The highest mark is round and no lower than the highest bar."""
    chart = sign_ins([Life("web", NOW, None)] * count, SPAN, NOW)
    assert chart.counts[-1].text == top
