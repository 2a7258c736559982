"""Workers that are used for long hold no more memory, descriptors or records than after the warm-up."""

from __future__ import annotations

import time

import pytest

from flask_gosession import ids
from flask_gosession.stores.base import Record
from flask_gosession.stores.registry import open_store

from .app import DAY
from .soak import KEPT_AT_MOST, SHORT, Held, complaints, soak, stored
from .stages import STAGES, is_installed, redis_of


@pytest.mark.long
@pytest.mark.parametrize("stage", ["redis", "sqlite"])
def test_a_short_soak(stage):
    """A quarter of a minute leaves hardly anything behind; `python -m faults.soak` takes its time and measures."""
    if not is_installed(stage):
        pytest.skip(f"{stage} is not installed")
    assert soak(stage, "gthread", 0.25, SHORT) == []


@pytest.mark.parametrize("stage", ["redis", "sqlite", "files"])
def test_records_are_counted(stage):
    """Of each store all records are counted, and those that a purge, or Redis by itself, would not take away."""
    if not is_installed(stage):
        pytest.skip(f"{stage} is not installed")
    with STAGES[stage][0]() as scene:
        store = open_store(scene.direct)
        for name, left in (("soon", 60), ("in time", KEPT_AT_MOST - DAY), ("too late", KEPT_AT_MOST + DAY)):
            store.swap(name, None, Record(b"value", ids.new_etag()), time.time() + left)
        store.close()
        assert stored(scene) == (3, 1)
        if stage == "redis":
            redis_of(scene).set("forgotten", "by somebody")
            assert stored(scene) == (4, 2)


@pytest.mark.parametrize(
    ("after", "endless", "told"),
    [
        (Held(1049, 7), 0, []),
        (Held(1060, 7), 0, ["memory grew by 6%"]),
        (Held(1000, 8), 0, ["1 descriptors more"]),
        (Held(1000, 7), 2, ["2 records never end"]),
    ],
)
def test_what_grew(after, endless, told):
    """Five per cent of memory are forgiven, and neither a descriptor nor a record."""
    assert complaints(Held(1000, 7), after, endless) == told


def test_a_short_warm_up_is_made_allowance_for():
    """Code that has not run by then may still come, but not without end; every connection was there before."""
    assert complaints(Held(1000, 7), Held(1299, 7), 0, SHORT) == []
    assert len(complaints(Held(1000, 7), Held(1301, 8), 0, SHORT)) == 2
