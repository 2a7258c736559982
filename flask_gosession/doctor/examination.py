"""All checks of one realm, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from flask_gosession.doctor.cookies import check_cookies
from flask_gosession.doctor.keys import check_keys
from flask_gosession.doctor.lifetimes import check_lifetimes
from flask_gosession.doctor.stores import check_store
from flask_gosession.doctor.surroundings import check_surroundings
from flask_gosession.findings import SEVERITIES, Finding
from flask_gosession.web.state import State


def examine(state: State) -> list[Finding]:
    """Return the findings, the worst first. Writes nothing; takes about a second if the store is far away."""
    return sorted(_all(state), key=lambda finding: -SEVERITIES.index(finding.severity))


def _all(state: State) -> Iterator[Finding]:
    yield from check_store(state)
    yield from check_lifetimes(state.config)
    yield from check_keys(state)
    yield from check_cookies(state)
    yield from check_surroundings(state)
