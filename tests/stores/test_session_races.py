"""What happens to one session at the same time, on every store that is asked for: a thousand rounds with --long."""

from __future__ import annotations

import pytest
from marks import proof

from flask_gosession.stores.base import Store
from flask_gosession.testing.proofs.session_races import SessionRaces

pytestmark = proof


class TestSessionRaces(SessionRaces):
    @pytest.fixture(autouse=True)
    def _rounds(self, pytestconfig: pytest.Config) -> None:
        if pytestconfig.getoption("long"):
            self.rounds = 1000

    @pytest.fixture
    def store(self, race_store: Store) -> Store:
        return race_store
