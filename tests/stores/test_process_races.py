"""Processes racing on one store, on every store that is asked for and that several processes can reach."""

from __future__ import annotations

import pytest

from flask_gosession.testing.proofs.races import ProcessRaces


class TestProcessRaces(ProcessRaces):
    @pytest.fixture
    def store_url(self, process_store: str) -> str:
        return process_store
