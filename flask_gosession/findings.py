"""What a check of a set-up finds: what is so, why it matters, and what to do about it.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

Severity = Literal["ok", "advice", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the best to the worst. You may well decide against advice, but not against a warning."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was checked."""

    check: str
    """The name of the check, such as ``redis.eviction``: stable, for filters."""
    severity: Severity
    what: str
    """What is so, in one sentence."""
    why: str = ""
    """Why it matters; empty if all is well."""
    fix: str = ""
    """What to do, if possible as text to paste; empty if all is well."""


def ok(check: str, what: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, "ok", what)


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the severity of the worst of *findings*; ``"ok"`` if there is none."""
    found: list[Severity] = ["ok", *(finding.severity for finding in findings)]
    return max(found, key=SEVERITIES.index)
