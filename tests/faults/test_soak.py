"""Workers that are used for long hold no more memory, descriptors or records than after the warm-up."""

from __future__ import annotations

import pytest

from .soak import SHORT, Held, complaints, soak
from .stages import is_installed


@pytest.mark.long
@pytest.mark.parametrize("stage", ["redis", "sqlite"])
def test_a_short_soak(stage):
    """A quarter of a minute leaves hardly anything behind; `python -m faults.soak` takes its time and measures."""
    if not is_installed(stage):
        pytest.skip(f"{stage} is not installed")
    assert soak(stage, "gthread", 0.25, SHORT) == []


@pytest.mark.parametrize(
    ("after", "left", "told"),
    [
        (Held(1049, 7), 0, []),
        (Held(1060, 7), 0, ["memory grew by 6%"]),
        (Held(1000, 8), 0, ["1 descriptors more"]),
        (Held(1000, 7), 2, ["2 records never end"]),
    ],
)
def test_what_grew(after, left, told):
    """Five per cent of memory are forgiven, and neither a descriptor nor a record."""
    assert complaints(Held(1000, 7), after, left) == told


def test_a_short_warm_up_is_made_allowance_for():
    """Code that has not run by then may still come, but not without end; every connection was there before."""
    assert complaints(Held(1000, 7), Held(1299, 7), 0, SHORT) == []
    assert len(complaints(Held(1000, 7), Held(1301, 8), 0, SHORT)) == 2
