"""Whatever is done in whatever order, each store and a plain model agree: 2,000 times fifty steps with --long."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from marks import proof

from flask_gosession.stores.base import Store
from flask_gosession.testing.proofs.machine import SessionMachine

pytestmark = proof

EXAMPLES, STEPS = 20, 25
LONG_EXAMPLES, LONG_STEPS = 2000, 50


def test_store_and_model_agree(race_store: Store, pytestconfig: pytest.Config) -> None:
    """REV-02, REV-04, REV-12, REF-01, REF-03: every answer is the model's, and so is what is listed afterwards."""
    long = pytestconfig.getoption("long")
    run_state_machine_as_test(
        type("Machine", (SessionMachine,), {"store": race_store}),
        settings=settings(
            max_examples=LONG_EXAMPLES if long else EXAMPLES,
            stateful_step_count=LONG_STEPS if long else STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
