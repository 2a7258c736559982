"""Processes racing on one store, on every store that is asked for and that several processes can reach."""

from __future__ import annotations

import pytest
from marks import proof

from flask_gosession.testing.proofs.races import ProcessRaces

pytestmark = proof


class TestProcessRaces(ProcessRaces):
    @pytest.fixture
    def store_url(self, process_store: str) -> str:
        return process_store
