"""Every colour of the stylesheet on what it stands on, by day and by night (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re

import apps
import pytest

CSS = (apps.ROOT / "example_app" / "static" / "app.css").read_text("utf-8")

TEXT = [
    *((ink, ground) for ink in ("ink", "faint", "accent") for ground in ("paper", "card")),
    ("ink", "tint"),
    ("accent", "tint"),
    ("on-accent", "accent"),
    ("on-danger", "danger"),
    ("on-calm", "calm"),
    ("on-notable", "notable"),
    ("on-serious", "serious"),
]
SHAPES = [
    ("edge", "card"),
    ("edge", "paper"),
    ("danger", "card"),
    ("accent", "paper"),
    *((f"series-{number}", "card") for number in range(6)),
]


def colours(scheme):
    """Return the custom properties that are colours, as they are in *scheme*."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    found = dict(re.findall(r"--([\w-]+): (#\w+);", light))
    return found if scheme == "light" else {**found, **dict(re.findall(r"--([\w-]+): (#\w+);", dark))}


def luminance(colour):
    """Return the relative luminance of ``#rgb`` or ``#rrggbb``, as WCAG defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """Return the contrast ratio of two colours, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXT, 4.5), (SHAPES, 3.0)], ids=["text", "shapes"])
def test_the_contrast_is_enough(scheme, pairs, least):
    """Text has 4.5 to 1 on its ground, the edges of fields and the bars of charts 3 to 1."""
    palette = colours(scheme)
    found = {pair: round(contrast(palette[pair[0]], palette[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < least} == {}


def test_the_ratio_is_the_one_of_the_standard():
    """Black on white is 21 to 1; the grey that is just enough on white is."""
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_colours_stand_in_one_place():
    """Below the custom properties no rule names a colour of its own."""
    rules = CSS.rpartition("* {\n  box-sizing")[2]
    assert re.findall(r"#[0-9a-f]{3,8}\b(?=[^{]*;)|rgba?\(|hsla?\(", rules) == []
