"""What doctor says of an app, by the name of the check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cli.shop import make_shop

from flask_gosession.findings import Finding
from flask_gosession.testing.clock import FakeClock

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examine(clock: FakeClock) -> Examine:
    """Return what sets an app up over a store, and returns the worst finding of each check."""

    def examining(store: Any = "memory://", **config: Any) -> dict[str, Finding]:
        shop = make_shop(store, clock, testing=config.pop("TESTING", False), **config)
        with shop.app.app_context():
            findings = shop.gosession.doctor()
        shop.manager.close()
        return {finding.check: finding for finding in reversed(findings)}

    return examining


def severities(findings: dict[str, Finding]) -> dict[str, str]:
    """Return what is not well, but for how fast the store was: a busy machine is no wrong set-up."""
    return {
        check: finding.severity
        for check, finding in findings.items()
        if finding.severity != "ok" and check != "store.latency"
    }
