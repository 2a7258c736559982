"""The comparison as a picture: what each stack adds to a bare view."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .bench import Figure

SUFFIX = " adds, in the calmest tenth"


def draw(figures: Iterable[Figure], path: Path) -> None:
    """Write an SVG with a bar for each stack, drawn by pygal (extra ``bench``), to *path*.

    The figures are those of the first placement that was measured.
    """
    import pygal
    from pygal.style import CleanStyle

    added: dict[str, float] = {}
    for figure in figures:
        if figure.what.endswith(SUFFIX):
            added.setdefault(figure.what.removesuffix(SUFFIX).strip(), figure.middle)
    chart = pygal.HorizontalBar(
        style=CleanStyle,
        show_legend=False,
        print_values=True,
        height=40 * len(added) + 120,
        title="What a checked request adds to a bare Flask view, in µs",
        js=(),
        x_label_rotation=0,
    )
    chart.value_formatter = lambda value: f"{value:.0f}"
    names = sorted(added, key=lambda name: added[name], reverse=True)
    chart.x_labels = names
    colors = {True: "#1b7f5c", False: "#9aa5b1"}
    chart.add("", [{"value": added[name], "color": colors[name.startswith("gosession")]} for name in names])
    # Only what is seen: pygal's remarks and its configuration for scripts are for pages that load its script.
    path.write_bytes(re.sub(rb"<!--.*?-->|<script.*?</script>", b"", chart.render(), flags=re.DOTALL))
