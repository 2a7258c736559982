"""A slice of the faults, another one each day: nothing is lost, and nobody is told what must not be."""

from __future__ import annotations

import os
import time
from contextlib import closing
from zlib import crc32

import pytest

from .catalogue import BY_NAME
from .report import line_of
from .runs import Places
from .site import WORKERS
from .stages import is_installed

SLICE = 10
"""How many faults a day; each takes about ten seconds, and the start of what it wants as many."""
LOOSELY = 10.0
"""No bound of time is missed for the load of a machine: what is to be found here is a wrong answer, not a late one."""


def of_day(day: int) -> list[str]:
    """Return the names of one day's faults, spread over all kinds; after some days each had its turn."""
    return list(BY_NAME)[day % -(-len(BY_NAME) // SLICE) :: -(-len(BY_NAME) // SLICE)]


TODAY = int(os.environ.get("FAULTS_DAY", time.time() // 86_400))
"""The environment may name another day, to run its faults again."""


@pytest.fixture(scope="module")
def places():
    with closing(Places(LOOSELY)) as all_of_them:
        yield all_of_them


@pytest.mark.long
@pytest.mark.flaky(reruns=0)  # what was answered wrongly once is not right for being answered rightly the next time
@pytest.mark.parametrize("name", of_day(TODAY))
def test_fault(name, places):
    """Under load, every answer agrees with the model of what must be valid; all is well again in time."""
    fault = BY_NAME[name]
    if not is_installed(fault.stage):
        pytest.skip(f"{fault.stage} is not installed")
    worker = sorted(WORKERS)[(TODAY + crc32(fault.stage.encode())) % len(WORKERS)]
    outcome = places.run(fault, worker)
    assert outcome.violations == [], line_of(outcome)


def test_each_fault_has_its_turn():
    """The slices of some days are all faults, once each."""
    days = -(-len(BY_NAME) // SLICE)
    assert sorted(name for day in range(TODAY, TODAY + days) for name in of_day(day)) == sorted(BY_NAME)
